"""Function, WideSoftmax and Slope, by hand and by exact integers."""

from __future__ import annotations

from fractions import Fraction
from math import exp

import numpy as np
import pytest

from toolchain.core.dtypes import DType
from toolchain.core.quant import Rounding
from toolchain.errors import CompileError
from toolchain.program.records import Function, Slope, Tensor, WideSoftmax


def tensors(x_scale: float, y_scale: float, shape: tuple[int, ...]) -> tuple[Tensor, ...]:
    return (
        Tensor(name="x", dtype=DType.INT16, shape=shape, scale=x_scale, zero_point=10),
        Tensor(name="y", dtype=DType.INT16, shape=shape, scale=y_scale, zero_point=-5),
    )


def test_dequantize_compute_quantize(execute) -> None:
    # (x - 10) / 2 are -1, 0, 2, 3; squared over 4 they are 0.25, 0, 1, 2.25; the last is a quarter.
    x = np.array([8, 10, 14, 16], np.int16)
    op = Function(name="f", inputs=("x",), outputs=("y",), op_type="Pow", constants={1: "two"})
    y = execute(
        op,
        {"x": x},
        {"y": (DType.INT16, (4,))},
        {"two": np.float32(2)},
        tensors=tensors(0.5, 4.0, (4,)),
    )["y"]
    np.testing.assert_array_equal(y, [-5, -5, -4, -3])


@pytest.mark.parametrize(
    ("rounding", "expected"),
    [(Rounding.HALF_EVEN, [-3, -5, -7]), (Rounding.HALF_UP, [-2, -5, -7])],
)
def test_the_programs_rounding(execute, rounding: Rounding, expected: list[int]) -> None:
    # Negated (x - 10) / 2 are 2.5, 0, -2.5 in steps of 1.
    op = Function(name="f", inputs=("x",), outputs=("y",), op_type="Neg")
    x = np.array([5, 10, 15], np.int16)
    outputs = {"y": (DType.INT16, (3,))}
    more = {"tensors": tensors(0.5, 1.0, (3,)), "rounding": rounding}
    np.testing.assert_array_equal(execute(op, {"x": x}, outputs, **more)["y"], expected)


def exponentials(scale: float) -> dict[str, np.ndarray]:
    steps = range(256)
    return {
        "high": np.array([round(exp(-256 * h * scale) * 2**30) for h in steps], np.int32),
        "low": np.array([round(exp(-low * scale) * 2**30) for low in steps], np.int32),
    }


def test_softmax_is_made_of_exact_integers(execute) -> None:
    random, constants = np.random.default_rng(2), exponentials(2e-4)
    x = random.integers(-32768, 32768, (3, 40)).astype(np.int16)
    op = WideSoftmax(
        name="s",
        inputs=("x",),
        outputs=("y",),
        axis=1,
        high="high",
        low="low",
        factor=65536.0,
        zero_point=-32768,
    )
    expected = np.zeros(x.shape, np.int64)
    for row, values in enumerate(x.tolist()):
        found = []
        for value in values:
            high, low = divmod(max(values) - value, 256)
            product = int(constants["high"][high]) * int(constants["low"][low])
            found.append((product + 2**29) // 2**30)
        for column, one in enumerate(found):
            share = np.float32(np.float32(one) / np.float32(sum(found)))
            expected[row, column] = round(Fraction(float(share * np.float32(65536)))) - 32768
    y = execute(op, {"x": x}, {"y": (DType.INT16, x.shape)}, constants)["y"]
    np.testing.assert_array_equal(y, np.clip(expected, -32768, 32767))
    turned = WideSoftmax(
        name="s", inputs=("x",), outputs=("y",), axis=0, high="high", low="low",
        factor=65536.0, zero_point=-32768,
    )  # fmt: skip
    across = execute(turned, {"x": x.T.copy()}, {"y": (DType.INT16, x.T.shape)}, constants)["y"]
    np.testing.assert_array_equal(across, y.T)


def test_softmax_needs_exponentials(execute) -> None:
    x, constants = np.zeros((1, 2), np.int16), exponentials(0.1)
    op = WideSoftmax(
        name="s", inputs=("x",), outputs=("y",), axis=2, high="high", low="low", factor=1.0,
        zero_point=0,
    )  # fmt: skip
    with pytest.raises(CompileError, match="axis"):
        execute(op, {"x": x}, {"y": (DType.INT16, (1, 2))}, constants)
    empty = {**constants, "high": np.zeros(256, np.int32)}
    with pytest.raises(CompileError):
        execute(op, {"x": x}, {"y": (DType.INT16, (1, 2))}, empty)


def test_slopes(execute) -> None:
    # x - 1 is -4, 4 per channel; factor 1/2 above, -1/4 and 2 below.
    x = np.array([[[-3], [5]], [[-3], [5]]], np.int8).transpose(1, 0, 2)
    op = Slope(
        name="p", inputs=("x",), outputs=("y",), x_zero_point=1, factor=0.5, negative="n",
        zero_point=3,
    )  # fmt: skip
    constants = {"n": np.array([[-0.25], [2.0]], np.float32)}
    y = execute(op, {"x": x}, {"y": (DType.INT8, x.shape)}, constants)["y"]
    np.testing.assert_array_equal(y[:, :, 0], [[4, -5], [5, 5]])
    with pytest.raises(CompileError, match="broadcast"):
        execute(op, {"x": x}, {"y": (DType.INT8, x.shape)}, {"n": np.ones((3, 1), np.float32)})
