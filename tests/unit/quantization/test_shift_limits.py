"""Positions moved to where the shifts of a DPU reach, by hand (scale = 2**-position)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from tc_target_riscv.facts import SPEC
from toolchain.core.dtypes import DType
from toolchain.core.quant import ParamSet, PerTensor, QuantParams, QuantSpec, Rounding, ScaleKind
from toolchain.core.target import OpSupport, ShiftLimits
from toolchain.errors import QuantizationError
from toolchain.quantization.plan import make_plan
from toolchain.quantization.shift_limits import (
    Limited,
    limit_activations,
    limited_bias,
    limited_weight,
    position_of,
)

LIMITS = ShiftLimits(cut=(0, 16), bias=16, bias_below_cut=16, read=15, write=(-15, 15))
POWER = QuantSpec(symmetric=True, scale_kind=ScaleKind.POWER_OF_TWO, rounding=Rounding.HALF_UP)
DPU = replace(
    SPEC,
    activation=POWER,
    weight=replace(POWER, granularity=PerTensor()),
    shift_limits=LIMITS,
    ops={**SPEC.ops, "Sigmoid": OpSupport(input_positions=(0, 15))},
)


def at(position: int) -> QuantParams:
    return QuantParams(scale=np.float32(2.0**-position), zero_point=np.int32(0), spec=POWER)


def test_position_of_a_scale() -> None:
    assert [int(position_of(at(p))) for p in (-3, 0, 7)] == [-3, 0, 7]


@pytest.mark.parametrize(
    ("x", "w", "y", "wanted"),
    [
        (4, 7, 5, 7),  # cut 6
        (4, 7, 13, 9),  # cut -2: w rises by 2
        (12, 12, 3, 7),  # cut 21: w falls by 5
    ],
)
def test_cut(x: int, w: int, y: int, wanted: int) -> None:
    assert int(position_of(limited_weight(at(w), at(x), at(y), LIMITS))) == wanted


@pytest.mark.parametrize(
    ("b", "wanted"),
    [
        (13, 13),  # x + w - b = -2, at least cut - 16 = -10
        (25, 21),  # -14 is below -10
        (-8, -5),  # 19 is above 16
    ],
)
def test_bias_shift(b: int, wanted: int) -> None:
    """x + w = 11, y = 5: cut 6."""
    assert int(position_of(limited_bias(at(b), at(7), at(4), at(5), LIMITS))) == wanted


def limited(
    graph_of: Callable, model: object, positions: dict[str, int], pinned: frozenset[str]
) -> Limited:
    graph = graph_of(model)
    plan = make_plan(graph, DPU, bias_dtype=DType.INT32)
    params = ParamSet(values={name: at(positions[name]) for name in plan.specs})
    return limit_activations(graph, plan, params, DPU, pinned)


@pytest.fixture
def limit(make_text_model: Callable, graph_of: Callable) -> Callable:
    def run(body: str, positions: dict[str, int], pinned: frozenset[str] = frozenset()) -> Limited:
        model = make_text_model(body, "float[1,2,3] a, float[1,2,3] b", "float[1,2,3] y")
        return limited(graph_of, model, positions, pinned)

    return run


def positions(found: Limited) -> dict[str, int]:
    return {name: int(position_of(params)) for name, params in found.params.values.items()}


def test_what_is_within_the_limits_stays(limit: Callable) -> None:
    found = limit("y = Add(a, b)", {"a": 5, "b": 3, "y": 4})
    assert positions(found) == {"a": 5, "b": 3, "y": 4}
    assert found.moved == frozenset()


def test_an_input_that_is_too_fine_to_be_read_beside_the_other(limit: Callable) -> None:
    found = limit("y = Add(a, b)", {"a": 22, "b": 3, "y": 4})
    assert positions(found) == {"a": 18, "b": 3, "y": 4}
    assert found.moved == {"a"}


@pytest.mark.parametrize(("y", "wanted"), [(25, 18), (-20, -12)])
def test_a_sum_that_cannot_be_written(limit: Callable, y: int, wanted: int) -> None:
    """min(a) = 3: y lies between 3 - 15 and 3 + 15."""
    assert positions(limit("y = Add(a, b)", {"a": 5, "b": 3, "y": y}))["y"] == wanted


def test_a_product_is_written_from_the_sum_of_positions(limit: Callable) -> None:
    """a + b = 14: y lies between -1 and 29."""
    assert positions(limit("y = Mul(a, b)", {"a": 7, "b": 7, "y": -4}))["y"] == -1


def test_input_positions_of_an_operator(limit: Callable) -> None:
    found = limit("s = Sigmoid(a)  y = Add(s, b)", {"a": 17, "s": 7, "b": 4, "y": 4})
    assert positions(found) == {"a": 15, "s": 7, "b": 4, "y": 4}


def test_a_move_takes_its_whole_group_along(limit: Callable) -> None:
    """t is a transposed twice: the three share their parameters."""
    body = "t = Transpose <perm=[0,1,2]> (a)  u = Relu(t)  y = Add(t, b)"
    found = limit(body, {"a": 22, "t": 22, "u": 22, "b": 3, "y": 4})
    assert positions(found)["a"] == positions(found)["t"] == 18


def test_moves_carry_on_to_the_next_operator(limit: Callable) -> None:
    """h must come down to 3 + 15 to be written from a and b, then y to 0 + 15 beside it."""
    found = limit("h = Add(a, b)  y = Add(h, a)", {"a": 3, "b": 3, "h": 40, "y": 40})
    assert positions(found) == {"a": 3, "b": 3, "h": 18, "y": 18}


def test_a_given_scale_does_not_move(limit: Callable) -> None:
    with pytest.raises(QuantizationError, match="A given scale"):
        limit("y = Add(a, b)", {"a": 22, "b": 3, "y": 4}, frozenset({"a"}))


def test_targets_without_limits_are_left_alone(
    make_text_model: Callable, graph_of: Callable
) -> None:
    graph = graph_of(make_text_model("y = Relu(a)", "float[1,2] a", "float[1,2] y"))
    plan = make_plan(graph, SPEC, bias_dtype=DType.INT32)
    params = ParamSet(values={"a": at(100)})
    assert limit_activations(graph, plan, params, SPEC, frozenset()).params is params
