"""Facts, options, rules and package of the npu target."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tc_target_npu.facts import SPEC
from tc_target_npu.options import HARDWARE, MODES, NpuMode, NpuOptions
from tc_target_npu.package import write_package
from tc_target_npu.plugin import tc_targets
from toolchain.core.dtypes import DType
from toolchain.core.quant import Rounding
from toolchain.core.target import Requantization
from toolchain.errors import Code, ConfigError

(TARGET,) = tc_targets()
TWICE = np.array([1, 1, 2, 2], np.float32)


def test_the_numbers_of_the_family():
    assert (SPEC.activation.dtype, SPEC.activation.symmetric) == (DType.UINT8, False)
    assert (SPEC.weight.dtype, SPEC.weight.qmin, SPEC.weight.qmax) == (DType.INT8, -127, 127)
    assert SPEC.bias.dtypes == (DType.INT32, DType.FLOAT32)
    assert SPEC.requantization is Requantization.FLOAT32_MULTIPLIER
    assert (SPEC.rounding, SPEC.wide_accumulator) == (Rounding.HALF_EVEN, DType.INT64)


def test_four_bits_on_two_chips_only():
    with_four = {c.name for c in SPEC.platforms if DType.INT4 in SPEC.on(c.name).weight_dtypes}
    assert with_four == {"ax650", "m76h"}


def test_operators_that_chips_lack():
    assert "Floor" in SPEC.on("ax650").ops
    assert "Floor" not in SPEC.on("ax630c").ops
    assert "Neg" in SPEC.on("ax637").ops
    assert "Neg" not in SPEC.on("ax650").ops


def test_every_chip_has_modes_and_a_name_for_the_vendor():
    assert set(MODES) == set(HARDWARE) == {chip.name for chip in SPEC.platforms}
    assert HARDWARE["ax630c"] == "AX620E"
    assert HARDWARE["m76h"] == "M76H"


@pytest.mark.parametrize(
    ("chip", "mode"), [("ax650", "NPU3"), ("ax620e", "NPU2"), ("ax8860", "NPU4"), ("m57", "NPU1")]
)
def test_modes_of_a_chip(chip: str, mode: str):
    (platform,) = TARGET.facts(chip, NpuOptions(npu_mode=NpuMode(mode))).platforms
    assert [machine.name for machine in platform.machines] == [f"{chip}-{mode.lower()}"]


@pytest.mark.parametrize(
    ("chip", "mode", "allowed"),
    [
        ("ax650", "NPU4", "NPU1 or NPU2 or NPU3"),
        ("ax8860", "NPU3", "NPU1 or NPU2 or NPU4"),
        ("m57", "NPU2", "NPU1"),
    ],
)
def test_modes_that_a_chip_lacks(chip: str, mode: str, allowed: str):
    with pytest.raises(ConfigError) as raised:
        TARGET.facts(chip, NpuOptions(npu_mode=NpuMode(mode)))
    (problem,) = raised.value.problems
    assert problem.code is Code.BAD_VALUE
    assert (problem.where, problem.allowed) == ("target.npu.options.npu_mode", allowed)


@pytest.mark.parametrize(
    ("text", "constants"),
    {
        "preferring ceil": ("Resize<nearest_mode='round_prefer_ceil'>(x,,s)", {"s": TWICE}),
        "repeated from edges": (
            "Resize<nearest_mode='floor', coordinate_transformation_mode='asymmetric'>(x,,s)",
            {"s": TWICE},
        ),
        "repeated from centres": ("Resize(x,,s)", {"s": TWICE}),
        "linear": ("Resize<mode='linear'>(x,,s)", {"s": TWICE}),
        "depth first": ("DepthToSpace<blocksize=2>(x)", {}),
        "factor": ("Mul(x, s)", {"s": np.float32(2)}),
        "slope": ("PRelu(x, s)", {"s": np.zeros((4, 1, 1), np.float32)}),
        "square": ("Pow(x, s)", {"s": np.float32(2)}),
    }.values(),
)
def test_nodes_that_run(node_of: Callable, text: str, constants: dict):
    assert SPEC.violations(node_of(text, **constants)) == ()


@pytest.mark.parametrize(
    ("text", "constants", "measured"),
    {
        "floor from centres": (
            "Resize<nearest_mode='floor'>(x,,s)",
            {"s": TWICE},
            "floor, half_pixel, whole factors",
        ),
        "no whole factors": (
            "Resize<nearest_mode='floor', coordinate_transformation_mode='asymmetric'>(x,,s)",
            {"s": np.array([1, 1, 1.5, 2], np.float32)},
            "floor, asymmetric, no whole factors",
        ),
        "columns first": ("DepthToSpace<blocksize=2, mode='CRD'>(x)", {}, "mode CRD"),
        "factor 1": ("Mul(x, s)", {"s": np.ones(4, np.float32).reshape(4, 1, 1)}, "1"),
        "slope per row": (
            "PRelu(x, s)",
            {"s": np.zeros((8, 1), np.float32)},
            "slope (8, 1), 4 channels",
        ),
        "dilated transposition": (
            "ConvTranspose<dilations=[2,2]>(x, s)",
            {"s": np.zeros((4, 4, 2, 2), np.float32)},
            "dilations 2x2",
        ),
        "exponents": ("Pow(x, s)", {"s": np.ones(8, np.float32)}, "shape (8,)"),
        "two axes of indices": ("Gather(x, s)", {"s": np.array([[0, 0]])}, "2 axes"),
    }.values(),
)
def test_nodes_that_do_not(node_of: Callable, text: str, constants: dict, measured: str):
    out = "A,B,C,D,E" if "Gather" in text else "A,B,C,D"
    assert [found for _, found in SPEC.violations(node_of(text, out=out, **constants))] == [
        measured
    ]


def test_package(package: Callable):
    options = NpuOptions(npu_mode=NpuMode.NPU2)
    files = package(TARGET, write_package, platform="ax630c", options=options)
    assert files["tiny.build.json"] == {
        "input": "tiny.qdq.onnx",
        "model_type": "QuantONNX",
        "npu_mode": "NPU2",
        "target_hardware": "AX620E",
    }
    conv = files["tiny.quant.json"]["configs"]["c_node"]
    assert conv["x"]["scale"] == [1 / 32]
    assert (conv["x"]["quant_min"], conv["x"]["quant_max"]) == (0, 255)
    assert (conv["x"]["state"], conv["x"]["policy"]["ASYMMETRICAL"]) == ("ACTIVATED", True)
    assert conv["w"]["scale"] == [2.0**-6, 2.0**-7]
    assert (conv["w"]["quant_min"], conv["w"]["quant_max"]) == (-127, 127)
    assert (conv["w"]["state"], conv["w"]["policy"]["PER_CHANNEL"]) == ("BAKED", True)
    bias = next(found for name, found in conv.items() if name.startswith("b"))
    assert (bias["state"], bias["bit_width"]) == ("PASSIVE_BAKED", 32)
    assert bias["scale"] == [2.0**-11, 2.0**-12]
    assert conv["c"] == {"state": "OVERLAPPED"}
    assert files["tiny.quant.json"]["configs"]["y_node"]["y"]["scale"] == [1 / 16]
