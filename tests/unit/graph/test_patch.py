"""Attributes and constants set by the user, and everything that can be wrong with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from toolchain.core.options import ConstantPatch, NodePatch, SurgeryOptions
from toolchain.core.reports import SurgeryRow
from toolchain.errors import Code, ConfigError, ModelError
from toolchain.graph.surgery import operate

BODY = """
    p = AveragePool <kernel_shape = [2, 2], strides = [2, 2]> (x)
    l = LeakyRelu <alpha = 0.5> (p)
    y = Reshape (l, target)
"""


@pytest.fixture
def source(tmp_path: Path, make_model) -> Path:
    """A pool of 5 x 5 pixels, which `ceil_mode` decides the size of, and a Reshape behind it."""
    target = np.array([1, -1], np.int64)
    proto = make_model(BODY, "float[1, 1, 5, 5] x", "float[1, n] y", opset=17, target=target)
    for node in proto.graph.node:
        node.name = f"{node.output[0]}_node"
    path = tmp_path / "given.onnx"
    onnx.save(proto, path)
    return path


@pytest.fixture
def apply(source: Path, tmp_path: Path):
    """Operate on the model; the changed protobuf and the rows."""

    def call(path: Path = source, **options):
        changed = tmp_path / "changed.onnx"
        _, rows = operate(path, changed, (), SurgeryOptions(**options))
        return onnx.load(changed), rows

    return call


def wrong(apply, **options):
    """The problems of a surgery that cannot be done."""
    with pytest.raises(ConfigError) as caught:
        apply(**options)
    return caught.value.problems


def constant(name="target", **options):
    return {"constants": (ConstantPatch(name=name, **options),)}


def test_an_attribute_changes_what_the_model_computes(apply, run_model_proto):
    patch = NodePatch(name="p_node", attributes={"ceil_mode": 1})
    proto, rows = apply(nodes=(patch,))
    # 5 pixels in steps of 2 are 2 windows, and 3 when the last one may stand over the edge.
    assert run_model_proto(proto)[0].shape == (1, 9)
    assert rows == (
        SurgeryRow(change="attribute", where="p_node (AveragePool): ceil_mode", old="0", new="1"),
    )
    assert proto.opset_import[0].version == 17


def test_every_kind_of_attribute(apply):
    pool = {"strides": (1, 1), "auto_pad": "VALID"}
    patches = (
        NodePatch(name="p_node", attributes=pool),
        NodePatch(name="l_node", attributes={"alpha": 2}),
    )
    proto, rows = apply(nodes=patches)
    found = {
        attribute.name: helper.get_attribute_value(attribute)
        for node in proto.graph.node
        for attribute in node.attribute
    }
    assert found["strides"] == [1, 1]
    assert found["auto_pad"] == b"VALID"
    assert found["alpha"] == 2.0
    assert [row.old for row in rows] == ["[2, 2]", "NOTSET", "0.5"]
    assert [row.new for row in rows] == ["[1, 1]", "VALID", "2"]


def test_a_node_without_a_name_goes_by_its_output(source, apply):
    proto = onnx.load(source)
    proto.graph.node[1].name = ""
    onnx.save(proto, source)
    _, rows = apply(nodes=(NodePatch(name="l", attributes={"alpha": 1.5}),))
    assert rows[0].new == "1.5"


def test_all_wrong_attributes_are_told_together(apply):
    problems = wrong(
        apply,
        nodes=(
            NodePatch(name="p_nod", attributes={"ceil_mode": 1}),
            NodePatch(name="p_node", attributes={"ceilmode": 1, "strides": 2, "auto_pad": (1,)}),
            NodePatch(name="l_node", attributes={"alpha": "much"}),
        ),
    )
    assert [(item.code, item.where) for item in problems] == [
        (Code.NO_MATCH, "surgery.nodes[0].name"),
        (Code.UNKNOWN_NAME, "surgery.nodes[1].attributes.ceilmode"),
        (Code.WRONG_TYPE, "surgery.nodes[1].attributes.strides"),
        (Code.WRONG_TYPE, "surgery.nodes[1].attributes.auto_pad"),
        (Code.WRONG_TYPE, "surgery.nodes[2].attributes.alpha"),
    ]
    assert "`p_node`" in str(problems[0].hint)
    assert "`ceil_mode`" in str(problems[1].hint)


def test_an_attribute_that_came_with_a_later_opset_is_unknown(apply):
    # AveragePool has `dilations` from opset 19 on; this model is of opset 17.
    patch = NodePatch(name="p_node", attributes={"dilations": (1, 1)})
    assert wrong(apply, nodes=(patch,))[0].code == Code.UNKNOWN_NAME


def test_two_nodes_of_one_name(source, apply):
    proto = onnx.load(source)
    proto.graph.node[1].name = "p_node"
    onnx.save(proto, source)
    (problem,) = wrong(apply, nodes=(NodePatch(name="p_node", attributes={"ceil_mode": 1}),))
    assert "several nodes" in problem.message


@pytest.mark.parametrize("ending", ["", ".npy", ".bin", ".txt"])
def test_a_constant_from_every_source(apply, tmp_path, run_model_proto, ending):
    path = tmp_path / f"numbers{ending}"
    numbers = np.array([4, 1], np.int64)
    match ending:
        case ".npy":
            np.save(path, numbers.astype(np.int32))
        case ".bin":
            path.write_bytes(numbers.astype("<i8").tobytes())
        case ".txt":
            path.write_text("4,\n1")
    given = {"file": str(path)} if ending else {"data": (4, 1)}
    proto, rows = apply(**constant(**given))
    assert run_model_proto(proto)[0].shape == (4, 1)
    assert rows == (
        SurgeryRow(change="constant", where="target", old="int64[2] 1, -1", new="int64[2] 4, 1"),
    )


def test_the_output_of_a_constant_node(source, apply, run_model_proto):
    proto = onnx.load(source)
    tensor = proto.graph.initializer.pop()
    proto.graph.node.insert(0, helper.make_node("Constant", [], ["target"], value=tensor))
    onnx.save(proto, source)
    changed, _ = apply(**constant(data=(1, 4)))
    assert run_model_proto(changed)[0].shape == (1, 4)


def test_floats_are_rounded_and_integers_widened(tmp_path, make_model, apply):
    proto = make_model("y = Mul (x, w)", "float[2] x", "float[2] y", w=np.zeros(2, np.float32))
    onnx.save(proto, tmp_path / "scaled.onnx")
    changed, rows = apply(tmp_path / "scaled.onnx", **constant("w", data=(1, 0.1)))
    (weight,) = changed.graph.initializer
    expected = np.array([1, 0.1], np.float32)
    np.testing.assert_array_equal(numpy_helper.to_array(weight), expected)
    assert rows[0].new == "float32[2] 1, 0.1"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ((1,), Code.BAD_VALUE),
        ((1, 2, 2), Code.BAD_VALUE),
        ((1.5, 2), Code.WRONG_TYPE),
        ((float("nan"), 2), Code.WRONG_TYPE),
        ((2**70, 2), Code.BAD_VALUE),
    ],
)
def test_numbers_that_the_constant_cannot_hold(apply, data, code):
    (problem,) = wrong(apply, **constant(data=data))
    assert (problem.code, problem.where) == (code, "surgery.constants[0].data")


def test_a_file_of_another_shape(apply, tmp_path):
    np.save(tmp_path / "square.npy", np.ones((2, 1), np.int64))
    (problem,) = wrong(apply, **constant(file=str(tmp_path / "square.npy")))
    assert (problem.code, problem.got) == (Code.BAD_VALUE, "[2, 1]")


def test_files_that_hold_no_numbers(apply, tmp_path):
    (tmp_path / "text.txt").write_text("one two")
    (tmp_path / "odd.bin").write_bytes(b"1234567")
    (tmp_path / "a.csv").write_text("1,2")
    np.save(tmp_path / "objects.npy", np.array([None, {}], object), allow_pickle=True)
    np.save(tmp_path / "words.npy", np.array(["a", "b"]))
    names = ("text.txt", "odd.bin", "a.csv", "objects.npy", "words.npy", "missing.npy")
    codes = [wrong(apply, **constant(file=str(tmp_path / name)))[0].code for name in names]
    unreadable = Code.DATA_UNREADABLE
    assert codes == [
        unreadable, unreadable, Code.BAD_VALUE, unreadable, unreadable, Code.DATA_NOT_FOUND
    ]  # fmt: skip


def test_a_constant_that_does_not_exist_or_is_computed(apply):
    for name in ("targets", "p"):
        (problem,) = wrong(apply, **constant(name, data=(1, 2)))
        assert problem.code == Code.NO_MATCH


def test_a_change_that_breaks_the_model_says_so(apply):
    with pytest.raises(ModelError) as caught:
        apply(**constant(data=(3, 3)))
    assert "surgery" in str(caught.value.problems[0].hint)
