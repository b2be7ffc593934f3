"""Reduce and ArgExtreme, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from toolchain.core.dtypes import DType
from toolchain.core.quant import Rounding
from toolchain.errors import CompileError
from toolchain.program.records import ArgExtreme, Reduce, ReduceKind


def reduce(kind: ReduceKind = ReduceKind.SUM, **changes: object) -> Reduce:
    values: dict[str, object] = {
        "name": "reduce",
        "inputs": ("x",),
        "outputs": ("y",),
        "kind": kind,
        "axes": (0,),
        "x_zero_point": 0,
        "factor": 1.0,
        "zero_point": 0,
    }
    return Reduce(**{**values, **changes})


X = np.array([[1, -2, 127], [3, 5, 127], [-128, 0, 127]], np.int8)


@pytest.mark.parametrize(
    ("rounding", "expected"), [(Rounding.HALF_EVEN, [0, 1, 94]), (Rounding.HALF_UP, [1, 1, 95])]
)
def test_sums_are_exact_and_rounded_once(execute, rounding, expected) -> None:
    # Sums of x - 1 are 2, 4 and 378, by 4: two ties. With 40 added the last one saturates.
    x = np.array([[2, 2, 1], [3, 3, 1], [127, 127, 127]], np.int8)
    outputs = {"y": (DType.INT8, (3, 1))}
    op = reduce(axes=(1,), x_zero_point=1, factor=0.25)
    y = execute(op, {"x": x}, outputs, rounding=rounding)["y"]
    np.testing.assert_array_equal(y[:, 0], expected)
    op = reduce(axes=(1,), x_zero_point=1, factor=0.25, zero_point=40)
    y = execute(op, {"x": x}, outputs, rounding=rounding)["y"]
    np.testing.assert_array_equal(y[:, 0], [expected[0] + 40, expected[1] + 40, 127])


def test_a_sum_beyond_32_bits(execute) -> None:
    x = np.full((1, 2**17), -32768, np.int16)
    op = reduce(axes=(1,), x_zero_point=32767, factor=2.0**-33)
    y = execute(op, {"x": x}, {"y": (DType.INT8, (1,))})["y"]
    assert y[0] == -1  # 2**17 * -65535 * 2**-33 is just above -1


def test_extremes_with_and_without_axes(execute) -> None:
    outputs = {"y": (DType.INT8, (3,))}
    largest = execute(reduce(ReduceKind.MAX), {"x": X}, outputs)["y"]
    np.testing.assert_array_equal(largest, [3, 5, 127])
    smallest = execute(reduce(ReduceKind.MIN, axes=(1,)), {"x": X}, outputs)["y"]
    np.testing.assert_array_equal(smallest, [-2, 3, -128])
    alone = execute(reduce(ReduceKind.MIN, axes=()), {"x": X}, {"y": (DType.INT8, (3, 3))})["y"]
    np.testing.assert_array_equal(alone, X)


@pytest.mark.parametrize(
    ("smallest", "last", "expected"),
    [(False, False, [0, 1]), (False, True, [2, 1]), (True, False, [1, 0]), (True, True, [1, 3])],
)
def test_indices_of_extremes(execute, smallest: bool, last: bool, expected: list[int]) -> None:
    x = np.array([[7, -1, 7, 0], [-3, 9, 0, -3]], np.int8)
    op = ArgExtreme(name="arg", inputs=("x",), outputs=("y",), axis=1, smallest=smallest, last=last)
    y = execute(op, {"x": x}, {"y": (DType.INT64, (2, 1))})["y"]
    np.testing.assert_array_equal(y[:, 0], expected)


@pytest.mark.parametrize("axes", [(2,), (-1,), (0, 0)])
def test_impossible_axes(execute, axes: tuple[int, ...]) -> None:
    with pytest.raises(CompileError, match=r"An axis lies|Axes"):
        execute(reduce(axes=axes), {"x": X}, {"y": (DType.INT8, (3,))})
    arg = ArgExtreme(name="a", inputs=("x",), outputs=("y",), axis=2, smallest=False, last=False)
    with pytest.raises(CompileError, match="axis"):
        execute(arg, {"x": X}, {"y": (DType.INT64, (3,))})
