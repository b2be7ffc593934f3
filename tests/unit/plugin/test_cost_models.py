"""Cost models of plugins: found by chip, and held to one finite estimate per operation."""

from __future__ import annotations

from typing import Any

import pytest

from toolchain.core.cost import Bound, OperationCost, OperationEstimate
from toolchain.core.dtypes import DType
from toolchain.core.registry import CostModelDef
from toolchain.errors import Code, PluginError


def model(name: str, function: Any = None, **fields: Any) -> CostModelDef:
    defaults = {"target": "board", "platforms": ("b1",), "sources": ("data sheet",)}
    return CostModelDef(name=name, summary=name, function=function or tuple, **defaults | fields)


def operation(name: str) -> OperationCost:
    return OperationCost(
        name=name,
        kind="Table",
        dtype=DType.INT8,
        macs=0,
        products=None,
        element_steps=1,
        weight_bytes=256,
        input_bytes=1,
        output_bytes=1,
    )


def estimated(name: str, latency_us: float = 1.0) -> OperationEstimate:
    return OperationEstimate(name=name, latency_us=latency_us, bound=Bound.COMPUTE)


def test_the_first_model_of_a_chip(manager: Any, plugin: Any) -> None:
    found = manager(
        one=plugin(tc_cost_models=lambda: [model("a"), model("b", platforms=("b1", "b2"))]),
        two=plugin(tc_cost_models=lambda: [model("c", target="other")]),
    )
    assert list(found.cost_models()) == ["a", "b", "c"]
    chips = (("board", "b1"), ("board", "b2"), ("other", "b1"))
    assert [found.cost_model(*chip).name for chip in chips] == ["a", "b", "c"]
    assert found.cost_model("board", "b3") is None


def ask(manager: Any, plugin: Any, function: Any) -> Any:
    found = manager(one=plugin(tc_cost_models=lambda: [model("a", function)]))
    return found.cost_models()["a"].function((operation("x"), operation("y")), 1)


def test_estimates_are_handed_on(manager: Any, plugin: Any) -> None:
    expected = (estimated("x"), estimated("y", 0.0))
    assert ask(manager, plugin, lambda *_: expected) == expected


@pytest.mark.parametrize(
    ("answer", "got"),
    [
        ((estimated("x"),), "1 estimates"),
        ((estimated("y"), estimated("x")), "2 estimates"),
        ((estimated("x"), estimated("y", float("nan"))), "nan"),
        ((estimated("x"), estimated("y", -1.0)), "-1.0"),
        (None, "NoneType: None"),
        ((estimated("x"), "y"), "str: y"),
    ],
)
def test_what_is_no_estimate(manager: Any, plugin: Any, answer: Any, got: str) -> None:
    with pytest.raises(PluginError) as caught:
        ask(manager, plugin, lambda *_: answer)
    (problem,) = caught.value.problems
    assert (problem.code, problem.got) == (Code.PLUGIN_BAD_RETURN, got)
    assert problem.where.startswith("one (one-dist 1.2), function of `a`")
