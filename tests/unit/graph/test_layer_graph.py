from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator

from toolchain.graph.layers import Cut, layer_output, write_layers
from toolchain.graph.session import open_session, run


def save(proto: onnx.ModelProto, path: Path) -> None:
    """Write a model with the shapes of all its values, as the toolchain's own models have them."""
    onnx.save(onnx.shape_inference.infer_shapes(proto, strict_mode=True), path)


def test_every_layer_reads_the_float_model(
    tmp_path: Path, make_text_model: Callable[..., Any]
) -> None:
    """Two layers of one Mul each: y = 3 (x 2); the quantized ones multiply by 2.5 and 3.5."""
    real = make_text_model(
        "a = Mul(x, two) y = Mul(a, three)",
        "float[1,4] x",
        "float[1,4] y",
        two=np.float32([2.0]),
        three=np.float32([3.0]),
    )
    step, zero = {"s": np.float32(0.5), "z": np.int8(0)}, "z"
    quantized = make_text_model(
        f"xq = QuantizeLinear(x, s, {zero}) xd = DequantizeLinear(xq, s, {zero}) "
        f"af = Mul(xd, two) aq = QuantizeLinear(af, s, {zero}) a = DequantizeLinear(aq, s, {zero}) "
        "y = Mul(a, three)",
        "float[1,4] x",
        "float[1,4] y",
        two=np.float32([2.5]),
        three=np.float32([3.5]),
        **step,
    )
    save(real, tmp_path / "float.onnx")
    save(quantized, tmp_path / "qdq.onnx")
    cuts = [
        Cut(value="x", quantized="xd"),
        Cut(value="a", quantized="a"),
        Cut(value="y", quantized="y"),
    ]
    joined = tmp_path / "joined.onnx"
    write_layers(tmp_path / "float.onnx", tmp_path / "qdq.onnx", cuts, joined)
    onnx.checker.check_model(onnx.load(joined), full_check=True)
    x = np.float32([[0.2, 1.3, -2.0, 0.7]])
    found = run(open_session(joined, optimize=False), {"x": x})
    rounded = np.float32([[0.0, 1.5, -2.0, 0.5]])
    assert list(found) == ["a", "y", *map(layer_output, cuts)]
    assert np.array_equal(found["a"], 2 * x)
    assert np.array_equal(found["y"], 3 * (2 * x))
    assert np.array_equal(found[layer_output(cuts[0])], rounded)
    # 2.5 times the rounded input, rounded to halves (ties to even).
    assert np.array_equal(found[layer_output(cuts[1])], np.rint(rounded * 2.5 / 0.5) * 0.5)
    # The second layer reads 2 x, rounded, and not what the first one made of it.
    assert np.allclose(found[layer_output(cuts[2])], np.rint(2 * x / 0.5) * 0.5 * 3.5)
    same = ReferenceEvaluator(onnx.load(joined)).run(None, {"x": x})
    for expected, actual in zip(found.values(), same, strict=True):
        assert np.allclose(expected, actual)


def test_divided_channels_are_divided_in_front(
    tmp_path: Path, make_text_model: Callable[..., Any]
) -> None:
    real = make_text_model("a = Neg(x) y = Neg(a)", "float[1,2,1] x", "float[1,2,1] y")
    quantized = make_text_model(
        "a = Neg(x) y = Mul(a, back)",
        "float[1,2,1] x",
        "float[1,2,1] y",
        back=np.float32([[[-4.0], [-0.5]]]),
    )
    save(real, tmp_path / "float.onnx")
    save(quantized, tmp_path / "qdq.onnx")
    cuts = [
        Cut(value="a", quantized="a", scales=np.float32([4.0, 0.5])),
        Cut(value="y", quantized="y"),
    ]
    write_layers(tmp_path / "float.onnx", tmp_path / "qdq.onnx", cuts, tmp_path / "joined.onnx")
    x = np.float32([[[3.0], [5.0]]])
    found = run(open_session(tmp_path / "joined.onnx", optimize=False), {"x": x})
    assert np.array_equal(found[layer_output(cuts[1])], x)


def test_the_joined_graph_is_in_one_opset(
    tmp_path: Path, make_text_model: Callable[..., Any]
) -> None:
    for name, opset in (("float", 24), ("qdq", 17)):
        model = make_text_model("y = Relu(x)", "float[1,2] x", "float[1,2] y", opset=opset)
        save(model, tmp_path / f"{name}.onnx")
    cuts = [Cut(value="y", quantized="y")]
    joined = tmp_path / "joined.onnx"
    write_layers(tmp_path / "float.onnx", tmp_path / "qdq.onnx", cuts, joined)
    assert [item.version for item in onnx.load(joined).opset_import] == [24]
    found = run(open_session(joined), {"x": np.float32([[-1.0, 2.0]])})
    assert np.array_equal(found["y"], found[layer_output(cuts[0])])
