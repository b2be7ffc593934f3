"""Finished models in older opsets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from toolchain.errors import Code, ModelError
from toolchain.graph.downgrade import write_in_opset
from toolchain.graph.load import load_model
from toolchain.graph.save import save_model

X = {"x": np.array([[-3, 0.5, 2, 9]], np.float32)}
QDQ = """
    q = QuantizeLinear ({0}, scale, point)
    {0}q = DequantizeLinear (q, scale, point)
"""


@pytest.fixture
def write(tmp_path: Path, make_model):
    """Write a model of opset 24 and its older form; the path of the latter."""

    def call(body: str, opset: int, **constants: np.ndarray) -> Path:
        proto = make_model(body, "float[1, 4] x", "float[1, n] y", **constants)
        for number, node in enumerate(proto.graph.node):
            node.name = f"node{number}"
        onnx.save(proto, tmp_path / "new.onnx")
        save_model(load_model(tmp_path / "new.onnx"), tmp_path / "new.onnx")
        write_in_opset(tmp_path / "new.onnx", tmp_path / "old.onnx", opset, [X])
        return tmp_path / "old.onnx"

    return call


def quantized(point: np.ndarray) -> dict[str, np.ndarray]:
    return {"scale": np.array(0.05, np.float32), "point": point}


def run(path: Path) -> np.ndarray:
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(None, X)[0]


@pytest.mark.parametrize(("opset", "file_format"), [(13, 7), (17, 8), (21, 10), (24, 10)])
def test_the_older_model_computes_the_same(write, opset, file_format):
    """Relu has more types from 14 on and Pad axes from 18 on, of which onnx converts neither."""
    body = f"{QDQ.format('x')} r = Relu (xq)  y = Pad (r, pads)"
    path = write(
        body, opset, **quantized(np.array(7, np.int8)), pads=np.array([0, 1, 0, 0], np.int64)
    )
    proto = onnx.load(path)
    onnx.checker.check_model(proto, full_check=True)
    assert proto.opset_import[0].version == opset
    assert proto.ir_version == file_format
    # 9 / 0.05 + 7 = 187, which int8 cuts off at 127: (127 - 7) * 0.05 = 6.
    np.testing.assert_allclose(run(path), [[0, 0, 0.5, 2, 6]], rtol=1e-6)


def test_axes_become_attributes_again(write):
    path = write("y = ReduceMean (x, axes)", 13, axes=np.array([1], np.int64))
    (node,) = onnx.load(path).graph.node
    assert len(node.input) == 1
    np.testing.assert_allclose(run(path), [[2.125]])


def problems(write, *arguments, **constants):
    with pytest.raises(ModelError) as caught:
        write(*arguments, **constants)
    assert {item.code for item in caught.value.problems} == {Code.UNKNOWN_OPSET}
    return caught.value.problems


def test_operators_that_the_opset_lacks_are_all_named(write):
    found = problems(write, "g = Gelu (x)  h = HardSwish (g)  y = Swish (h)", 17)
    assert [(item.where, item.got) for item in found] == [
        ("compile.opset, node 'node0'", "Gelu: there is no such operator"),
        ("compile.opset, node 'node2'", "Swish: there is no such operator"),
    ]


def test_integer_types_that_q_and_dq_lack(write):
    """QuantizeLinear has 16 bits from opset 21 on."""
    body = f"{QDQ.format('x')} y = Relu (xq)"
    assert write(body, 21, **quantized(np.array(7, np.int16)))
    found = problems(write, body, 19, **quantized(np.array(7, np.int16)))
    assert found[0].got == "QuantizeLinear: it takes no int16 as `y_zero_point`"


def test_inputs_and_attributes_that_an_operator_lacks(write):
    pads, axes = np.array([1, 0], np.int64), np.array([1], np.int64)
    (found,) = problems(write, "p = Pad (x, pads, , axes)  y = Relu (p)", 17, pads=pads, axes=axes)
    assert found.got == "Pad: it has at most 3 inputs, not 4"
    body = "p, r = Split <num_outputs = 2, axis = 1> (x)  s = Relu (p)  y = Pad (s, pads, , axes)"
    found = problems(write, body, 17, pads=pads, axes=axes)
    assert [item.got for item in found] == [
        "Split: it has no attribute num_outputs", "Pad: it has at most 3 inputs, not 4",
    ]  # fmt: skip


def test_a_meaning_that_has_changed_is_noticed(write):
    """From opset 21 on a scale of GroupNormalization belongs to a channel, before to a group."""
    body = """
        i = Reshape (x, shape)
        n = GroupNormalization <num_groups = 2> (i, scale, bias)
        y = Flatten (n)
    """
    constants = {
        "shape": np.array([1, 4, 1], np.int64),
        "scale": np.array([1, 2, 3, 4], np.float32),
        "bias": np.zeros(4, np.float32),
    }
    problems(write, body, 20, **constants)
