"""The view, work and weights of nodes."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from toolchain.core.dtypes import DType
from toolchain.graph.macs import macs, weight_bytes
from toolchain.graph.save import save_model
from toolchain.graph.view import read_view, view

F = np.float32


def test_view(make_model, load, tmp_path):
    proto = make_model(
        "a = Conv <pads=[1,1,1,1], group=1> (x, w) c = Clip(a, , hi) y = Relu(c)",
        "float[N,4,6,6] x", "float[N,8,6,6] y",
        w=np.ones((8, 4, 3, 3), F), hi=F(6),
    )  # fmt: skip
    proto.metadata_props.add(key="tc.k", value="v")
    model = load(proto)
    graph = read_view(save_model(model, tmp_path / "v.onnx").path)
    conv, clip, relu = graph.nodes
    assert (conv.name, conv.op_type, conv.domain) == ("Conv", "Conv", "")
    assert conv.ints_attribute("pads") == (1, 1, 1, 1)
    assert conv.int_attribute("group", 0) == 1
    assert clip.inputs[1] is None
    assert clip.constant_input(2) == 6
    assert not clip.constant_input(2).flags.writeable
    assert [v.name for v in graph.inputs] == ["x"]
    assert graph.values["a"].static_shape == (1, 8, 6, 6)
    assert graph.values["a"].dtype is DType.FLOAT32
    assert relu.inputs[0] is graph.values["c"] is clip.outputs[0]
    assert graph.metadata == {"tc.k": "v"}
    assert not conv.has_subgraph


def test_nodes_are_in_order_and_four_bits_are_widened(make_model, load):
    proto = make_model("d = DequantizeLinear(w, s) y = Add(x, d)", "float[3] x", "float[3] y")
    packed = onnx.helper.make_tensor("w", onnx.TensorProto.INT4, [3], [-8, 7, 1])
    proto.graph.initializer.extend([packed, numpy_helper.from_array(F(0.5), "s")])
    model = load(proto)
    first = model.graph[0]
    model.graph.remove(first)
    model.graph.append(first)
    graph = view(model)
    assert [node.op_type for node in graph.nodes] == ["DequantizeLinear", "Add"]
    weight = graph.values["w"]
    assert (weight.dtype, weight.constant.dtype) == (DType.INT4, np.int8)
    assert weight.constant.tolist() == [-8, 7, 1]
    assert weight_bytes(graph.nodes[0]) == 2 + 4


@pytest.mark.parametrize(
    ("body", "inputs", "weight", "expected"),
    [
        ("y = Conv <strides=[2,2]> (x, w)", "[1,4,5,5]", (8, 4, 3, 3), 8 * 2 * 2 * 4 * 9),
        ("y = Conv <group=4> (x, w)", "[1,4,5,5]", (4, 1, 3, 3), 4 * 3 * 3 * 9),
        ("y = ConvTranspose (x, w)", "[1,4,5,5]", (4, 8, 3, 3), 4 * 25 * 8 * 9),
        ("y = Gemm <transA=1, transB=1> (x, w)", "[6,2]", (8, 6), 2 * 8 * 6),
        ("y = MatMul (x, w)", "[2,3,6]", (6, 8), 2 * 3 * 8 * 6),
        ("y = Mul (x, w)", "[2,3,6]", (6,), 0),
    ],
)
def test_macs(body, inputs, weight, expected, make_model, load):
    rank = 4 if "Conv" in body else 2 if "Gemm" in body else 3
    names = ",".join("ABCD"[:rank])
    proto = make_model(body, f"float{inputs} x", f"float[{names}] y", w=np.ones(weight, F))
    (node,) = view(load(proto)).nodes
    assert macs(node) == expected
    assert weight_bytes(node) == 4 * int(np.prod(weight))
