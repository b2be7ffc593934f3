"""Levels of precision and the rules that set them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tc_target_riscv.facts import SPEC
from toolchain.core.dtypes import DType
from toolchain.core.graph_view import GraphView
from toolchain.core.options import PrecisionRule, QuantizeOptions
from toolchain.errors import Code, QuantizationError
from toolchain.quantization.plan import make_plan
from toolchain.quantization.precision import NodePrecision
from toolchain.quantization.rules import effects, settle

BODY = "c = Conv(x, w) s = Sigmoid(c) m = Mul(c, s) k = Mul(m, two) f = Flatten(k) y = Softmax(f)"
FLOAT = NodePrecision(input_dtype=DType.FLOAT32)


@pytest.fixture
def graph(make_text_model: Callable, graph_of: Callable) -> GraphView:
    """A product of two activations, one with a constant, a sigmoid and a softmax."""
    constants = {"w": np.zeros((4, 4, 1, 1), np.float32), "two": np.float32(2)}
    return graph_of(make_text_model(BODY, "float[1,4,2,2] x", "float[A,B] y", **constants))


def in_float(asked: dict) -> str:
    return "".join(sorted(name[0] for name, found in asked.items() if found.precision == FLOAT))


@pytest.mark.parametrize(("level", "nodes"), [(0, ""), (1, "sy"), (2, "msy"), (3, "cfkmsy")])
def test_what_a_level_leaves_in_float(graph: GraphView, level: int, nodes: str):
    assert in_float(settle((), graph, SPEC, QuantizeOptions(precision_level=level))) == nodes
    rule = PrecisionRule(start=("DEFAULT",), precision_level=level)
    assert in_float(settle([rule], graph, SPEC)) == nodes


def test_a_rule_sets_the_level_of_its_nodes_only(graph: GraphView):
    rules = [
        PrecisionRule(start=("DEFAULT",), precision_level=3),
        PrecisionRule(op_types=("Conv", "Mul"), precision_level=0),
        PrecisionRule(nodes=("m_node",), precision_level=2),
    ]
    assert in_float(settle(rules, graph, SPEC)) == "fmsy"


def test_level_0_takes_the_general_level_back(graph: GraphView):
    options = QuantizeOptions(precision_level=2)
    rules = [PrecisionRule(nodes=("y_node",), precision_level=0)]
    asked = settle(rules, graph, SPEC, options)
    assert in_float(asked) == "ms"
    precision = {name: found.precision for name, found in asked.items()}
    plan = make_plan(graph, SPEC, bias_dtype=DType.INT32, precision=precision)
    (row,) = effects(rules, asked, graph, plan, SPEC)
    assert (row.target, row.setting) == ("y_node", "precision_level = 0")


def test_a_type_wins_over_a_level(graph: GraphView):
    rules = [
        PrecisionRule(nodes=("y_node",), precision_level=3),
        PrecisionRule(start=("DEFAULT",), input_dtype=DType.UINT8),
    ]
    asked = settle(rules, graph, SPEC)
    assert asked["y_node"].precision == NodePrecision(input_dtype=DType.UINT8)


def test_a_level_that_means_nothing_is_told(graph: GraphView):
    rules = [PrecisionRule(nodes=("c_node",), precision_level=2)]
    asked = settle(rules, graph, SPEC)
    plan = make_plan(graph, SPEC, bias_dtype=DType.INT32)
    with pytest.raises(QuantizationError) as caught:
        effects(rules, asked, graph, plan, SPEC)
    assert caught.value.code is Code.NO_EFFECT
