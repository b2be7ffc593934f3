"""QDQ models as onnxruntime runs them, and how they keep what the plan says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from toolchain.core.dtypes import DType
from toolchain.graph.view import read_view
from toolchain.quantization.precision import NodePrecision


def weights(*shape: int, seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).standard_normal(shape) * 0.5).astype(np.float32)


def initializers(built: object) -> dict[str, np.ndarray]:
    proto = onnx.load(built.qdq_path)
    return {item.name: numpy_helper.to_array(item) for item in proto.graph.initializer}


def kinds(built: object) -> Counter:
    return Counter(node.op_type for node in onnx.load(built.qdq_path).graph.node)


def test_one_bias_of_two_convolutions(
    make_text_model: Callable, build: Callable, compare_layers: Callable
):
    built = build(
        make_text_model(
            "a = Conv(x, w, b) y = Conv(a, w2, b)",
            "float[1,3,5,5] x",
            "float[A,B,C,D] y",
            w=weights(3, 3, 1, 1),
            w2=weights(3, 3, 1, 1, seed=1),
            b=np.array([0.5, -0.25, 1], np.float32),
        )
    )
    stored = initializers(built)
    assert "b" not in stored
    for name in ("b/quantized", "b/1/quantized"):
        scale = stored[name.replace("quantized", "scale")].astype(np.float64)
        np.testing.assert_array_equal(stored[name], np.rint([0.5, -0.25, 1] / scale))
    assert built.report.islands == ()
    compare_layers(built.qdq_path, built.program, built.samples).check(share=0.99)


def test_one_weight_of_two_convolutions_is_stored_once(make_text_model: Callable, build: Callable):
    body = "a = Conv(x, w) y = Conv(a, w)"
    built = build(
        make_text_model(body, "float[1,3,5,5] x", "float[A,B,C,D] y", w=weights(3, 3, 1, 1))
    )
    assert [name for name in initializers(built) if name.startswith("w")] == [
        "w/quantized",
        "w/scale",
        "w/zero_point",
    ]


def test_weight_shared_with_an_island_stays_float_there(make_text_model: Callable, build: Callable):
    body = "a = Conv(x, w) y = Conv(a, w)"
    model = make_text_model(body, "float[1,3,5,5] x", "float[A,B,C,D] y", w=weights(3, 3, 1, 1))
    built = build(model, precision={"y_node": NodePrecision(weight_dtype=DType.FLOAT32)})
    view = read_view(built.qdq_path)
    assert view.node_by_name["a_node"].inputs[1].name == "w/dequantized"
    assert view.node_by_name["y_node"].inputs[1].name == "w"
    assert [type(op).__name__ for op in built.program.operations] == [
        "Quantize",
        "Conv",
        "Dequantize",
        "FloatOp",
    ]


def test_conversion_on_an_edge(
    make_text_model: Callable, build: Callable, compare_layers: Callable
):
    asked = {"b_node": NodePrecision(input_dtype=DType.UINT8)}
    model = make_text_model(
        "a = Tanh(x) b = Sigmoid(a) y = Add(a, b)", "float[2,9] x", "float[A,B] y"
    )
    built = build(model, precision=asked)
    names = [op.name for op in built.program.operations]
    assert names == [
        "x/quantize",
        "a_node",
        "a/b_node/0/quantize",
        "b_node",
        "y_node",
        "y/dequantize",
    ]
    assert built.program.tensors["a/b_node/0/quantized"].dtype is DType.UINT8
    compare_layers(built.qdq_path, built.program, built.samples).check(share=0.99)


def test_names_keep_their_meaning(make_text_model: Callable, build: Callable):
    built = build(make_text_model("a = Tanh(x) y = Sigmoid(a)", "float[2,9] x", "float[A,B] y"))
    proto = onnx.load(built.qdq_path)
    assert [item.name for item in (*proto.graph.input, *proto.graph.output)] == ["x", "y"]
    written = {name for node in proto.graph.node for name in node.output}
    assert {
        "x/quantized",
        "x/dequantized",
        "a/float",
        "a/quantized",
        "a",
        "y/float",
        "y",
    } <= written
    (qdq,), (real,) = built.onnxruntime().values(), built.onnxruntime(qdq=False).values()
    assert np.abs(qdq - real).max() < 0.02


def test_model_of_integers_and_its_reference_agree(make_text_model: Callable, build: Callable):
    body = "c = Conv(x, w, b) r = Relu(c) g = GlobalAveragePool(r) f = Flatten(g) y = Softmax(f)"
    model = make_text_model(
        body, "float[1,3,8,8] x", "float[A,B] y", w=weights(6, 3, 3, 3), b=weights(6)
    )
    built = build(model)
    reference, qdq = built.reference()["y"], built.onnxruntime()["y"]
    assert np.abs(reference - qdq).max() <= 1.01 / 256


ISLANDS = {
    "conv": ("c = Conv(r, w, b)", {"w": weights(4, 4, 3, 3), "b": weights(4)}),
    "conv without bias": ("c = Conv(r, w)", {"w": weights(4, 4, 3, 3)}),
    "conv with relu": ("d = Conv(r, w) c = Relu(d)", {"w": weights(4, 4, 3, 3)}),
    "conv behind a max pool": (
        "m = MaxPool<kernel_shape=[2,2]>(r) c = Conv(m, w, b)",
        {"w": weights(4, 4, 3, 3), "b": weights(4)},
    ),
    "transposed conv": (
        "c = ConvTranspose<group=2>(r, w)",
        {"w": weights(4, 3, 3, 3)},
    ),
    "gemm": (
        "f = Flatten(r) c = Gemm(f, w, b)",
        {"w": weights(4 * 64, 5), "b": weights(5)},
    ),
    "gemm without bias": ("f = Flatten(r) c = Gemm<transB=1>(f, w)", {"w": weights(5, 4 * 64)}),
}  # fmt: skip


@pytest.mark.parametrize(("body", "constants"), ISLANDS.values(), ids=ISLANDS)
def test_float_weights_stay_float_under_onnxruntimes_optimizer(
    make_text_model: Callable, build: Callable, body: str, constants: dict[str, np.ndarray]
):
    """Without the guard, onnxruntime stores them in int8 with one scale."""
    constants = {name: array.copy() for name, array in constants.items()}
    constants["w"].flat[0] = 300.0  # one large weight costs all the others their resolution
    rank = "float[A,B] y" if "Flatten" in body else "float[A,B,C,D] y"
    model = make_text_model(f"r = Tanh(x) {body} y = Neg(c)", "float[1,4,8,8] x", rank, **constants)
    names = [
        node.name for node in model.graph.node if node.op_type in ("Conv", "ConvTranspose", "Gemm")
    ]
    asked = NodePrecision(weight_dtype=DType.FLOAT32, output_dtype=DType.INT8)
    built = build(model, precision=dict.fromkeys(names, asked))
    plain, optimized = built.onnxruntime()["y"], built.onnxruntime(optimize=True)["y"]
    step = float(built.params.values["y"].scale)
    assert np.abs(plain - optimized).max() <= 1.01 * step
    assert np.mean(plain == optimized) > 0.999
    np.testing.assert_allclose(built.reference()["y"], plain, atol=1.01 * step)


def test_integer_nodes_get_no_guard(make_text_model: Callable, build: Callable):
    built = build(
        make_text_model(
            "y = Conv(x, w)", "float[1,3,5,5] x", "float[A,B,C,D] y", w=weights(3, 3, 1, 1)
        )
    )
    assert kinds(built) == {"QuantizeLinear": 2, "DequantizeLinear": 3, "Conv": 1}


def test_same_bytes_twice(make_text_model: Callable, build: Callable, tmp_path):
    model = make_text_model(
        "a = Conv(x, w, b) y = Relu(a)",
        "float[1,3,5,5] x",
        "float[A,B,C,D] y",
        w=weights(3, 3, 1, 1),
        b=weights(3),
    )
    first = build(model).qdq_path.read_bytes()
    for folder in ("samples",):
        for item in (tmp_path / folder).iterdir():
            item.unlink()
        (tmp_path / folder).rmdir()
    assert build(model).qdq_path.read_bytes() == first
