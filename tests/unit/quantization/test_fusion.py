"""Which activations are absorbed by the operator in front of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from tc_target_riscv.facts import SPEC
from toolchain.core.dtypes import DType
from toolchain.core.graph_view import GraphView
from toolchain.quantization.fusion import absorbed_activation, fused_values
from toolchain.quantization.precision import NodePrecision

WEIGHT = np.zeros((4, 4, 1, 1), np.float32)


@pytest.fixture
def graph(make_text_model: Callable, graph_of: Callable) -> Callable[..., GraphView]:
    """A graph in text form that reads x (1, 4, 8, 8) and writes y."""

    def make(body: str) -> GraphView:
        proto = make_text_model(
            body, "float[1,4,8,8] x", "float[A,B,C,D] y", w=WEIGHT, lo=np.float32(0)
        )
        return graph_of(proto)

    return make


def fused(graph: GraphView, **changes: object) -> dict[str, str]:
    integer = {node.name for node in graph.nodes}
    return fused_values(graph, SPEC, **{"integer": integer, "precision": {}, **changes})


@pytest.mark.parametrize(
    "node",
    [
        "Conv(x, w)",
        "ConvTranspose(x, w)",
        "MatMul(x, x)",
        "Add(x, x)",
        "Sub(x, x)",
        "Mul(x, x)",
        "AveragePool<kernel_shape=[2,2]>(x)",
        "GlobalAveragePool(x)",
    ],
)
def test_clamping_operators(graph: Callable, node: str):
    assert fused(graph(f"a = {node} y = Relu(a)")) == {"a": "y"}


@pytest.mark.parametrize("node", ["Sigmoid(x)", "MaxPool<kernel_shape=[2,2]>(x)", "Softmax(x)"])
def test_others_absorb_nothing(graph: Callable, node: str):
    assert fused(graph(f"a = {node} y = Relu(a)")) == {}


@pytest.mark.parametrize("behind", ["Sigmoid(a)", "Neg(a)"])
def test_functions_that_are_not_absorbed(graph: Callable, behind: str):
    assert fused(graph(f"a = Conv(x, w) y = {behind}")) == {}


def test_only_the_first_of_two_activations(graph: Callable):
    assert fused(graph("a = Conv(x, w) b = Relu(a) y = Clip(b, , lo)")) == {"a": "b"}


def test_bound_that_is_computed_is_no_activation(graph: Callable):
    body = "a = Conv(x, w) m = ReduceMax<keepdims=0>(a) y = Clip(x, m)"
    assert fused(graph(body)) == {}


def test_both_must_run_on_integers(graph: Callable):
    found = graph("a = Conv(x, w) y = Relu(a)")
    assert fused(found, integer={"a_node"}) == {}
    assert fused(found, integer={"y_node"}) == {}


def test_values_that_are_wanted_stay(graph: Callable):
    found = graph("a = Conv(x, w) y = Relu(a)")
    assert fused(found, fixed={"a"}) == {}
    wanted = {"a_node": NodePrecision(output_dtype=DType.UINT8)}
    assert fused(found, precision=wanted) == {}
    other = {"a_node": NodePrecision(input_dtype=DType.UINT8)}
    assert fused(found, precision=other) == {"a": "y"}


def test_target_decides_what_is_absorbed(graph: Callable):
    found = graph("a = Conv(x, w) y = Relu(a)")
    target = replace(SPEC, fused_activations=frozenset({"Clip"}))
    assert absorbed_activation(found, found.nodes[0], target.fused_activations) is None
    behind = absorbed_activation(found, found.nodes[0], SPEC.fused_activations)
    assert behind is found.nodes[1]
