"""Functions and softmax on 16 bits, and PRelu with several slopes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from tc_target_riscv.facts import SPEC
from toolchain.core.dtypes import DType
from toolchain.core.quant import QuantSpec
from toolchain.core.target import OpSupport, TargetSpec
from toolchain.program.records import FloatOp

X, Y = "float[2,4,9,7] x", "float[A,B,C,D] y"


def target_of(dtype: DType) -> TargetSpec:
    """The riscv target with other activations, and Pow."""
    activation = QuantSpec(dtype=dtype, symmetric=dtype is DType.INT16)
    return replace(SPEC, activation=activation, ops={**SPEC.ops, "Pow": OpSupport()})


UNARY = (
    "Relu", "Sigmoid", "HardSigmoid", "HardSwish", "Swish", "Gelu", "Tanh", "Elu", "Selu",
    "LeakyRelu", "Mish", "Softplus", "Softsign", "Abs", "Neg", "Erf", "Exp",
)  # fmt: skip


@pytest.mark.parametrize("dtype", [DType.INT16, DType.UINT16])
@pytest.mark.parametrize("op_type", UNARY)
def test_functions_of_16_bits(
    make_text_model: Callable,
    build: Callable,
    compare_layers: Callable,
    op_type: str,
    dtype: DType,
):
    model = make_text_model(f"y = {op_type}(x)", "float[3,50] x", "float[N,M] y")
    built = build(model, target=target_of(dtype))
    kinds = [type(op).__name__ for op in built.program.operations]
    assert kinds == ["Quantize", "Function", "Dequantize"]
    # onnxruntime approximates most functions to a few of its last bits.
    compare_layers(built.qdq_path, built.program, built.samples).check(share=0.97)


@pytest.mark.parametrize("body", ["Pow(x, c)", "Clip(x, , c)", "PRelu(x, c)"])
def test_functions_with_a_constant(
    make_text_model: Callable, build: Callable, compare_layers: Callable, body: str
):
    constant = np.float32(2.0) if "PRelu" not in body else np.array([0.25], np.float32)
    model = make_text_model(f"y = {body}", "float[3,50] x", "float[N,M] y", c=constant)
    built = build(model, target=target_of(DType.INT16))
    assert type(built.program.operations[1]).__name__ == "Function"
    compare_layers(built.qdq_path, built.program, built.samples).check(share=0.97)


def test_a_function_that_is_not_a_number_is_0(make_text_model: Callable, build: Callable):
    model = make_text_model("y = Sqrt(x)", "float[3,50] x", "float[N,M] y")
    target = target_of(DType.INT16)
    # Square roots of negative numbers stop the sweep: calibrate on their magnitudes.
    samples = build(make_text_model("y = Abs(x)", "float[3,50] x", "float[N,M] y")).samples
    for path in samples.folder.glob("*.bin"):
        np.abs(np.fromfile(path, np.float32)).tofile(path)
    built = build(model, target=target, samples=samples)
    feeds = {"x": -np.ones((3, 50), np.float32)}
    from toolchain.program.interpreter import Interpreter

    np.testing.assert_array_equal(Interpreter(built.program).run(feeds)["y"], np.zeros((3, 50)))


@pytest.mark.parametrize("axis", [-1, 1])
@pytest.mark.parametrize("dtype", [DType.INT16, DType.UINT16])
def test_softmax_of_16_bits(
    make_text_model: Callable, build: Callable, compare_layers: Callable, dtype: DType, axis: int
):
    model = make_text_model(f"y = Softmax <axis={axis}> (x)", X, Y)
    built = build(model, target=target_of(dtype))
    kinds = [type(op).__name__ for op in built.program.operations]
    assert kinds == ["Quantize", "WideSoftmax", "Dequantize"]
    compare_layers(built.qdq_path, built.program, built.samples).check(share=0.97)


@pytest.mark.parametrize("dtype", [DType.INT8, DType.UINT8, DType.INT16])
@pytest.mark.parametrize("shape", [(4, 1, 1), (9, 7), (4, 9, 7)])
def test_prelu_with_several_slopes(
    make_text_model: Callable,
    build: Callable,
    compare_layers: Callable,
    dtype: DType,
    shape: tuple[int, ...],
):
    slope = np.random.default_rng(1).uniform(-0.5, 1.5, shape).astype(np.float32)
    built = build(make_text_model("y = PRelu(x, s)", X, Y, s=slope), target=target_of(dtype))
    kinds = [type(op).__name__ for op in built.program.operations]
    assert kinds == ["Quantize", "Slope", "Dequantize"]
    share = 0.999 if dtype is not DType.INT16 else 0.97
    compare_layers(built.qdq_path, built.program, built.samples).check(share=share)


def test_prelu_with_one_slope_is_a_table(make_text_model: Callable, build: Callable):
    slope = np.full((1, 1, 1), 0.25, np.float32)
    built = build(make_text_model("y = PRelu(x, s)", X, Y, s=slope))
    assert type(built.program.operations[1]).__name__ == "Table"


def test_prelu_with_a_computed_slope_runs_in_float(make_text_model: Callable, build: Callable):
    built = build(make_text_model("s = Sigmoid(x) y = PRelu(x, s)", X, Y))
    assert [op.op_type for op in built.program.operations if isinstance(op, FloatOp)] == ["PRelu"]
