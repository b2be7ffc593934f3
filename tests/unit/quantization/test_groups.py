"""Values that share parameters, and where their elements come from."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from toolchain.core.dtypes import DType
from toolchain.core.graph_view import GraphView
from toolchain.core.quant import QuantSpec
from toolchain.quantization.groups import shared_groups, sources

BODY = """
    a = Relu(x) f = Flatten(a) t = Transpose(f) j = Concat<axis=0>(t, k)
    s1, s2 = Split<num_outputs=2>(j) y = Add(s1, s2)
"""
INT8, UINT8 = QuantSpec(dtype=DType.INT8), QuantSpec(dtype=DType.UINT8)


def graph(make_text_model: Callable, graph_of: Callable) -> GraphView:
    constant = np.zeros((16, 2), np.float32)
    return graph_of(make_text_model(BODY, "float[2,4,4] x", "float[A,B] y", k=constant))


def moving(found: GraphView) -> list:
    return [node for node in found.nodes if node.op_type not in ("Relu", "Add")]


def test_one_group_along_a_chain(make_text_model: Callable, graph_of: Callable):
    found = graph(make_text_model, graph_of)
    specs = dict.fromkeys(("x", "a", "f", "t", "j", "k", "s1", "s2", "y"), INT8)
    assert shared_groups(moving(found), specs, frozenset()) == (
        frozenset({"a", "f", "t", "j", "k", "s1", "s2"}),
    )


def test_another_type_or_fixed_parameters_divide(make_text_model: Callable, graph_of: Callable):
    found = graph(make_text_model, graph_of)
    specs = dict.fromkeys(("a", "f", "t", "j", "k", "s1", "s2"), INT8)
    assert shared_groups(moving(found), specs, frozenset({"t"})) == (
        frozenset({"a", "f"}),
        frozenset({"j", "k", "s1", "s2"}),
    )
    # The constant is one of two inputs of the Concat; t and it are no neighbours any more.
    changed = {**specs, "k": UINT8}
    assert shared_groups(moving(found), changed, frozenset()) == (
        frozenset({"a", "f", "t"}),
        frozenset({"j", "s1", "s2"}),
    )


def test_values_without_a_spec_are_left_out(make_text_model: Callable, graph_of: Callable):
    found = graph(make_text_model, graph_of)
    assert shared_groups(moving(found), {"a": INT8}, frozenset()) == ()


def test_sources(make_text_model: Callable, graph_of: Callable):
    found = graph(make_text_model, graph_of)
    assert sources(found, "x") == ("x",)
    assert sources(found, "t") == ("a",)
    assert sources(found, "s2") == ("a", "k")
    assert sources(found, "y") == ("y",)
