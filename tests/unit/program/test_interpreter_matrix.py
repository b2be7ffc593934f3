from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto

from toolchain.core.dtypes import DType
from toolchain.errors import Code, CompileError
from toolchain.program.records import MatMul, Requantize, ToFloat

TO_FLOAT = ToFloat(factor="factor")
ONE = {"factor": np.float32(1).reshape(())}


def matmul(**changes: object) -> MatMul:
    values: dict[str, object] = {
        "name": "product",
        "inputs": ("a",),
        "outputs": ("y",),
        "b": "b",
        "a_zero_point": 0,
        "b_zero_point": None,
        "bias": None,
        "finish": TO_FLOAT,
    }
    return MatMul(**{**values, **changes})


SHAPES = [
    ((1, 64), (64, 10)),
    ((5, 7), (7, 3)),
    ((2, 3, 4, 6), (6, 5)),
    ((2, 3, 4, 6), (2, 3, 6, 5)),
    ((3, 4, 6), (2, 1, 6, 5)),
    ((4, 6), (3, 6, 5)),
]


@pytest.mark.parametrize(("a_shape", "b_shape"), SHAPES)
@pytest.mark.parametrize("constant", [True, False])
def test_accumulators_equal_matmul_integer(execute, ort_run, a_shape, b_shape, constant) -> None:
    random = np.random.default_rng(5)
    a = random.integers(0, 256, a_shape).astype(np.uint8)
    b = random.integers(-64, 65, b_shape).astype(np.int8)
    zero = np.array(-3, np.int32)
    expected = ort_run(
        "MatMulInteger",
        [a, b, np.array(9, np.uint8), np.array(-3, np.int8)],
        output=TensorProto.INT32,
    )[0]
    output = {"y": (DType.FLOAT32, expected.shape)}
    if constant:
        op = matmul(a_zero_point=9, b_zero_point="z")
        actual = execute(op, {"a": a}, output, {"b": b, "z": zero, **ONE})["y"]
    else:
        op = matmul(inputs=("a", "b"), b=None, a_zero_point=9, b_zero_point="z")
        actual = execute(op, {"a": a, "b": b}, output, {"z": zero, **ONE})["y"]
    np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize("columns", [1, 40])
def test_outputs_equal_qlinear_matmul(execute, ort_run, assert_last_bit, columns) -> None:
    random = np.random.default_rng(6)
    a = random.integers(0, 256, (30, 50)).astype(np.uint8)
    b = random.integers(-64, 65, (50, columns)).astype(np.int8)
    a_scale, y_scale = np.float32(0.013), np.float32(0.4)
    b_scale = random.uniform(0.01, 0.03, columns).astype(np.float32)
    b_zero = random.integers(-5, 6, columns).astype(np.int8)
    expected = ort_run(
        "QLinearMatMul",
        [
            a,
            a_scale,
            np.array(120, np.uint8),
            b,
            b_scale,
            b_zero,
            y_scale,
            np.array(131, np.uint8),
        ],
        output=TensorProto.UINT8,
    )[0]
    op = matmul(
        a_zero_point=120,
        b_zero_point="z",
        finish=Requantize(factor="factor", zero_point=131, low=0, high=255),
    )
    constants = {"b": b, "z": b_zero.astype(np.int32), "factor": a_scale * b_scale / y_scale}
    actual = execute(op, {"a": a}, {"y": (DType.UINT8, (30, columns))}, constants)["y"]
    assert_last_bit(actual, expected)


def test_outputs_equal_qgemm_with_bias(execute, ort_run, assert_last_bit) -> None:
    random = np.random.default_rng(8)
    a = random.integers(-128, 128, (4, 100)).astype(np.int8)
    b = random.integers(-64, 65, (100, 20)).astype(np.int8)
    c = random.integers(-3000, 3000, 20).astype(np.int32)
    a_scale, b_scale, y_scale = np.float32(0.02), np.float32(0.013), np.float32(0.31)
    expected = ort_run(
        "QGemm",
        [a, a_scale, np.int8(-7), b, b_scale, np.int8(0), c, y_scale, np.int8(11)],
        domain="com.microsoft",
        output=TensorProto.INT8,
    )[0]
    op = matmul(
        a_zero_point=-7,
        bias="c",
        finish=Requantize(factor="factor", zero_point=11, low=-128, high=127),
    )
    constants = {"b": b, "c": c, "factor": a_scale * b_scale / y_scale}
    actual = execute(op, {"a": a}, {"y": (DType.INT8, (4, 20))}, constants)["y"]
    assert_last_bit(actual, expected)


def test_by_hand_int16_beyond_float32(execute) -> None:
    # 32767 * 32767 + 1 * 1 is odd and far above 2**24.
    a = np.array([[32767, 1]], np.int16)
    op = matmul(bias="c")
    constants = {
        "b": np.array([[32767], [1]], np.int16),
        "c": np.array([-32767 * 32767], np.int32),
        **ONE,
    }
    actual = execute(op, {"a": a}, {"y": (DType.FLOAT32, (1, 1))}, constants)["y"]
    assert actual.item() == 1.0


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"a_zero_point": 2**30}, "zero point"),
        ({"bias": "b"}, "shape"),
        ({"b": "factor"}, "do not fit"),
        ({"b": "wrong"}, "do not fit"),
        ({"b_zero_point": "wrong"}, "shape"),
    ],
)
def test_records_that_do_not_fit_are_reported(execute, changes, word) -> None:
    constants = {"b": np.ones((3, 2), np.int8), "wrong": np.ones((4, 2), np.int8), **ONE}
    with pytest.raises(CompileError, match=word) as error:
        execute(
            matmul(**changes),
            {"a": np.zeros((1, 3), np.int8)},
            {"y": (DType.FLOAT32, (1, 2))},
            constants,
        )
    assert error.value.code is Code.PROGRAM_INVALID
