"""Facts, options, rules and package of the kdp target."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tc_target_kdp.facts import SPEC
from tc_target_kdp.options import KdpOptions, Quantization
from tc_target_kdp.package import _fields, write_package
from tc_target_kdp.plugin import tc_targets
from toolchain.core.dtypes import DType
from toolchain.core.quant import Rounding, ScaleKind
from toolchain.core.target import Requantization, TargetDef
from toolchain.errors import Code, CompileError
from toolchain.graph.stored import StoredTensor

(TARGET,) = tc_targets()
RADIX = KdpOptions(quantization=Quantization.RADIX)


def w(*shape: int) -> dict[str, np.ndarray]:
    return {"w": np.zeros(shape, np.float32)}


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def test_the_numbers_of_the_family():
    assert (SPEC.activation.dtype, SPEC.activation.symmetric) == (DType.INT8, True)
    assert SPEC.rounding is Rounding.HALF_AWAY
    assert SPEC.requantization is Requantization.MULTIPLIER_AND_SHIFT
    assert DType.INT4 not in SPEC.on("720").weight_dtypes
    assert DType.INT16 not in SPEC.on("520").weight_dtypes
    assert DType.INT16 in SPEC.on("520").activation_dtypes


def test_radix_is_powers_of_two_and_shifts():
    facts = TARGET.facts("730", RADIX)
    assert facts.requantization is Requantization.SHIFT
    assert {facts.activation.scale_kind, facts.weight.scale_kind} == {ScaleKind.POWER_OF_TWO}
    other = TARGET.facts("730", KdpOptions())
    assert {other.activation.scale_kind, other.weight.scale_kind} == {ScaleKind.FLOAT}


@pytest.mark.parametrize(
    ("op_type", "chips"),
    {
        "Neg": ("Neg", "520 720 530 630 730"),
        "Mul": ("Mul", "720 530 630 730"),
        "Softmax": ("Softmax", "530 630 730"),
        "HardSigmoid": ("HardSigmoid", "530 630 730"),
        "Exp": ("Exp", "720 530 630 730"),
        "Split": ("Split", "730"),
        "LayerNormalization": ("LayerNormalization", "730"),
        "Squeeze": ("Squeeze", ""),
    }.values(),
)
def test_chips_that_have_an_operator(op_type: str, chips: str):
    having = {chip.name for chip in SPEC.platforms if op_type in SPEC.on(chip.name).ops}
    assert having == set(chips.split())


AVERAGE = "AveragePool<kernel_shape=[{0},{0}], strides=[{1},{1}]>(x)"
MAXIMUM = "MaxPool<kernel_shape=[{0},{1}], strides=[{2},{3}]>(x)"
KEPT = {
    "small kernel": ("520", "Conv(x, w)", w(4, 4, 3, 3)),
    "large kernel": ("720", "Conv(x, w)", w(4, 4, 13, 13)),
    "relu6": ("520", "Clip(x, a, b)", {"a": np.float32(0), "b": np.float32(6)}),
    "average of 2": ("520", AVERAGE.format(2, 2), {}),
    "average of 4": ("720", AVERAGE.format(4, 4), {}),
    "picking": ("720", AVERAGE.format(1, 2), {}),
    "long strides": ("730", AVERAGE.format(5, 4), {}),
    "maximum of 3 by 1": ("530", MAXIMUM.format(3, 1, 2, 1), {}),
    "maximum of 5": ("520", MAXIMUM.format(5, 5, 1, 1), {}),
    "swapped neighbours": ("720", "Transpose<perm=[0,1,3,2]>(x)", {}),
    "doubled": ("720", "ConvTranspose<strides=[2,2]>(x, w)", w(4, 4, 2, 2)),
    "square": ("530", "Pow(x, w)", {"w": np.float32(2)}),
    "one index": ("520", "Gather<axis=1>(x, w)", {"w": ints(2)}),
    "padded": ("520", "Pad(x, w)", {"w": ints(0, 0, 1, 1, 0, 0, 31, 1)}),
    "sliced": ("530", "Slice(x, a, b)", {"a": ints(0, 0, 0, 1), "b": ints(1, 4, 8, 8)}),
    "expanded": ("720", "Expand(x, w)", {"w": ints(1, 4, 8, 8)}),
    "blocks": ("530", "SpaceToDepth<blocksize=2>(x)", {}),
    "mean": ("720", "ReduceMean(x, w)", {"w": ints(2, 3)}),
    "one axis": ("720", "Resize(x,,w)", {"w": np.array([1, 1, 2, 1], np.float32)}),
    "product": ("720", "MatMul(x, w)", w(8, 5)),
}
BROKEN = {
    "large kernel": ("520", "Conv(x, w)", w(4, 4, 13, 13), "kernel 13x13"),
    "high stride": ("720", "Conv<strides=[5,1]>(x, w)", w(4, 4, 3, 3), "strides 5x1"),
    "relu1": ("730", "Clip(x, a)", {"a": np.float32(-1)}, "from -1 to none"),
    "average of 3 by 4": (
        "520",
        AVERAGE.format(2, 3),
        {},
        "kernel (2, 2), strides (3, 3), ceil_mode 0",
    ),
    "average of 5": ("730", AVERAGE.format(5, 1), {}, "kernel (5, 5), strides (1, 1), ceil_mode 0"),
    "maximum of 3 by 1": (
        "520",
        MAXIMUM.format(3, 1, 2, 1),
        {},
        "kernel (3, 1), strides (2, 1), ceil_mode 0",
    ),
    "swapped channels": ("720", "Transpose<perm=[0,3,2,1]>(x)", {}, "perm (0, 3, 2, 1)"),
    "moved batch": ("530", "Transpose<perm=[1,0,2,3]>(x)", {}, "perm (1, 0, 2, 3)"),
    "tripled": ("720", "ConvTranspose<strides=[3,3]>(x, w)", w(4, 4, 3, 3), "strides (3, 3)"),
    "cube": ("730", "Pow(x, w)", {"w": np.float32(3)}, "3.0"),
    "two indices": ("730", "Gather<axis=1>(x, w)", {"w": ints(2, 3)}, "2 indices"),
    "padded by 32": (
        "730",
        "Pad(x, w)",
        {"w": ints(0, 0, 32, 0, 0, 0, 0, 0)},
        "mode constant, zero, pads [0, 0, 32, 0, 0, 0, 0, 0]",
    ),
    "strided slice": (
        "730",
        "Slice(x, a, b, c, d)",
        {"a": ints(0), "b": ints(8), "c": ints(2), "d": ints(2)},
        "steps [2]",
    ),
    "blocks of 8": ("730", "SpaceToDepth<blocksize=8>(x)", {}, "block size 8"),
    "dropped axes": ("730", "ReduceMean<keepdims=0>(x, w)", {"w": ints(2, 3)}, "keepdims = 0"),
    "over all": ("730", "ReduceMean(x)", {}, "axes (0, 1, 2, 3)"),
    "both axes": (
        "720",
        "Resize(x,,w)",
        {"w": np.array([1, 1, 2, 2], np.float32)},
        "2 axes change",
    ),
    "from centres": (
        "520",
        "Resize(x,,w)",
        {"w": np.array([1, 1, 2, 2], np.float32)},
        "4 axes, half_pixel, round_prefer_floor",
    ),
}


@pytest.mark.parametrize(("chip", "text", "constants"), KEPT.values(), ids=KEPT)
def test_nodes_that_run(node_of: Callable, chip: str, text: str, constants: dict):
    assert SPEC.on(chip).violations(node_of(text, **constants)) == ()


@pytest.mark.parametrize(("chip", "text", "constants", "measured"), BROKEN.values(), ids=BROKEN)
def test_nodes_that_do_not(node_of: Callable, chip: str, text: str, constants: dict, measured: str):
    out = "A,B" if "keepdims=0" in text else "A,B,C,D"
    node = node_of(text, out=out, **constants)
    assert [found for _, found in SPEC.on(chip).violations(node)] == [measured]


def test_global_pools_by_size(node_of: Callable):
    node = node_of("GlobalAveragePool(x)", shape="1,4,16,17")
    assert SPEC.violations(node) == ()
    assert SPEC.on("520").violations(node) == (("Rows * columns is at most 256.", "272 elements"),)


def test_package_with_radix_and_scale(package: Callable):
    files = package(TARGET, write_package, platform="720", options=KdpOptions())
    radix = files["tiny.radix.json"]
    assert (radix["platform"], radix["quantization"]) == ("720", "radix_scale")
    tensors = radix["tensors"]
    assert tensors["x"] == {"axis": None, "bitwidth": 8, "radix": [5], "scale": [1.0]}
    assert tensors["w"] == {"axis": 0, "bitwidth": 8, "radix": [6, 7], "scale": [1.0, 1.0]}
    assert tensors["y"]["radix"] == [4]


def test_radix_of_other_scales():
    # 1/0.3 = 3.333... = 1.666... * 2**1
    tensor = StoredTensor(
        name="t",
        dtype=DType.INT16,
        scale=np.array([0.3], np.float32),
        zero_point=np.zeros(1, np.int64),
        axis=None,
        is_constant=False,
    )
    found = _fields(tensor)
    assert (found["bitwidth"], found["radix"]) == (15, [1])
    assert found["scale"] == pytest.approx([1 / 0.6], rel=1e-6)


def test_radix_refuses_other_scales(package: Callable):
    free = TargetDef(spec=SPEC, options=KdpOptions)  # the option changes no fact: scales are free
    with pytest.raises(CompileError) as raised:
        package(free, write_package, platform="730", options=RADIX, x_scale=0.03)
    first, *_ = raised.value.problems
    assert (first.code, first.where) == (Code.PACKAGE_INVALID, "x")
    assert first.allowed == "scales that are powers of two"
