"""Interpolate, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from toolchain.core.dtypes import DType
from toolchain.errors import CompileError
from toolchain.program.records import Interpolate

X = np.array([[2, 4, 10], [0, -6, 8]], np.int8)
CONSTANTS = {
    "p1": np.array([[0, 2], [1, 1]], np.int32),
    "w1": np.array([[0.5, 2.0], [0.5, -1.0]], np.float32),
    "p0": np.array([[1, 0, 0]], np.int32),
    "w0": np.array([[1.0, 1.0, 0.25]], np.float32),
    "o0": np.array([0, 0, 1], np.uint8),
    "o1": np.array([0, 0], np.uint8),
}


def interpolate(**changes: object) -> Interpolate:
    values: dict[str, object] = {
        "name": "resize",
        "inputs": ("x",),
        "outputs": ("y",),
        "axes": (0, 1),
        "positions": ("p0", "p1"),
        "weights": ("w0", "w1"),
        "outside": (),
        "fill": 0,
        "x_zero_point": 2,
        "factor": 2.0,
        "zero_point": 1,
    }
    return Interpolate(**{**values, **changes})


def run(execute, op: Interpolate) -> np.ndarray:
    return execute(op, {"x": X}, {"y": (DType.INT8, (3, 2))}, CONSTANTS)["y"]


def test_weighted_sums_of_two_axes(execute) -> None:
    # x - 2 is 0 2 8 / -2 -8 6; its rows 1, 0 and 0 / 4 are mixed to (a + b) / 2 and 2 c - b.
    steps = np.array([[-5, 20], [1, 14], [0.25, 3.5]]) * 2
    np.testing.assert_array_equal(run(execute, interpolate()), np.rint(steps).astype(int) + 1)


def test_what_lies_outside_on_any_axis_is_filled(execute) -> None:
    y = run(execute, interpolate(outside=("o0", "o1"), fill=-77))
    np.testing.assert_array_equal(y, [[-9, 41], [3, 29], [-77, -77]])


@pytest.mark.parametrize(
    "changes",
    [
        {"axes": (0, 2)},
        {"weights": ("w0",)},
        {"positions": ("p1", "p0"), "weights": ("w1", "w0")},
        {"positions": ("p0", "p0"), "weights": ("w0", "w0")},
        {"outside": ("o0",)},
        {"fill": 200},
    ],
)
def test_impossible_records(execute, changes: dict[str, object]) -> None:
    with pytest.raises(CompileError):
        run(execute, interpolate(**changes))
