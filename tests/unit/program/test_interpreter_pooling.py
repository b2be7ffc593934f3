from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto

from toolchain.core.dtypes import DType
from toolchain.errors import CompileError
from toolchain.program.records import Pool, PoolKind


def pool(kind: PoolKind, **changes: object) -> Pool:
    values: dict[str, object] = {
        "name": "pool",
        "inputs": ("x",),
        "outputs": ("y",),
        "kind": kind,
        "kernel": (2, 2),
        "strides": (1, 1),
        "pads": (0, 0, 0, 0),
        "dilations": (1, 1),
        "count_include_pad": False,
        "x_zero_point": 0,
        "factor": 1.0,
        "zero_point": 0,
        "low": -128,
        "high": 127,
    }
    return Pool(**{**values, **changes})


# size, kernel, strides, pads, dilations, ceil_mode
GEOMETRIES = [
    ((9, 8), (3, 3), (2, 2), (1, 1, 1, 1), (1, 1), 0),
    ((9, 8), (3, 3), (2, 2), (0, 0, 0, 0), (1, 1), 1),
    ((10, 12), (2, 3), (1, 2), (1, 0, 0, 2), (2, 1), 0),
    ((7, 7), (7, 7), (1, 1), (0, 0, 0, 0), (1, 1), 0),
    ((15,), (4,), (3,), (1, 2), (1,), 1),
    ((5, 6, 7), (2, 2, 3), (1, 2, 2), (0, 1, 0, 0, 0, 1), (1, 1, 1), 0),
]


@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize("dtype", [DType.INT8, DType.UINT8])
def test_max_equals_max_pool(execute, ort_run, geometry, dtype) -> None:
    size, kernel, strides, pads, dilations, ceil_mode = geometry
    random = np.random.default_rng(0)
    x = random.integers(dtype.qmin, dtype.qmax + 1, (2, 3, *size)).astype(dtype.numpy)
    expected = ort_run(
        "MaxPool",
        [x],
        output=TensorProto.INT8 if dtype is DType.INT8 else TensorProto.UINT8,
        kernel_shape=kernel,
        strides=strides,
        pads=pads,
        dilations=dilations,
        ceil_mode=ceil_mode,
    )[0]
    op = pool(PoolKind.MAX, kernel=kernel, strides=strides, pads=pads, dilations=dilations)
    actual = execute(op, {"x": x}, {"y": (dtype, expected.shape)})["y"]
    np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize("include", [False, True])
@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_average_equals_float_average(execute, ort_run, assert_last_bit, geometry, include) -> None:
    size, kernel, strides, pads, dilations, ceil_mode = geometry
    x = np.random.default_rng(1).integers(0, 256, (2, 40, *size)).astype(np.uint8)
    real = ort_run(
        "AveragePool",
        [(x.astype(np.float32) - 99) * np.float32(0.7313)],
        onnx_version=19,
        kernel_shape=kernel,
        strides=strides,
        pads=pads,
        dilations=dilations,
        ceil_mode=ceil_mode,
        count_include_pad=int(include),
    )[0]
    expected = np.clip(np.rint(real) + 5, 0, 255).astype(np.uint8)
    op = pool(
        PoolKind.AVERAGE,
        kernel=kernel,
        strides=strides,
        pads=pads,
        dilations=dilations,
        count_include_pad=include,
        x_zero_point=99,
        factor=0.7313,
        zero_point=5,
        low=0,
        high=255,
    )
    actual = execute(op, {"x": x}, {"y": (DType.UINT8, expected.shape)})["y"]
    assert_last_bit(actual, expected)


@pytest.mark.parametrize("include", [False, True])
def test_average_equals_qlinear_average_pool(execute, ort_run, assert_last_bit, include) -> None:
    x = np.random.default_rng(3).integers(0, 256, (1, 32, 15, 15)).astype(np.uint8)
    x_scale, y_scale = np.float32(0.03), np.float32(0.021)
    expected = ort_run(
        "QLinearAveragePool",
        [x, x_scale, np.uint8(120), y_scale, np.uint8(130)],
        domain="com.microsoft",
        output=TensorProto.UINT8,
        kernel_shape=(3, 3),
        strides=(2, 2),
        pads=(1, 1, 1, 1),
        count_include_pad=int(include),
    )[0]
    op = pool(
        PoolKind.AVERAGE,
        kernel=(3, 3),
        strides=(2, 2),
        pads=(1, 1, 1, 1),
        count_include_pad=include,
        x_zero_point=120,
        factor=float(x_scale / y_scale),
        zero_point=130,
        low=0,
        high=255,
    )
    actual = execute(op, {"x": x}, {"y": (DType.UINT8, expected.shape)})["y"]
    assert_last_bit(actual, expected)


@pytest.mark.parametrize(
    ("include", "expected"),
    # x - 1 is [[3, 5], [7, 9]] in a 2x2 window moved by one over a padding of one.
    [(False, [3, 4, 5, 5, 6, 7, 7, 8, 9]), (True, [1, 2, 1, 2, 6, 4, 2, 4, 2])],
)
def test_by_hand_padding_in_the_count(execute, include, expected) -> None:
    # With padding counted: 3/4 to 1, 8/4 to 2, 5/4 to 1, 10/4 = 2.5 to 2, 24/4 = 6,
    # 14/4 = 3.5 to 4, 7/4 to 2, 16/4 = 4, 9/4 to 2.
    x = np.array([[[[4, 6], [8, 10]]]], np.int8)
    op = pool(PoolKind.AVERAGE, pads=(1, 1, 1, 1), count_include_pad=include, x_zero_point=1)
    actual = execute(op, {"x": x}, {"y": (DType.INT8, (1, 1, 3, 3))})["y"]
    np.testing.assert_array_equal(actual.reshape(-1), expected)


def test_by_hand_ceil_mode_counts_what_is_there(execute) -> None:
    # Three elements, windows of two moved by two: (2 + 4) / 2 and 9 alone.
    op = pool(PoolKind.AVERAGE, kernel=(2,), strides=(2,), pads=(0, 0), dilations=(1,))
    x = np.array([[[2, 4, 9]]], np.int8)
    actual = execute(op, {"x": x}, {"y": (DType.INT8, (1, 1, 2))})["y"]
    np.testing.assert_array_equal(actual.reshape(-1), [3, 9])


@pytest.mark.parametrize(
    ("changes", "shape", "word"),
    [
        ({"kernel": (0, 2)}, (1, 1, 3, 3), "positive"),
        ({"kernel": (2,)}, (1, 1, 3, 3), "spatial axes"),
        ({}, (1, 2, 3, 3), "channels"),
        ({"strides": (9, 9)}, (1, 1, 2, 2), "padding only"),
        ({"x_zero_point": 2**31}, (1, 1, 3, 3), "zero point"),
    ],
)
def test_records_that_do_not_fit_are_reported(execute, changes, shape, word) -> None:
    x = np.zeros((1, 1, 4, 4), np.int8)
    with pytest.raises(CompileError, match=word):
        execute(pool(PoolKind.AVERAGE, **changes), {"x": x}, {"y": (DType.INT8, shape)})
