"""Parameters given by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from tc_target_riscv.facts import SPEC
from toolchain.core.dtypes import DType
from toolchain.core.graph_view import GraphView
from toolchain.core.options import RangePin
from toolchain.core.quant import PerChannel, PerTensor, QuantParams, QuantPlan, QuantSpec, ScaleKind
from toolchain.errors import Code, ConfigError
from toolchain.quantization.pins import check_pins, fixed_functions, pin_functions
from toolchain.quantization.plan import make_plan

BODY = "c = Conv(x, w, b) r = Relu(c) f = Flatten(r) s = Sin(f) y = Neg(s)"
ASYMMETRIC = QuantSpec(dtype=DType.INT8)
PER_CHANNEL = QuantSpec(
    dtype=DType.INT8, symmetric=True, granularity=PerChannel(0), narrow_range=True
)


@pytest.fixture
def graph(make_text_model: Callable, graph_of: Callable) -> GraphView:
    """A convolution of three channels and an island."""
    proto = make_text_model(
        BODY,
        "float[1,2,4,4] x",
        "float[A,B] y",
        w=np.ones((3, 2, 1, 1), np.float32),
        b=np.ones(3, np.float32),
    )
    return graph_of(proto)


@pytest.fixture
def plan(graph: GraphView) -> QuantPlan:
    """Its plan."""
    return make_plan(graph, SPEC, bias_dtype=DType.INT32)


def test_scale_and_zero_point():
    make = pin_functions([RangePin(tensor="x", scale=0.25, zero_point=-7)], 2.0**-23)["x"]
    found = make(ASYMMETRIC)
    assert (found.scale.tolist(), found.zero_point.tolist()) == (0.25, -7)
    assert found.spec == ASYMMETRIC


def test_zero_point_left_out():
    make = pin_functions([RangePin(tensor="x", scale=0.25)], 2.0**-23)["x"]
    assert make(ASYMMETRIC).zero_point.tolist() == 0
    symmetric = QuantSpec(dtype=DType.UINT8, symmetric=True)
    assert make(symmetric).zero_point.tolist() == 128


def test_range():
    make = pin_functions([RangePin(tensor="x", min=-1.0, max=4.1)], 2.0**-23)["x"]
    found = make(ASYMMETRIC)
    # 5.1 / 255 = 0.02; -128 + 1 / 0.02 = -78.
    assert found.scale == np.float32(0.02)
    assert found.zero_point == -78


def test_one_number_for_a_weight_per_channel():
    make = pin_functions([RangePin(tensor="w", min=-1.27, max=0.5)], 2.0**-23)["w"]
    found = make(PER_CHANNEL)
    assert isinstance(found.spec.granularity, PerTensor)
    assert found.scale == np.float32(0.01)


def test_one_number_per_channel():
    scales = pin_functions([RangePin(tensor="w", scale=(0.1, 0.2, 0.3))], 2.0**-23)["w"]
    found = scales(PER_CHANNEL)
    np.testing.assert_array_equal(found.scale, np.array([0.1, 0.2, 0.3], np.float32))
    assert found.zero_point.tolist() == [0, 0, 0]
    ranges = pin_functions([RangePin(tensor="w", min=(-1.27, -2.54), max=(0.0, 0.0))], 2.0**-23)[
        "w"
    ]
    np.testing.assert_array_equal(ranges(PER_CHANNEL).scale, np.array([0.01, 0.02], np.float32))


def test_fixed_parameters_are_what_they_are():
    params = QuantParams(scale=np.float32(0.5), zero_point=np.int32(1), spec=ASYMMETRIC)
    assert fixed_functions({"x": params})["x"](PER_CHANNEL) is params


def test_rows(graph: GraphView, plan: QuantPlan):
    pins = [
        RangePin(tensor="x", scale=0.5, zero_point=1),
        RangePin(tensor="w", min=(-1.0, -1.0, -2.0), max=(1.0, 1.0, 1.0)),
        RangePin(tensor="r", min=0.0, max=3.0),
    ]
    rows = check_pins(pins, graph, plan, {})
    assert [(row.rule, row.target, row.setting) for row in rows] == [
        ("mixed_precision.pins[0]", "x", "scale = 0.5"),
        ("mixed_precision.pins[1]", "w", "range = (-1.0, -1.0, -2.0) .. (1.0, 1.0, 1.0)"),
        ("mixed_precision.pins[2]", "r", "range = 0.0 .. 3.0"),
    ]


def test_all_problems_of_pins(graph: GraphView, plan: QuantPlan):
    fixed = {"x": QuantParams(scale=np.float32(0.5), zero_point=np.int32(1), spec=ASYMMETRIC)}
    pins = [
        RangePin(tensor="xx", scale=0.5),
        RangePin(tensor="c", scale=0.5),
        RangePin(tensor="x", scale=0.5),
        RangePin(tensor="s", scale=0.5),
        RangePin(tensor="b", scale=0.5),
        RangePin(tensor="w", scale=(0.5, 0.5)),
        RangePin(tensor="w", scale=0.5, zero_point=3),
        RangePin(tensor="y", scale=(0.5, 0.5)),
        RangePin(tensor="y", scale=0.5, zero_point=128),
        RangePin(tensor="r", scale=0.5),
        RangePin(tensor="f", scale=0.25),
    ]
    with pytest.raises(ConfigError) as caught:
        check_pins(pins, graph, plan, fixed)
    assert [(p.code, p.where, p.got) for p in caught.value.problems] == [
        (Code.NO_MATCH, "mixed_precision.pins[0]", "xx"),
        (Code.NO_EFFECT, "mixed_precision.pins[1]", "c"),
        (Code.NO_EFFECT, "mixed_precision.pins[2]", "x: the model fixes its parameters"),
        (Code.NO_EFFECT, "mixed_precision.pins[3]", "s: it is stored in float"),
        (
            Code.NO_EFFECT,
            "mixed_precision.pins[4]",
            "b: its scale follows from those of its readers",
        ),
        (Code.BAD_VALUE, "mixed_precision.pins[5]", "[2] numbers"),
        (Code.BAD_VALUE, "mixed_precision.pins[6]", "3"),
        (Code.BAD_VALUE, "mixed_precision.pins[7]", "[2] numbers"),
        (Code.BAD_VALUE, "mixed_precision.pins[8]", "128"),
        (Code.CONTRADICTION, "mixed_precision.pins[10]", "f and r"),
    ]
    by_place = {problem.where: problem for problem in caught.value.problems}
    assert by_place["mixed_precision.pins[1]"].hint == "pin `r`"
    assert by_place["mixed_precision.pins[5]"].allowed == "one number, or 3, one per channel"
    assert by_place["mixed_precision.pins[7]"].allowed == "one number"
    assert by_place["mixed_precision.pins[8]"].allowed == "-128 to 127"


def test_powers_of_two(graph: GraphView, plan: QuantPlan):
    spec = replace(ASYMMETRIC, scale_kind=ScaleKind.POWER_OF_TWO)
    shifted = plan.with_changes(specs={"x": spec})
    assert check_pins([RangePin(tensor="x", scale=0.125)], graph, shifted, {})
    with pytest.raises(ConfigError, match="powers of two"):
        check_pins([RangePin(tensor="x", scale=0.3)], graph, shifted, {})


def test_pins_reach_the_program(make_text_model: Callable, build: Callable):
    proto = make_text_model(
        "c = Conv(x, w, b) y = Relu(c)",
        "float[1,2,4,4] x",
        "float[A,B,C,D] y",
        w=np.ones((3, 2, 1, 1), np.float32),
        b=np.array([1, 2, -1], np.float32),
    )
    pins = [
        RangePin(tensor="x", scale=0.125, zero_point=4),
        RangePin(tensor="y", min=0.0, max=2.55),
        RangePin(tensor="w", scale=(0.5, 0.25, 1.0)),
    ]
    built = build(proto, pins=pins)
    x, y = (built.program.tensors[f"{name}/quantized"] for name in "xy")
    assert (x.scale, x.zero_point) == (0.125, 4)
    assert (y.scale, y.zero_point) == (float(np.float32(0.01)), -128)
    # Bias steps: b / (0.125 * weight scale).
    assert built.program.constants["c_node/bias"].tolist() == [16, 64, -8]
