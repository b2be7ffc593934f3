"""Computing operators: which operation they become, and that it computes what onnxruntime does."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest

from toolchain.core.dtypes import DType
from toolchain.graph.qdq_checker import unasked_float_nodes
from toolchain.graph.view import read_view
from toolchain.program.records import Conv, FloatOp, ToFloat
from toolchain.quantization.precision import NodePrecision


def weights(*shape: int, seed: int = 0, scale: float = 0.5) -> np.ndarray:
    """Normally distributed float32 numbers."""
    return (np.random.default_rng(seed).standard_normal(shape) * scale).astype(np.float32)


class Case(NamedTuple):
    """A graph of x (1, 4, 9, 7), and its operations between Quantize and Dequantize."""

    body: str
    kinds: str
    constants: dict[str, np.ndarray]
    inputs: str = "float[1,4,9,7] x"
    outputs: str = "float[1,M,H,W] y"


CONV = {"w": weights(6, 4, 3, 3), "b": weights(6, seed=1)}
FLAT = "float[5,8] x"
FLAT_OUT = "float[N,M] y"

CASES = {
    "conv": Case("y = Conv(x, w, b)", "Conv", CONV),
    "conv without bias": Case("y = Conv(x, w)", "Conv", {"w": CONV["w"]}),
    "conv with relu": Case("a = Conv(x, w, b) y = Relu(a)", "Conv", CONV),
    "conv with clip": Case(
        "a = Conv(x, w, b) y = Clip(a, lo, hi)",
        "Conv",
        {**CONV, "lo": np.float32(-0.5), "hi": np.float32(1.25)},
    ),
    "conv strided, padded, dilated": Case(
        "y = Conv <strides=[2,1], pads=[1,2,0,1], dilations=[2,1]> (x, w, b)", "Conv", CONV
    ),
    "conv same upper": Case(
        "y = Conv <auto_pad='SAME_UPPER', strides=[2,2]> (x, w, b)",
        "Conv",
        {"w": weights(6, 4, 4, 2), "b": CONV["b"]},
    ),
    "conv same lower": Case(
        "y = Conv <auto_pad='SAME_LOWER', strides=[2,2]> (x, w, b)",
        "Conv",
        {"w": weights(6, 4, 4, 2), "b": CONV["b"]},
    ),
    "conv valid": Case("y = Conv <auto_pad='VALID'> (x, w, b)", "Conv", CONV),
    "depthwise": Case(
        "y = Conv <group=4> (x, w, b)", "Conv", {"w": weights(8, 1, 3, 3), "b": weights(8)}
    ),
    "grouped": Case(
        "y = Conv <group=2> (x, w, b)", "Conv", {"w": weights(6, 2, 3, 3), "b": weights(6)}
    ),
    "conv of one axis": Case(
        "y = Conv <strides=[2]> (x, w, b)",
        "Conv",
        {"w": weights(6, 4, 3), "b": weights(6)},
        "float[2,4,11] x",
        "float[N,M,W] y",
    ),
    "conv of three axes": Case(
        "y = Conv <pads=[1,1,1,1,1,1]> (x, w)",
        "Conv",
        {"w": weights(3, 2, 3, 3, 3)},
        "float[1,2,4,5,6] x",
        "float[N,M,D,H,W] y",
    ),
    "transposed conv": Case(
        "y = ConvTranspose <strides=[2,2], pads=[1,0,1,1], output_padding=[1,0]> (x, w, b)",
        "ConvTranspose",
        {"w": weights(4, 6, 3, 3), "b": weights(6)},
    ),
    "transposed conv in groups": Case(
        "y = ConvTranspose <group=2, strides=[2,2]> (x, w, b)",
        "ConvTranspose",
        {"w": weights(4, 3, 3, 3), "b": weights(6)},
    ),
    "transposed conv of given size": Case(
        "y = ConvTranspose <strides=[2,2], output_shape=[18,15]> (x, w, b)",
        "ConvTranspose",
        {"w": weights(4, 2, 3, 4), "b": weights(2)},
    ),
    "transposed conv same upper": Case(
        "y = ConvTranspose <auto_pad='SAME_UPPER', strides=[2,3]> (x, w)",
        "ConvTranspose",
        {"w": weights(4, 2, 3, 4)},
    ),
    "gemm": Case(
        "y = Gemm(x, w, b)", "MatMul", {"w": weights(8, 6), "b": weights(6)}, FLAT, FLAT_OUT
    ),
    "gemm transposed": Case(
        "y = Gemm <transB=1> (x, w, b)",
        "MatMul",
        {"w": weights(6, 8), "b": weights(6)},
        FLAT,
        FLAT_OUT,
    ),
    "gemm with relu": Case(
        "a = Gemm(x, w, b) y = Relu(a)",
        "MatMul",
        {"w": weights(8, 6), "b": weights(6)},
        FLAT,
        FLAT_OUT,
    ),
    "matmul": Case(
        "y = MatMul(x, w)", "MatMul", {"w": weights(8, 6)}, "float[2,3,8] x", "float[N,M,K] y"
    ),
    "matmul of a stack": Case(
        "y = MatMul(x, w)", "MatMul", {"w": weights(2, 8, 6)}, "float[2,3,8] x", "float[N,M,K] y"
    ),
    "matmul of activations": Case(
        "t = Transpose <perm=[0,2,1]> (x) y = MatMul(x, t)",
        "Move MatMul",
        {},
        "float[2,3,8] x",
        "float[N,M,K] y",
    ),
    "add": Case("a = Relu(x) y = Add(x, a)", "Table Binary", {}),
    "add with relu": Case("a = Sigmoid(x) b = Add(x, a) y = Relu(b)", "Table Binary", {}),
    "add of a constant": Case("y = Add(x, c)", "Binary", {"c": weights(4, 1, 1)}),
    "add of a constant in front": Case("y = Add(c, x)", "Binary", {"c": weights(4, 1, 1)}),
    "subtract": Case("a = Sigmoid(x) y = Sub(a, x)", "Table Binary", {}),
    "multiply": Case("a = Sigmoid(x) y = Mul(x, a)", "Table Binary", {}),
    "multiply by a constant": Case("y = Mul(x, c)", "Binary", {"c": weights(4, 1, 1)}),
    "square": Case("y = Mul(x, x)", "Binary", {}),
    "average pool": Case("y = AveragePool <kernel_shape=[3,2], strides=[2,1]> (x)", "Pool", {}),
    "average pool counting its padding": Case(
        "y = AveragePool <kernel_shape=[3,3], pads=[1,1,1,1], count_include_pad=1> (x)", "Pool", {}
    ),
    "average pool with ceiling": Case(
        "y = AveragePool <kernel_shape=[3,3], strides=[2,2], ceil_mode=1> (x)", "Pool", {}
    ),
    "average pool with relu": Case(
        "a = AveragePool <kernel_shape=[2,2]> (x) y = Relu(a)", "Pool", {}
    ),
    "global average pool": Case("y = GlobalAveragePool(x)", "Pool", {}),
    "softmax": Case("y = Softmax(x)", "Softmax", {}, FLAT, FLAT_OUT),
    "softmax of channels": Case("y = Softmax <axis=1> (x)", "Softmax", {}),
    "linear resize": Case(
        "y = Resize <mode='linear'> (x, , s)", "Resize", {"s": np.array([1, 1, 2, 1.5], np.float32)}
    ),
    "linear resize to sizes": Case(
        "y = Resize <mode='linear', coordinate_transformation_mode='align_corners'> (x, , , n)",
        "Resize",
        {"n": np.array([1, 4, 5, 13], np.int64)},
    ),
    # Not to twice the size: every second element would be a tie between two integers.
    "linear resize, asymmetric": Case(
        "y = Resize <mode='linear', coordinate_transformation_mode='asymmetric'> (x, , s)",
        "Resize",
        {"s": np.array([1, 1, 3, 3], np.float32)},
    ),
    "linear resize, pytorch": Case(
        "y = Resize <coordinate_transformation_mode='pytorch_half_pixel', mode='linear'>(x, , , n)",
        "Resize",
        {"n": np.array([1, 4, 1, 13], np.int64)},
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_operation_and_numbers(
    make_text_model: Callable, build: Callable, compare_layers: Callable, case: Case
):
    built = build(make_text_model(case.body, case.inputs, case.outputs, **case.constants))
    kinds = [type(op).__name__ for op in built.program.operations]
    assert kinds == ["Quantize", *case.kinds.split(), "Dequantize"]
    assert built.report.islands == ()
    assert unasked_float_nodes(read_view(built.qdq_path), ()) == ()
    compare_layers(built.qdq_path, built.program, built.samples).check()


UNARY = (
    "Relu", "Sigmoid", "HardSigmoid", "HardSwish", "Swish", "Gelu", "Tanh", "Elu", "Selu", "Celu",
    "LeakyRelu", "Mish", "Softplus", "Softsign", "ThresholdedRelu", "Abs", "Neg", "Exp", "Erf",
    "Sign", "Floor", "Ceil", "Round", "Reciprocal",
)  # fmt: skip


@pytest.mark.parametrize("op_type", UNARY)
def test_unary_functions_are_tables(
    make_text_model: Callable, build: Callable, compare_layers: Callable, op_type: str
):
    built = build(make_text_model(f"y = {op_type}(x)", "float[3,50] x", "float[N,M] y"))
    assert [type(op).__name__ for op in built.program.operations][1] == "Table"
    compare_layers(built.qdq_path, built.program, built.samples).check()


@pytest.mark.parametrize("op_type", ["Log", "Sqrt"])
def test_unary_functions_of_positive_numbers(
    make_text_model: Callable, build: Callable, compare_layers: Callable, op_type: str
):
    body = f"a = Mul(x, x) b = Add(a, c) y = {op_type}(b)"
    model = make_text_model(body, "float[3,50] x", "float[N,M] y", c=np.float32(0.7))
    built = build(model)
    assert [type(op).__name__ for op in built.program.operations][3] == "Table"
    compare_layers(built.qdq_path, built.program, built.samples).check()


def test_accumulator_handed_out_in_float(
    make_text_model: Callable, build: Callable, compare_layers: Callable
):
    asked = {"c_node": NodePrecision(output_dtype=DType.FLOAT32)}
    model = make_text_model(
        "c = Conv(x, w, b) y = Sin(c)", "float[1,4,9,7] x", "float[N,M,H,W] y", **CONV
    )
    built = build(model, precision=asked)
    quantize, conv, island = built.program.operations
    assert isinstance(conv, Conv)
    assert isinstance(conv.finish, ToFloat)
    assert isinstance(island, FloatOp)
    assert [type(quantize).__name__, island.op_type] == ["Quantize", "Sin"]
    assert built.report.islands[0].node == "y_node"
    compare_layers(built.qdq_path, built.program, built.samples).check()


def test_float_biases(make_text_model: Callable, build: Callable, compare_layers: Callable):
    model = make_text_model("y = Conv(x, w, b)", "float[1,4,9,7] x", "float[N,M,H,W] y", **CONV)
    built = build(model, bias_dtype=DType.FLOAT32)
    x = built.params.values["x"].scale
    scales = (x * built.params.values["w"].scale).astype(np.float64)
    expected = np.rint(CONV["b"].astype(np.float64) / scales)
    np.testing.assert_array_equal(built.program.constants["y_node/bias"], expected)
    compare_layers(built.qdq_path, built.program, built.samples).check(share=0.99)


def test_functions_of_whole_axes_are_no_tables(make_text_model: Callable, build: Callable):
    model = make_text_model(
        "a = Tanh(x) y = ReduceL2(a, k)", "float[3,50] x", "float[N,M] y", k=np.array([1])
    )
    kinds = [type(op).__name__ for op in build(model).program.operations]
    assert kinds == ["Quantize", "Table", "Dequantize", "FloatOp"]
