from __future__ import annotations

import numpy as np
import pytest

from toolchain.core.dtypes import Array, DType
from toolchain.core.quant import Rounding
from toolchain.errors import CompileError
from toolchain.program.records import Resize


def half_pixel(size: int, target: int) -> tuple[Array, Array, Array]:
    """ONNX half_pixel positions of a linear resize along one axis."""
    position = np.clip((np.arange(target) + 0.5) * size / target - 0.5, 0, size - 1)
    low = np.floor(position).astype(np.int32)
    high = np.minimum(low + 1, size - 1).astype(np.int32)
    return low, high, (position - low).astype(np.float32)


def resize(linear: bool, **changes: object) -> Resize:
    values: dict[str, object] = {
        "name": "resize",
        "inputs": ("x",),
        "outputs": ("y",),
        "axes": (2, 3),
        "low": ("low2", "low3"),
        "high": ("high2", "high3") if linear else (),
        "weights": ("weight2", "weight3") if linear else (),
        "x_zero_point": 0,
        "factor": 1.0,
        "zero_point": 0,
    }
    return Resize(**{**values, **changes})


def constants(size: tuple[int, int], target: tuple[int, int]) -> dict[str, Array]:
    result = {}
    for axis in (2, 3):
        parts = half_pixel(size[axis - 2], target[axis - 2])
        result.update(zip((f"low{axis}", f"high{axis}", f"weight{axis}"), parts, strict=True))
    return result


@pytest.mark.parametrize(
    ("size", "target"), [((5, 7), (10, 21)), ((9, 8), (5, 3)), ((4, 4), (7, 4))]
)
def test_linear_equals_float_resize(execute, ort_run, assert_last_bit, size, target) -> None:
    x = np.random.default_rng(0).integers(0, 256, (2, 20, *size)).astype(np.uint8)
    real = ort_run(
        "Resize",
        [x.astype(np.float32) - 100, None, None, np.array([2, 20, *target], np.int64)],
        mode="linear",
    )[0]
    expected = np.clip(np.rint(real * np.float32(0.8)) + 120, 0, 255).astype(np.uint8)
    op = resize(True, x_zero_point=100, factor=0.8, zero_point=120)
    actual = execute(op, {"x": x}, {"y": (DType.UINT8, expected.shape)}, constants(size, target))
    assert_last_bit(actual["y"], expected)


@pytest.mark.parametrize("dtype", [np.int8, np.float32])
def test_nearest_equals_onnx(execute, ort_run, dtype) -> None:
    x = np.random.default_rng(0).integers(-128, 128, (1, 3, 4, 5)).astype(dtype)
    expected = ort_run(
        "Resize",
        [x.astype(np.float32), None, np.array([1, 1, 2, 3], np.float32)],
        mode="nearest",
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    )[0]
    positions = {
        "low2": np.arange(8, dtype=np.int32) // 2,
        "low3": np.arange(15, dtype=np.int32) // 3,
    }
    shape = (1, 3, 8, 15)
    actual = execute(
        resize(False), {"x": x}, {"y": (DType(np.dtype(dtype).name), shape)}, positions
    )
    np.testing.assert_array_equal(actual["y"], expected)


@pytest.mark.parametrize(
    ("rounding", "expected"),
    # Half-way between -1 and 2, 2 and 5, then 5 itself: 0.5, 3.5, 5.
    [
        (Rounding.HALF_EVEN, [0, 4, 5]),
        (Rounding.HALF_UP, [1, 4, 5]),
        (Rounding.HALF_AWAY, [1, 4, 5]),
    ],
)
def test_by_hand_midpoints(execute, rounding, expected) -> None:
    op = resize(True, axes=(2,), low=("low",), high=("high",), weights=("weight",))
    values = {
        "low": np.array([0, 1, 2], np.int32),
        "high": np.array([1, 2, 2], np.int32),
        "weight": np.array([0.5, 0.5, 0.0], np.float32),
    }
    x = np.array([[[-1, 2, 5]]], np.int8)
    actual = execute(op, {"x": x}, {"y": (DType.INT8, (1, 1, 3))}, values, rounding=rounding)
    np.testing.assert_array_equal(actual["y"].reshape(-1), expected)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"axes": (2,)}, "another shape"),
        ({"axes": (2, 7)}, "outside"),
        ({"low": ("low3", "low2")}, "shape"),
        ({"low": ("beyond", "low3")}, "outside the input"),
        ({"weights": ("weight2", "low3")}, "float32"),
    ],
)
def test_records_that_do_not_fit_are_reported(execute, changes, word) -> None:
    values = {**constants((2, 2), (4, 3)), "beyond": np.full(4, 2, np.int32)}
    x = np.zeros((1, 1, 2, 2), np.int8)
    with pytest.raises(CompileError, match=word):
        execute(resize(True, **changes), {"x": x}, {"y": (DType.INT8, (1, 1, 4, 3))}, values)
