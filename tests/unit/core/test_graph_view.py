"""The read-only picture of a graph."""

from __future__ import annotations

import numpy as np

from toolchain.core.dtypes import DType
from toolchain.core.graph_view import GraphView, NodeView, Use, ValueView


def value(
    name: str, shape: tuple[int | None, ...] | None = (2,), constant: object = None
) -> ValueView:
    array = None if constant is None else np.asarray(constant)
    return ValueView(name=name, dtype=DType.FLOAT32, shape=shape, constant=array)


X, W, A, Y = value("x"), value("w", constant=[1, 2]), value("a"), value("y")
FIRST = NodeView(name="first", op_type="Add", domain="", inputs=(X, W), outputs=(A, value("")))
SECOND = NodeView(
    name="second",
    op_type="Clip",
    domain="",
    inputs=(A, None, W),
    outputs=(Y,),
    attributes={"i": 3, "f": 0.5, "s": "text", "is": (1, 2), "array": np.ones(2)},
)
GRAPH = GraphView(
    nodes=(FIRST, SECOND),
    inputs=(X,),
    outputs=(Y,),
    values={v.name: v for v in (X, W, A, Y)},
)


def test_shapes():
    assert value("v", (1, 2)).static_shape == (1, 2)
    assert value("v", (None, 2)).static_shape is None
    assert value("v", None).static_shape is None
    assert value("v", ()).static_shape == ()


def test_constants():
    assert W.is_constant
    assert not X.is_constant
    assert SECOND.constant_input(2) is W.constant
    assert SECOND.constant_input(1) is None
    assert SECOND.constant_input(0) is None


def test_inputs_left_out():
    assert SECOND.input(0) is A
    assert SECOND.input(1) is None
    assert SECOND.input(7) is None


def test_attributes_and_defaults():
    assert (SECOND.int_attribute("i", 0), SECOND.int_attribute("none", 7)) == (3, 7)
    assert (SECOND.float_attribute("f", 0), SECOND.float_attribute("i", 0)) == (0.5, 3.0)
    assert (SECOND.str_attribute("s", ""), SECOND.str_attribute("none", "d")) == ("text", "d")
    assert (SECOND.ints_attribute("is"), SECOND.ints_attribute("none", (9,))) == ((1, 2), (9,))
    # Of another type than asked for: the default.
    assert SECOND.int_attribute("s", 5) == 5
    assert SECOND.float_attribute("array", 2.0) == 2.0
    assert SECOND.str_attribute("i", "d") == "d"
    assert SECOND.ints_attribute("i", (4,)) == (4,)


def test_who_reads_and_writes():
    assert GRAPH.producers == {"a": FIRST, "y": SECOND}
    assert GRAPH.uses("w") == (Use(FIRST, 1), Use(SECOND, 2))
    assert GRAPH.uses("y") == ()
    assert GRAPH.output_names == {"y"}
    assert GRAPH.node_by_name["second"] is SECOND
