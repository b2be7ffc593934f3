"""Facts, rules and package of the dpu target."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tc_target_dpu.facts import SPEC
from tc_target_dpu.options import DpuOptions
from tc_target_dpu.package import write_package
from tc_target_dpu.plugin import tc_targets
from toolchain.core.dtypes import DType
from toolchain.core.quant import PerTensor, Rounding, ScaleKind
from toolchain.core.target import Requantization, ShiftLimits
from toolchain.numerics.affine import params_from_range

(TARGET,) = tc_targets()


def w(*shape: int) -> dict[str, np.ndarray]:
    return {"w": np.zeros(shape, np.float32)}


def test_the_numbers_of_the_family():
    for spec in (SPEC.activation, SPEC.weight):
        assert (spec.dtype, spec.symmetric) == (DType.INT8, True)
        assert (spec.granularity, spec.scale_kind) == (PerTensor(), ScaleKind.POWER_OF_TWO)
    assert SPEC.weight.rounding is Rounding.HALF_AWAY
    assert (SPEC.activation.rounding, SPEC.rounding) == (Rounding.HALF_UP, Rounding.HALF_UP)
    assert SPEC.requantization is Requantization.SHIFT
    assert (SPEC.bias.dtypes, SPEC.bias.own_scale) == ((DType.INT8,), True)
    assert SPEC.shift_limits == ShiftLimits(
        cut=(0, 16), bias=16, bias_below_cut=16, read=15, write=(-15, 15)
    )


@pytest.mark.parametrize(("kernel", "reciprocal"), SPEC.pool_reciprocals.items())
def test_pool_reciprocals_are_near_the_reciprocal(
    kernel: tuple[int, int], reciprocal: tuple[int, int]
):
    factor, shift = reciprocal
    assert factor * 2.0**-shift * kernel[0] * kernel[1] == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize("op_type", ["Sigmoid", "HardSigmoid", "Tanh"])
def test_known_ranges_have_position_7(op_type: str):
    low, high = SPEC.ops[op_type].output_range or (0, 0)
    found = params_from_range(low, high, SPEC.activation, SPEC.min_scale)
    assert float(found.scale) == 2.0**-7


def test_cores_come_from_the_options():
    (size,) = TARGET.facts("b512", DpuOptions(cores=3)).platforms
    assert size.cores == 3
    assert [machine.name for machine in size.machines] == ["b512-3"]


def every(*axes: int) -> dict[str, np.ndarray]:
    """Every second element along axes, as inputs of Slice."""
    count = len(axes)
    return {
        "z": np.zeros(count, np.int64),
        "n": np.full(count, 8),
        "a": np.array(axes),
        "s": np.full(count, 2),
    }


KEPT = {
    "kernel of 16": ("b4096", "Conv(x, w)", "1,4,16,16", w(4, 4, 16, 16)),
    "depthwise kernel of 17": (
        "b4096",
        "Conv<group=4>(x, w)",
        "1,4,32,32",
        w(4, 1, 17, 17),
    ),
    "4096 channels": ("b4096", "Conv(x, w)", "1,4096,1,1", w(8, 4096, 1, 1)),
    "strides of 8": ("b512", "Conv<strides=[8,8]>(x, w)", "1,4,16,16", w(4, 4, 3, 3)),
    "transposed": ("b512", "ConvTranspose<strides=[2,2]>(x, w)", "1,4,8,8", w(4, 4, 4, 4)),
    "pool of 14": ("b512", "AveragePool<kernel_shape=[14,14]>(x)", "1,4,14,14", {}),
    "tenth": ("b512", "LeakyRelu<alpha=0.1>(x)", "1,4,8,8", {}),
    "relu6": ("b512", "Clip(x, a, b)", "1,4,8,8", {"a": np.float32(0), "b": np.float32(6)}),
    "sixth": ("b512", "HardSigmoid<alpha=0.16666667>(x)", "1,4,8,8", {}),
    "depthwise strides of 9": (
        "b512",
        "Conv<group=4, strides=[9,9]>(x, w)",
        "1,4,16,16",
        w(4, 1, 3, 3),
    ),
    "every second pixel": ("b512", "Slice(x, z, n, a, s)", "1,4,8,8", every(2, 3)),
    "some channels": (
        "b512",
        "Slice(x, z, n, a)",
        "1,4,8,8",
        {"z": np.array([1]), "n": np.array([3]), "a": np.array([1])},
    ),
    "zeros": ("b512", "Pad(x, w)", "1,4,8,8", {"w": np.array([0, 0, 1, 1] * 2)}),
}
BROKEN = {
    "kernel of 17": ("b4096", "Conv(x, w)", "1,4,32,32", w(4, 4, 17, 17), "kernel (17, 17)"),
    "two groups": (
        "b4096",
        "Conv<group=2>(x, w)",
        "1,4,8,8",
        w(4, 2, 1, 1),
        "2 groups, 4 to 4 channels",
    ),
    "more outputs per channel": (
        "b4096",
        "Conv<group=4>(x, w)",
        "1,4,8,8",
        w(8, 1, 1, 1),
        "4 groups, 4 to 8 channels",
    ),
    "4096 channels": ("b3136", "Conv(x, w)", "1,4096,1,1", w(8, 4096, 1, 1), "4096"),
    "dilated channels": (
        "b4096",
        "Conv<dilations=[2,2]>(x, w)",
        "1,2064,4,4",
        w(1, 2064, 1, 1),
        "4128",
    ),
    "a bank too small": ("b512", "Conv(x, w)", "1,512,6,6", w(1, 512, 6, 6), "2304"),
    "strides of 9": (
        "b4096",
        "Conv<strides=[9,9]>(x, w)",
        "1,4,16,16",
        w(4, 4, 3, 3),
        "strides (9, 9)",
    ),
    "wide padding": (
        "b4096",
        "Conv<pads=[3,3,3,3]>(x, w)",
        "1,4,16,16",
        w(4, 4, 3, 3),
        "pads 3x3x3x3, kernel 3x3",
    ),
    "stride beyond the kernel": (
        "b4096",
        "ConvTranspose<strides=[3,3]>(x, w)",
        "1,4,8,8",
        w(4, 4, 2, 2),
        "kernel (2, 2), strides (3, 3)",
    ),
    "every second channel": (
        "b4096",
        "Slice(x, z, n, a, s)",
        "1,4,8,8",
        every(1),
        "steps {1: 2} of 4 axes",
    ),
    "hundredth": ("b4096", "LeakyRelu(x)", "1,4,8,8", {}, "0.01"),
    "fifth": ("b4096", "HardSigmoid(x)", "1,4,8,8", {}, "0.2 x + 0.5"),
    "relu1": ("b4096", "Clip(x, a)", "1,4,8,8", {"a": np.float32(-1)}, "from -1 to none"),
    "ones": (
        "b4096",
        "Pad(x, w, a)",
        "1,4,8,8",
        {"w": np.array([0, 0, 1, 1] * 2), "a": np.float32(1)},
        "mode constant, not 0",
    ),
    "uncounted padding": (
        "b4096",
        "AveragePool<kernel_shape=[3,3], pads=[1,1,1,1]>(x)",
        "1,4,8,8",
        {},
        "pads 1x1x1x1 (NOTSET), count_include_pad 0, ceil_mode 0",
    ),
}


@pytest.mark.parametrize(("size", "text", "shape", "constants"), KEPT.values(), ids=KEPT)
def test_nodes_that_run(node_of: Callable, size: str, text: str, shape: str, constants: dict):
    assert SPEC.on(size).violations(node_of(text, shape, **constants)) == ()


@pytest.mark.parametrize(
    ("size", "text", "shape", "constants", "measured"), BROKEN.values(), ids=BROKEN
)
def test_nodes_that_do_not(
    node_of: Callable, size: str, text: str, shape: str, constants: dict, measured: str
):
    node = node_of(text, shape, **constants)
    assert [found for _, found in SPEC.on(size).violations(node)] == [measured]


@pytest.mark.parametrize(("size", "fits"), [("b4096", True), ("b800", False)])
def test_matrix_products_by_size(node_of: Callable, size: str, fits: bool):
    node = node_of("Gemm<transB=1>(x, w)", "1,3000", "A,B", **w(10, 3000))
    assert (SPEC.on(size).violations(node) == ()) is fits


def test_package(package: Callable):
    options = DpuOptions(cores=2)
    files = package(TARGET, write_package, platform="b1024", options=options)
    assert files["tiny.arch.json"] == {"cores": 2, "target": "DPUCZDX8G_ISA1_B1024"}
    info = files["tiny.quant_info.json"]
    assert info["input"] == {"c_node": [[8, 5]], "y_node": [None]}
    assert info["output"] == {"c_node": [None], "y_node": [[8, 4]]}
    weight, bias = info["param"]["w"], next(v for k, v in info["param"].items() if k[0] == "b")
    assert weight == [8, 6]
    assert bias == [8, 7]  # 0.5 needs 127 * 2**-7, which is above it


@pytest.mark.parametrize(
    ("attributes", "factors", "runs"),
    [
        ('mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor"', 2, 1),
        ('mode="nearest"', 3, 1),
        ('mode="nearest"', 1.5, 0),
        ('mode="linear"', 2, 0),
        ('mode="nearest", coordinate_transformation_mode="asymmetric"', 4, 0),
    ],
)
def test_resizing(node_of: Callable, attributes: str, factors: float, runs: int):
    """By whole factors; asymmetric positions that are rounded do not repeat each pixel alike."""
    size = int(8 * factors)
    scales = {"s": np.array([1, 1, factors, factors], np.float32)}
    node = node_of(f'Resize<{attributes}>(x, "", s)', "1,4,8,8", f"1,4,{size},{size}", **scales)
    assert (SPEC.on("b4096").violations(node) == ()) is bool(runs)
