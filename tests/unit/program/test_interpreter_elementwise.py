from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from onnx import TensorProto

from toolchain.core.dtypes import DType
from toolchain.core.quant import Rounding
from toolchain.errors import Code, CompileError
from toolchain.program.records import (
    Binary,
    BinaryKind,
    Dequantize,
    Quantize,
    Rescale,
    Softmax,
    Table,
    Tensor,
)


def binary(kind: BinaryKind, **changes: object) -> Binary:
    values: dict[str, object] = {
        "name": "binary",
        "inputs": ("a", "b"),
        "outputs": ("y",),
        "kind": kind,
        "a_zero_point": 0,
        "b_zero_point": 0,
        "a_factor": 1.0,
        "b_factor": 1.0,
        "zero_point": 0,
        "low": -128,
        "high": 127,
    }
    return Binary(**{**values, **changes})


@pytest.mark.parametrize("dtype", [DType.INT8, DType.UINT8])
@pytest.mark.parametrize(
    ("kind", "name"), [(BinaryKind.ADD, "QLinearAdd"), (BinaryKind.MUL, "QLinearMul")]
)
@pytest.mark.parametrize(
    "shapes",
    [((2, 8, 16, 16), (2, 8, 16, 16)), ((1, 8, 16, 16), (1, 8, 1, 1)), ((4, 1, 600), (600,))],
)
def test_outputs_equal_qlinear(
    execute, ort_run, assert_last_bit, dtype, kind, name, shapes
) -> None:
    random = np.random.default_rng(2)
    a_shape, b_shape = shapes
    a = random.integers(dtype.qmin, dtype.qmax + 1, a_shape).astype(dtype.numpy)
    b = random.integers(dtype.qmin, dtype.qmax + 1, b_shape).astype(dtype.numpy)
    scales = [np.float32(s) for s in (0.0213, 0.0137, 0.0291)]
    zeros = [dtype.qmin + z for z in (120, 100, 130)]
    numbers = [dtype.numpy.type(z) for z in zeros]
    expected = ort_run(
        name,
        [a, scales[0], numbers[0], b, scales[1], numbers[1], scales[2], numbers[2]],
        domain="com.microsoft",
        output=TensorProto.INT8 if dtype is DType.INT8 else TensorProto.UINT8,
    )[0]
    product = kind is BinaryKind.MUL
    op = binary(
        kind,
        a_zero_point=zeros[0],
        b_zero_point=zeros[1],
        zero_point=zeros[2],
        a_factor=float((scales[0] * scales[1] if product else scales[0]) / scales[2]),
        b_factor=1.0 if product else float(scales[1] / scales[2]),
        low=dtype.qmin,
        high=dtype.qmax,
    )
    actual = execute(op, {"a": a, "b": b}, {"y": (dtype, expected.shape)})["y"]
    assert_last_bit(actual, expected)


@pytest.mark.parametrize(
    ("rounding", "expected"),
    # a - b is -1, 1, 3, 5, 255, times 1/2: ties, and 127.5 saturates.
    [
        (Rounding.HALF_EVEN, [0, 0, 2, 2, 127]),
        (Rounding.HALF_UP, [0, 1, 2, 3, 127]),
        (Rounding.HALF_AWAY, [-1, 1, 2, 3, 127]),
    ],
)
def test_by_hand_difference_and_ties(execute, rounding, expected) -> None:
    op = binary(BinaryKind.SUB, a_factor=0.5, b_factor=0.5)
    feeds = {
        "a": np.array([0, 1, 4, 9, 127], np.int8),
        "b": np.array([1, 0, 1, 4, -128], np.int8),
    }
    actual = execute(op, feeds, {"y": (DType.INT8, (5,))}, rounding=rounding)["y"]
    np.testing.assert_array_equal(actual, expected)


def test_sum_is_three_float32_operations_without_contraction(execute) -> None:
    # Every pair of 8-bit integers; expected by float32 steps rounded from exact fractions.
    a_factor, b_factor = np.float32(0.1), np.float32(0.3)
    values = np.arange(-128, 128)
    half = np.float64  # float32 products and sums of 32 bits are exact in float64 before rounding
    left = (values.astype(half) * half(a_factor)).astype(np.float32)
    right = (values.astype(half) * half(b_factor)).astype(np.float32)
    total = (left.astype(half)[:, None] + right.astype(half)).astype(np.float32)
    expected = np.array([[round(Fraction(float(v))) for v in row] for row in total])
    op = binary(BinaryKind.ADD, a_factor=float(a_factor), b_factor=float(b_factor))
    column, row = values.astype(np.int8)[:, None], values.astype(np.int8)[None]
    actual = execute(op, {"a": column, "b": row}, {"y": (DType.INT8, (256, 256))})["y"]
    np.testing.assert_array_equal(actual, np.clip(expected, -128, 127))


def test_an_input_may_be_a_constant(execute) -> None:
    op = binary(BinaryKind.ADD, inputs=("a", "c"), zero_point=1, low=-4, high=4)
    a = np.array([[1, 2], [3, 100]], np.int8)
    constants = {"c": np.array([-10, 1], np.int8)}
    actual = execute(op, {"a": a}, {"y": (DType.INT8, (2, 2))}, constants)["y"]
    np.testing.assert_array_equal(actual, [[-4, 4], [-4, 4]])


def test_a_product_beyond_int32_is_rejected(execute) -> None:
    feeds = {"a": np.ones(1, np.uint16), "b": np.ones(1, np.uint16)}
    with pytest.raises(CompileError, match="exceed int32"):
        execute(binary(BinaryKind.MUL), feeds, {"y": (DType.INT8, (1,))})


@pytest.mark.parametrize("dtype", [DType.INT8, DType.UINT8])
def test_table_covers_every_integer(execute, dtype) -> None:
    table = np.random.default_rng(0).permutation(256).astype(np.uint8)
    x = np.arange(dtype.qmin, dtype.qmax + 1).astype(dtype.numpy)[::-1]
    op = Table(name="t", inputs=("x",), outputs=("y",), table="table")
    actual = execute(op, {"x": x}, {"y": (DType.UINT8, (256,))}, {"table": table})["y"]
    np.testing.assert_array_equal(actual, table[::-1])


def test_table_of_four_bits_starts_at_minus_eight(execute) -> None:
    table = np.arange(256).astype(np.uint8)
    tensors = (Tensor(name="x", dtype=DType.INT4, shape=(3,)),)
    op = Table(name="t", inputs=("x",), outputs=("y",), table="table")
    x = np.array([-8, 0, 7], np.int8)
    actual = execute(op, {"x": x}, {"y": (DType.UINT8, (3,))}, {"table": table}, tensors=tensors)[
        "y"
    ]
    np.testing.assert_array_equal(actual, [0, 8, 15])


@pytest.mark.parametrize("dtype", [DType.INT8, DType.UINT8])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_tables_of_an_axis(execute, dtype, axis) -> None:
    """Entry x of the table of channel c is 1000 * c + x, counted from the smallest x."""
    shape = (2, 3, 5)
    tables = (1000 * np.arange(shape[axis])[:, None] + np.arange(256)).astype(np.uint16)
    x = np.random.default_rng(1).integers(dtype.qmin, dtype.qmax + 1, shape).astype(dtype.numpy)
    op = Table(name="t", inputs=("x",), outputs=("y",), table="tables", axis=axis)
    actual = execute(op, {"x": x}, {"y": (DType.UINT16, shape)}, {"tables": tables})["y"]
    expected = 1000 * np.indices(shape)[axis] + (x.astype(int) - dtype.qmin)
    np.testing.assert_array_equal(actual, expected)


def exponentials(scale: float) -> np.ndarray:
    return np.array([round(math.exp(-d * scale) * 2**23) for d in range(256)], np.int32)


def test_by_hand_softmax(execute) -> None:
    # Equal elements share 1: 0.25 / (1/256) = 64, minus 128.
    op = Softmax(
        name="s",
        inputs=("x",),
        outputs=("y",),
        axis=1,
        exponentials="e",
        factor=256.0,
        zero_point=-128,
    )
    x = np.full((2, 4), 55, np.int8)
    actual = execute(op, {"x": x}, {"y": (DType.INT8, (2, 4))}, {"e": exponentials(0.1)})["y"]
    np.testing.assert_array_equal(actual, np.full((2, 4), -64))


@pytest.mark.parametrize(("shape", "axis"), [((6, 50), 1), ((2, 10, 7), 1)])
def test_softmax_equals_qlinear_softmax(execute, ort_run, assert_last_bit, shape, axis) -> None:
    x = np.random.default_rng(4).integers(0, 256, shape).astype(np.uint8)
    expected = ort_run(
        "QLinearSoftmax",
        [x, np.float32(0.05), np.uint8(10), np.float32(1 / 256), np.uint8(0)],
        domain="com.microsoft",
        output=TensorProto.UINT8,
        axis=axis,
        opset=13,
    )[0]
    op = Softmax(
        name="s",
        inputs=("x",),
        outputs=("y",),
        axis=axis,
        exponentials="e",
        factor=256.0,
        zero_point=0,
    )
    actual = execute(op, {"x": x}, {"y": (DType.UINT8, shape)}, {"e": exponentials(0.05)})["y"]
    assert_last_bit(actual, expected)


@pytest.mark.parametrize("dtype", [DType.INT8, DType.UINT8, DType.INT16, DType.UINT16])
def test_quantize_and_back_equal_onnx(execute, ort_run, dtype) -> None:
    x = np.random.default_rng(1).normal(0, 400, (3, 500)).astype(np.float32)
    x[0, :4] = [3.4e38, -3.4e38, 0.0, -0.0]
    scale, zero_point = np.float32(0.037), dtype.qmin + 77
    stored = Tensor(name="q", dtype=dtype, shape=x.shape, scale=float(scale), zero_point=zero_point)
    zero = dtype.numpy.type(zero_point)
    kind = TensorProto.DataType.Value(dtype.upper())
    expected = ort_run("QuantizeLinear", [x, scale, zero], output=kind, onnx_version=21)[0]
    actual = execute(
        Quantize(name="n", inputs=("x",), outputs=("q",)),
        {"x": x},
        {"q": (dtype, x.shape)},
        tensors=(stored,),
    )["q"]
    np.testing.assert_array_equal(actual, expected)
    real = ort_run("DequantizeLinear", [expected, scale, zero], onnx_version=21)[0]
    back = execute(
        Dequantize(name="n", inputs=("q",), outputs=("x",)),
        {"q": expected},
        {"x": (DType.FLOAT32, x.shape)},
        tensors=(stored,),
    )["x"]
    np.testing.assert_array_equal(back, real)


def test_dequantize_rounds_large_int32_once(execute) -> None:
    # 2**31 - 1 minus -1 is 2**31, exact in float32 and outside int32.
    stored = Tensor(name="q", dtype=DType.INT32, shape=(2,), scale=0.5, zero_point=-1)
    actual = execute(
        Dequantize(name="n", inputs=("q",), outputs=("x",)),
        {"q": np.array([2**31 - 1, 2**24], np.int32)},
        {"x": (DType.FLOAT32, (2,))},
        tensors=(stored,),
    )["x"]
    # 2**24 + 1 is half-way between floats: the even one, 2**24.
    np.testing.assert_array_equal(actual, [2.0**30, 2.0**23])


def test_by_hand_rescale(execute) -> None:
    # (x + 3) / 256 + 5: 1.5 to 2, 2.5 to 2, 300 saturates.
    op = Rescale(
        name="r", inputs=("x",), outputs=("y",), x_zero_point=-3, factor=1 / 256, zero_point=5
    )
    x = np.array([384 - 3, 640 - 3, 32767], np.int16)
    actual = execute(op, {"x": x}, {"y": (DType.INT8, (3,))})["y"]
    np.testing.assert_array_equal(actual, [7, 7, 127])


@pytest.mark.parametrize(
    ("op", "word"),
    [
        (binary(BinaryKind.ADD, zero_point=200), "zero point"),
        (binary(BinaryKind.ADD, low=-200), "Bounds"),
        (binary(BinaryKind.ADD, low=3, high=2), "Bounds"),
        (Table(name="binary", inputs=("a",), outputs=("y",), table="t"), "shape"),
        (Quantize(name="binary", inputs=("a",), outputs=("y",)), "float32"),
        (
            Softmax(
                name="binary",
                inputs=("a",),
                outputs=("y",),
                axis=4,
                exponentials="t",
                factor=1.0,
                zero_point=0,
            ),
            "axis",
        ),
    ],
)
def test_records_that_do_not_fit_are_reported(execute, op, word) -> None:
    feeds = {"a": np.zeros(3, np.int8), "b": np.zeros(3, np.int8)}
    with pytest.raises(CompileError, match=word) as error:
        execute(op, feeds, {"y": (DType.INT8, (3,))}, {"t": np.zeros(7, np.int8)})
    assert error.value.code is Code.PROGRAM_INVALID
