"""Graphs cut in two at named tensors, and put together again."""

from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolchain.core.options import SurgeryOptions
from toolchain.errors import Code, ConfigError
from toolchain.graph.surgery import operate, truncated
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


def test_an_input_that_is_cut_at_goes_by_its_old_name(tmp_path, make_model):
    proto = make_model("r = Relu (x)  y = Mul (r, z)", "float[2] x, float[2] z", "float[2] y")
    onnx.save(proto, tmp_path / "given.onnx")
    options = SurgeryOptions(
        truncate=("r", "z"), rename_inputs={"z": "scale"}, rename_outputs={"y": "boxes"}
    )
    operate(tmp_path / "given.onnx", tmp_path / "changed.onnx", (), options)
    assert truncated(options) == ("r", "scale")


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
        (("x",), Code.NO_EFFECT, "x"),
    ],
)
def test_tensors_that_do_not_cut(model, tensors, code, got):
    (problem,) = wrong(model, *tensors)
    assert (problem.code, problem.where, problem.got) == (code, "surgery.truncate", got)


@st.composite
def graphs(draw) -> tuple[str, list[str], list[list[str]], list[str]]:
    """A graph as text, its tensors, what each reads, and some of them to cut at."""
    count = draw(st.integers(2, 7))
    lines, reads, values = [], [], ["x", "z"]
    for number in range(count):
        sources = draw(st.lists(st.sampled_from(values), min_size=2, max_size=2))
        lines.append(f"v{number} = Add ({', '.join(sources)})")
        reads.append(sources)
        values.append(f"v{number}")
    border = draw(st.lists(st.sampled_from(values), min_size=1, max_size=3, unique=True))
    return "\n".join(lines), values[2:], reads, border


@given(graphs())
@settings(max_examples=150, deadline=None)
def test_any_graph_is_cut_exactly_or_not_at_all(graph):
    """Held against the definition: what runs in front of the cut, and what is read behind it."""
    body, values, reads, border = graph
    produced = dict(zip(values, reads, strict=True))
    needed = {values[-1]}
    for value in reversed(values):
        needed |= set(produced[value]) if value in needed else set()
    front: set[str] = set()
    for value in reversed(values):
        if value in border or any(value in produced[other] for other in front):
            front.add(value)
    behind = [value for value in values if value in needed and value not in front]
    crossing = {source for value in behind for source in produced[value] if source not in behind}
    exact = bool(behind) and bool(front) and crossing == set(border) - {values[-1]}

    proto = onnx.parser.parse_model(
        f'<ir_version: 8, opset_import: ["" : 24]>\n'
        f"g (float[2] x, float[2] z) => (float[2] {values[-1]}) {{ {body} }}"
    )
    model = ir.serde.deserialize_model(proto)
    try:
        joined = cut(model, border).joined()
    except ConfigError:
        assert not exact
        return
    assert exact
    assert {node.outputs[0].name for node in joined.graph} == needed - {"x", "z"}
    onnx.checker.check_model(ir.serde.serialize_model(joined), full_check=True)
