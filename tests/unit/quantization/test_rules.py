"""Mixed-precision rules: what they select, which wins, and whether they took effect."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tc_target_riscv.facts import SPEC
from toolchain.core.dtypes import DType
from toolchain.core.graph_view import GraphView
from toolchain.core.options import PrecisionRule
from toolchain.core.reports import RuleEffect
from toolchain.errors import Code, ConfigError, QuantizationError
from toolchain.quantization.plan import make_plan
from toolchain.quantization.precision import NodePrecision
from toolchain.quantization.rules import describe, effects, settle, subgraph

BODY = """
    c1 = Conv<pads=[1,1,1,1]>(x, w1)
    r1 = Relu(c1)
    c2 = Conv<pads=[1,1,1,1]>(r1, w2)
    a = Add(c2, r1)
    f = Flatten(a)
    y = Softmax(f)
"""


@pytest.fixture
def graph(make_text_model: Callable, graph_of: Callable) -> GraphView:
    """Two convolutions, a residual sum and a softmax."""
    weight = np.zeros((4, 4, 3, 3), np.float32)
    proto = make_text_model(BODY, "float[1,4,8,8] x", "float[A,B] y", w1=weight, w2=weight)
    return graph_of(proto)


def names_of(asked: dict[str, object]) -> set[str]:
    return {name.removesuffix("_node") for name in asked}


SELECTORS = {
    "one node": (PrecisionRule(nodes=("c1_node",), output_dtype=DType.UINT8), {"c1"}),
    "several": (PrecisionRule(nodes=("a_node", "y_node"), output_dtype=DType.UINT8), {"a", "y"}),
    "a glob": (PrecisionRule(nodes=("c*",), output_dtype=DType.UINT8), {"c1", "c2"}),
    "operator types": (
        PrecisionRule(op_types=("Conv", "Add"), output_dtype=DType.UINT8),
        {"c1", "c2", "a"},
    ),
    "behind a tensor": (
        PrecisionRule(start=("r1",), output_dtype=DType.UINT8),
        {"c2", "a", "f", "y"},
    ),
    "between tensors": (
        PrecisionRule(start=("c1",), end=("c2", "a"), output_dtype=DType.UINT8),
        {"r1", "c2", "a"},
    ),
    "the whole graph": (
        PrecisionRule(start=("DEFAULT",), output_dtype=DType.UINT8),
        {"c1", "r1", "c2", "a", "f", "y"},
    ),
}


@pytest.mark.parametrize(("rule", "selected"), SELECTORS.values(), ids=SELECTORS)
def test_selection(graph: GraphView, rule: PrecisionRule, selected: set[str]):
    asked = settle([rule], graph, SPEC)
    assert names_of(asked) == selected
    assert {found.precision for found in asked.values()} == {
        NodePrecision(output_dtype=DType.UINT8)
    }


def test_name_with_brackets_is_no_pattern(make_text_model: Callable, graph_of: Callable):
    proto = make_text_model("y = Relu(x)", "float[4] x", "float[4] y")
    proto.graph.node[0].name = "layer[0]/relu"
    rule = PrecisionRule(nodes=("layer[0]/relu",), output_dtype=DType.UINT8)
    assert set(settle([rule], graph_of(proto), SPEC)) == {"layer[0]/relu"}


def test_names_win_over_types_over_subgraphs(graph: GraphView):
    by_name = PrecisionRule(nodes=("c1_node",), output_dtype=DType.UINT8)
    by_type = PrecisionRule(op_types=("Conv",), output_dtype=DType.FLOAT32, method="mse")
    by_graph = PrecisionRule(start=("DEFAULT",), output_dtype=DType.INT8, percentile=0.99)
    asked = settle([by_name, by_type, by_graph], graph, SPEC)
    c1, c2, add = (asked[f"{name}_node"] for name in ("c1", "c2", "a"))
    assert (c1.precision.output_dtype, c1.method, c1.percentile) == (DType.UINT8, "mse", 0.99)
    assert (c2.precision.output_dtype, c2.method) == (DType.FLOAT32, "mse")
    assert (add.precision.output_dtype, add.method) == (DType.INT8, None)
    assert c1.origins == {"output_dtype": 0, "method": 1, "percentile": 2}


def test_the_later_of_two_equal_rules_wins(graph: GraphView):
    rules = [
        PrecisionRule(op_types=("Conv",), output_dtype=DType.UINT8, weight_dtype=DType.FLOAT32),
        PrecisionRule(op_types=("Conv",), output_dtype=DType.FLOAT32),
    ]
    found = settle(rules, graph, SPEC)["c1_node"]
    assert found.precision.output_dtype is DType.FLOAT32
    assert found.precision.weight_dtype is DType.FLOAT32
    assert found.origins == {"output_dtype": 1, "weight_dtype": 0}


def test_everything_that_selects_nothing_is_reported(graph: GraphView):
    rules = [
        PrecisionRule(nodes=("c3_node",), method="mse"),
        PrecisionRule(op_types=("Conv2D",), method="mse"),
        PrecisionRule(start=("r2",), method="mse"),
        PrecisionRule(start=("r1",), end=("c1",), method="mse"),
        PrecisionRule(start=("w1",), method="mse"),
        PrecisionRule(nodes=("zz*",), method="mse"),
        PrecisionRule(start=("DEFAULT",), end=("a",), method="mse"),
    ]
    with pytest.raises(ConfigError) as caught:
        settle(rules, graph, SPEC)
    assert [(p.code, p.where, p.got) for p in caught.value.problems] == [
        (Code.NO_MATCH, "mixed_precision.rules[0].nodes", "c3_node"),
        (Code.NO_MATCH, "mixed_precision.rules[1].op_types", "Conv2D"),
        (Code.NO_MATCH, "mixed_precision.rules[2]", "r2"),
        (Code.NO_MATCH, "mixed_precision.rules[3]", "c1"),
        (Code.NO_MATCH, "mixed_precision.rules[4]", "w1"),
        (Code.NO_MATCH, "mixed_precision.rules[5].nodes", "zz*"),
        (Code.NO_MATCH, "mixed_precision.rules[6]", "DEFAULT"),
    ]
    hints = [problem.hint or "" for problem in caught.value.problems]
    assert "`c2_node`" in hints[0]
    assert hints[1] == "did you mean `Conv`?"
    assert "tc inspect" in hints[5]


def test_types_that_the_target_lacks_are_reported(graph: GraphView):
    rule = PrecisionRule(
        op_types=("Conv",),
        input_dtype=DType.INT16,
        output_dtype=DType.INT16,
        weight_dtype=DType.INT4,
    )
    with pytest.raises(ConfigError) as caught:
        settle([rule], graph, SPEC)
    assert [(p.where, p.got, p.allowed) for p in caught.value.problems] == [
        ("mixed_precision.rules[0].input_dtype", "int16", "int8, uint8, float32"),
        ("mixed_precision.rules[0].output_dtype", "int16", "int8, uint8, float32"),
        ("mixed_precision.rules[0].weight_dtype", "int4", "int8, float32"),
    ]


def applied(graph: GraphView, *rules: PrecisionRule) -> tuple[RuleEffect, ...]:
    asked = settle(rules, graph, SPEC)
    precision = {name: found.precision for name, found in asked.items()}
    plan = make_plan(graph, SPEC, bias_dtype=DType.INT32, precision=precision)
    return effects(rules, asked, graph, plan, SPEC)


def test_rows_of_what_took_effect(graph: GraphView):
    rule = PrecisionRule(op_types=("Conv",), output_dtype=DType.UINT8, method="kl")
    rows = applied(graph, rule)
    assert [(row.target, row.setting) for row in rows] == [
        ("c1_node", "output_dtype = uint8"),
        ("c1_node", "method = kl"),
        ("c2_node", "output_dtype = uint8"),
        ("c2_node", "method = kl"),
    ]
    assert {(row.rule, row.selector) for row in rows} == {
        ("mixed_precision.rules[0]", "op_types Conv")
    }


def test_method_of_an_absorbed_convolution_counts_for_the_activation(graph: GraphView):
    (row,) = applied(graph, PrecisionRule(nodes=("c1_node",), method="kl"))
    assert row.target == "c1_node"


TAKING_EFFECT = {
    "input type": PrecisionRule(nodes=("c2_node",), input_dtype=DType.UINT8),
    "input in float": PrecisionRule(nodes=("a_node",), input_dtype=DType.FLOAT32),
    "output in float": PrecisionRule(nodes=("c2_node",), output_dtype=DType.FLOAT32),
    "weight in float": PrecisionRule(nodes=("c2_node",), weight_dtype=DType.FLOAT32),
    "percentile": PrecisionRule(nodes=("a_node",), percentile=0.99),
    "types where some have no weight": PrecisionRule(
        op_types=("Conv", "Softmax"), weight_dtype=DType.FLOAT32
    ),
    "glob where some have no weight": PrecisionRule(nodes=("*",), weight_dtype=DType.FLOAT32),
}


@pytest.mark.parametrize("rule", TAKING_EFFECT.values(), ids=TAKING_EFFECT)
def test_settings_that_take_effect(graph: GraphView, rule: PrecisionRule):
    assert applied(graph, rule)


NOT_TAKING_EFFECT = {
    "no weight": (
        PrecisionRule(nodes=("a_node",), weight_dtype=DType.FLOAT32),
        "it has no constant weight",
    ),
    "input of an absorbed activation": (
        PrecisionRule(nodes=("r1_node",), input_dtype=DType.UINT8),
        "`c1` is absorbed by the operator before it",
    ),
    "output of a movement": (
        PrecisionRule(nodes=("f_node",), output_dtype=DType.UINT8),
        "it only moves elements, which are stored as int8; set it on their producer",
    ),
    "float output of a movement": (
        PrecisionRule(nodes=("f_node",), input_dtype=DType.FLOAT32),
        "it only moves elements, and its input is stored as int8",
    ),
    "method of a float output": (
        PrecisionRule(nodes=("c2_node",), output_dtype=DType.FLOAT32, method="mse"),
        "its output is not stored as integers",
    ),
}


@pytest.mark.parametrize(("rule", "reason"), NOT_TAKING_EFFECT.values(), ids=NOT_TAKING_EFFECT)
def test_settings_that_cannot_take_effect(graph: GraphView, rule: PrecisionRule, reason: str):
    with pytest.raises(QuantizationError) as caught:
        applied(graph, rule)
    (problem,) = caught.value.problems
    assert (problem.code, problem.got) == (Code.PRECISION_NOT_APPLIED, reason)
    assert (problem.where or "").startswith(f"mixed_precision.rules[0], node {rule.nodes[0]}")


def test_rules_that_change_nothing(graph: GraphView):
    shadowed = PrecisionRule(op_types=("Conv",), output_dtype=DType.UINT8)
    winner = PrecisionRule(nodes=("c*",), output_dtype=DType.INT8)
    idle = PrecisionRule(op_types=("Add",), weight_dtype=DType.FLOAT32)
    with pytest.raises(QuantizationError) as caught:
        applied(graph, shadowed, winner, idle)
    assert [(p.code, p.where, p.got) for p in caught.value.problems] == [
        (Code.NO_EFFECT, "mixed_precision.rules[0]", "op_types Conv"),
        (Code.NO_EFFECT, "mixed_precision.rules[2]", "op_types Add"),
    ]


def test_no_rules_ask_nothing(graph: GraphView):
    assert settle([], graph, SPEC) == {}
    assert applied(graph) == ()


def test_descriptions():
    assert describe(PrecisionRule(nodes=("a", "b"))) == "nodes a, b"
    assert describe(PrecisionRule(start=("a",), end=("b", "c"))) == "subgraph a to b, c"
    assert describe(PrecisionRule(start=("a",))) == "subgraph a"


def test_subgraph_of_several_starts(graph: GraphView):
    found = subgraph(graph, ("c2", "w1"), ("f",), "here")
    assert [node.op_type for node in found] == ["Add", "Flatten"]
