"""Graphs cut in two at named tensors, and put together again."""

from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from toolchain.errors import Code, ConfigError
from toolchain.graph.truncate import cut

WEIGHT = np.array([[1, -2], [3, 4]], np.float32)
BODY = """
    s = MatMul (x, w)
    r = Relu (s)
    a = Add (r, w)
    b = Mul (r, two)
    m = MatMul (a, w)
    n = Add (m, b)
    y = Softmax (n)
    z = Neg (a)
"""
"""Behind `r` are two branches; the tail shares the weight `w` with the head."""


@pytest.fixture
def model(load, make_model) -> ir.Model:
    proto = make_model(
        BODY, "float[2, 2] x", "float[2, 2] y, float[2, 2] z", w=WEIGHT, two=np.float32(2)
    )
    return load(proto)


def wrong(model, *tensors):
    with pytest.raises(ConfigError) as caught:
        cut(model, tensors)
    return caught.value.problems


def outputs(nodes):
    return [node.outputs[0].name for node in nodes]


def test_both_sides_of_a_cut(model):
    halves = cut(model, ["a", "b"])
    assert outputs(halves.head.graph) == ["s", "r", "a", "b"]
    assert [value.name for value in halves.head.graph.outputs] == ["a", "b"]
    assert set(outputs(halves.tail.graph)) == {"m", "n", "y", "z"}
    assert [value.name for value in halves.tail.graph.inputs] == ["a", "b"]


def test_both_halves_make_the_model_again(model, run_model_proto):
    expected = run_model_proto(ir.serde.serialize_model(model))
    joined = cut(model, ["a", "b"]).joined()
    proto = ir.serde.serialize_model(joined)
    onnx.checker.check_model(proto, full_check=True)
    assert [value.name for value in proto.graph.output] == ["y", "z"]
    assert len(proto.graph.initializer) == 2
    for want, got in zip(expected, run_model_proto(proto), strict=True):
        np.testing.assert_array_equal(got, want)


def test_what_changes_in_the_head_leaves_the_tail_alone(model, run_model_proto):
    """The head gets a weight, a value and a node of names that the tail has."""
    halves = cut(model, ["a", "b"])
    head = halves.head.graph
    tensor = ir.Tensor(np.array([[5, 6], [7, 8]], np.float32), name="w")
    head.initializers["w"].const_value = tensor
    r = next(node for node in head if node.outputs[0].name == "r")
    (tail_m,) = [node for node in halves.tail.graph if node.outputs[0].name == "m"]
    r.outputs[0].name, r.name = "m", tail_m.name
    proto = ir.serde.serialize_model(halves.joined())
    onnx.checker.check_model(proto, full_check=True)
    names = [node.name for node in proto.graph.node]
    assert len(names) == len(set(names))
    assert tail_m.name in names
    x = 3 * np.random.default_rng(0).standard_normal((2, 2))
    relu = np.maximum(x @ tensor.numpy(), 0)
    a = relu + tensor.numpy()
    n = a @ WEIGHT + 2 * relu
    exponents = np.exp(n - n.max(axis=1, keepdims=True))
    y, z = run_model_proto(proto)
    np.testing.assert_allclose(z, -a, rtol=1e-5)
    np.testing.assert_allclose(y, exponents / exponents.sum(axis=1, keepdims=True), rtol=1e-4)


def test_a_tensor_may_stand_in_front_of_another(model):
    """`r` is read in front of the cut as well as behind it."""
    halves = cut(model, ["r", "a"])
    assert outputs(halves.head.graph) == ["s", "r", "a"]
    assert "b" in outputs(halves.tail.graph)


def test_an_output_in_front_of_the_cut_stays(model, run_model_proto):
    expected = run_model_proto(ir.serde.serialize_model(model))
    halves = cut(model, ["n", "z"])
    assert outputs(halves.tail.graph) == ["y"]
    proto = ir.serde.serialize_model(halves.joined())
    assert [value.name for value in proto.graph.output] == ["y", "z"]
    for want, got in zip(expected, run_model_proto(proto), strict=True):
        np.testing.assert_array_equal(got, want)


def test_the_tail_may_read_a_model_input(load, make_model):
    body = "r = Relu (x)  y = Mul (r, scale)"
    proto = make_model(body, "float[2] x, float[2] scale", "float[2] y")
    (problem,) = wrong(load(proto), "r")
    assert problem.got == "`scale`"
    halves = cut(load(proto), ["r", "scale"])
    assert [value.name for value in halves.joined().graph.inputs] == ["x", "scale"]


def test_shapes_computed_from_the_head_are_no_way_around(load, make_model):
    body = "r = Relu (x)  n = Shape (x)  y = Reshape (r, n)"
    halves = cut(load(make_model(body, "float[2, 3] x", "float[2, 3] y")), ["r"])
    assert outputs(halves.tail.graph) == ["y"]


def test_graphs_inside_nodes_read_from_outside(load, make_model):
    body = """
        r = Relu (x)
        s = Neg (r)
        c = Cast <to = 9> (flag)
        y = If (c) <
            then_branch = g1 () => (float[2] t) { t = Identity (s) },
            else_branch = g2 () => (float[2] e) { e = Identity (r) }
        >
    """
    proto = make_model(body, "float[2] x, float flag", "float[2] y")
    (problem,) = wrong(load(proto), "s", "c")
    assert problem.got == "`r`"
    assert outputs(cut(load(proto), ["s", "r", "c"]).tail.graph) == ["y"]


@pytest.mark.parametrize(
    ("tensors", "code", "got"),
    [
        (("q",), Code.NO_MATCH, "q"),
        (("w",), Code.NO_MATCH, "w"),
        (("b",), Code.BAD_VALUE, "`r`"),
        (("a", "b", "s"), Code.NO_EFFECT, "s"),
        (("y", "z"), Code.NO_EFFECT, "y, z"),
    ],
)
def test_tensors_that_do_not_cut(model, tensors, code, got):
    (problem,) = wrong(model, *tensors)
    assert (problem.code, problem.where, problem.got) == (code, "surgery.truncate", got)
