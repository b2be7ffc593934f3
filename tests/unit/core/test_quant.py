"""Specs, parameters and plans as records."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from toolchain.core.dtypes import DType
from toolchain.core.quant import (
    Edge,
    ParamSet,
    PerChannel,
    QuantParams,
    QuantPlan,
    QuantSpec,
)

INT8 = QuantSpec(dtype=DType.INT8)
UINT8 = QuantSpec(dtype=DType.UINT8)


def test_range_of_a_spec():
    assert (INT8.qmin, INT8.qmax) == (-128, 127)
    assert (UINT8.qmin, UINT8.qmax) == (0, 255)
    narrow = QuantSpec(dtype=DType.INT8, narrow_range=True)
    assert (narrow.qmin, narrow.qmax) == (-127, 127)


def test_specs_are_values():
    assert QuantSpec(granularity=PerChannel(1)) == QuantSpec(granularity=PerChannel(1))
    assert len({INT8, UINT8, QuantSpec(dtype=DType.INT8)}) == 2
    with pytest.raises(FrozenInstanceError):
        INT8.symmetric = True  # type: ignore[misc]


def test_params_copy_and_freeze_their_arrays():
    scale = np.array([0.5, 0.25])
    params = QuantParams(scale=scale, zero_point=[1, 2], spec=INT8)  # type: ignore[arg-type]
    scale[0] = 9
    assert params.scale.dtype == np.float32
    assert params.zero_point.dtype == np.int32
    assert params.scale.tolist() == [0.5, 0.25]
    for array in (params.scale, params.zero_point):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def params(scale: float, zero_point: int, spec: QuantSpec = INT8) -> QuantParams:
    return QuantParams(scale=np.float32(scale), zero_point=np.int32(zero_point), spec=spec)


def test_same_numbers():
    assert params(0.5, 1).same_numbers(params(0.5, 1, QuantSpec(dtype=DType.INT8, symmetric=True)))
    assert not params(0.5, 1).same_numbers(params(0.5, 2))
    assert not params(0.5, 1).same_numbers(params(0.5000001, 1))
    assert not params(0.5, 1).same_numbers(params(0.5, 1, UINT8))


def test_plans_are_replaced_not_mutated():
    edge, other = Edge("a", "n", 0), Edge("b", "n", 1)
    plan = QuantPlan(
        specs={"a": INT8, "b": INT8},
        conversions={edge: UINT8},
        shared=(frozenset("ab"),),
        fused={"c": "d"},
    )
    changed = plan.with_changes(specs={"a": None, "e": UINT8}, conversions={other: None})
    assert changed.specs == {"b": INT8, "e": UINT8}
    assert changed.conversions == {edge: UINT8, other: None}
    assert (changed.shared, changed.fused) == (plan.shared, plan.fused)
    assert plan.specs == {"a": INT8, "b": INT8}
    with pytest.raises(TypeError):
        plan.specs["a"] = UINT8  # type: ignore[index]


def test_param_sets_do_not_follow_their_source():
    values = {"a": params(1, 0)}
    found = ParamSet(values=values)
    values.clear()
    assert set(found.values) == {"a"}
    assert found.edges == {}
