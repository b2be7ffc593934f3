"""Shifts, integer multipliers and wide accumulators, by worked examples and by exact fractions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from math import floor

import numpy as np
import pytest

from toolchain.core.dtypes import DType
from toolchain.core.quant import Rounding
from toolchain.core.target import Requantization
from toolchain.errors import CompileError
from toolchain.program.records import (
    Binary,
    BinaryKind,
    Conv,
    MatMul,
    Pool,
    PoolKind,
    Quantize,
    Requantize,
    Rescale,
    Tensor,
    ToFloat,
)

SHIFT = {"requantization": Requantization.SHIFT, "rounding": Rounding.HALF_UP}


def conv(finish: Requantize | ToFloat, bias: str | None = "b") -> Conv:
    return Conv(
        name="conv",
        inputs=("x",),
        outputs=("y",),
        weight="w",
        weight_zero_point=None,
        bias=bias,
        x_zero_point=0,
        strides=(1,),
        pads=(0, 0),
        dilations=(1,),
        groups=1,
        finish=finish,
    )


def test_convolution_of_a_dpu_by_hand(execute: Callable) -> None:
    """x at position 4, w at 7, y at 5: cut 6; the bias at 13 is 2 bits finer than 4 + 7.

    sums = 3 * 20 = 60, 3 * -20 = -60, 3 * 21 = 63. With the bias 16 = 4 steps of the sum:
    64 / 64 = 1, -56 / 64 = -0.875, 67 / 64 = 1.047; with the bias 144 = 36 steps: 96 / 64 = 1.5,
    a tie up to 2, -24 / 64 = -0.375, 99 / 64 = 1.547.
    """
    result = execute(
        conv(Requantize(factor="f", zero_point=0, low=-128, high=127, guard_bits=2)),
        {"x": np.array([[[20, -20, 21]]], np.int8)},
        {"y": (DType.INT8, (1, 2, 3))},
        {
            "w": np.array([[[3]], [[3]]], np.int8),
            "b": np.array([16, 144], np.int32),
            "f": np.float32(2.0**-8),
        },
        **SHIFT,
    )
    assert result["y"].tolist() == [[[1, -1, 1], [2, 0, 2]]]


@pytest.mark.parametrize(
    ("rounding", "wanted"),
    [
        (Rounding.HALF_UP, [2, -1, -2]),
        (Rounding.HALF_AWAY, [2, -2, -3]),
        (Rounding.HALF_EVEN, [2, -2, -2]),
    ],
)
def test_ties_of_a_convolution(execute: Callable, rounding: Rounding, wanted: list[int]) -> None:
    """96 / 64 = 1.5, -96 / 64 = -1.5, -160 / 64 = -2.5."""
    result = execute(
        conv(Requantize(factor="f", zero_point=0, low=-128, high=127), bias=None),
        {"x": np.array([[[3, -3, -5]]], np.int8)},
        {"y": (DType.INT8, (1, 1, 3))},
        {"w": np.array([[[32]]], np.int8), "f": np.array([2.0**-6], np.float32)},
        requantization=Requantization.SHIFT,
        rounding=rounding,
    )
    assert result["y"].tolist() == [[wanted]]


def test_products_beyond_24_bits_are_exact(execute: Callable) -> None:
    """2**24 + 1 over 2 is a tie that float32 would not see: 8388608.5 up to 8388609."""
    result = execute(
        conv(Requantize(factor="f", zero_point=0, low=-(2**31), high=2**31 - 1)),
        {"x": np.array([[[1]]], np.int8)},
        {"y": (DType.INT32, (1, 1, 1))},
        {
            "w": np.array([[[1]]], np.int8),
            "b": np.array([2**24], np.int32),
            "f": np.float32(0.5),
        },
        **SHIFT,
    )
    assert result["y"].tolist() == [[[8388609]]]


def test_integer_multipliers_against_fractions(execute: Callable) -> None:
    rng = np.random.default_rng(11)
    x = rng.integers(-128, 128, (1, 5, 40)).astype(np.int8)
    w = rng.integers(-127, 128, (3, 5, 2)).astype(np.int8)
    bias = rng.integers(-5000, 5000, 3).astype(np.int32)
    factor = np.array([21845 * 2.0**-23, 17011 * 2.0**-22, 1 * 2.0**-9], np.float32)
    result = execute(
        conv(Requantize(factor="f", zero_point=0, low=-128, high=127)),
        {"x": x},
        {"y": (DType.INT8, (1, 3, 39))},
        {"w": w, "b": bias, "f": factor},
        requantization=Requantization.MULTIPLIER_AND_SHIFT,
        rounding=Rounding.HALF_AWAY,
    )
    for m in range(3):
        for o in range(39):
            acc = int(bias[m]) + sum(
                int(x[0, c, o + k]) * int(w[m, c, k]) for c in range(5) for k in range(2)
            )
            real = acc * Fraction(float(factor[m]))
            away = floor(abs(real) + Fraction(1, 2)) * (1 if real >= 0 else -1)
            assert result["y"][0, m, o] == min(max(away, -128), 127)


def binary(kind: BinaryKind, a_factor: float, b_factor: float) -> Binary:
    return Binary(
        name="binary",
        inputs=("a", "b"),
        outputs=("y",),
        kind=kind,
        a_zero_point=0,
        b_zero_point=0,
        a_factor=a_factor,
        b_factor=b_factor,
        zero_point=0,
        low=-128,
        high=127,
    )


@pytest.mark.parametrize(
    ("kind", "a_factor", "b_factor", "wanted"),
    [
        # a at position 5, b at 3, y at 4: 10 / 2 + 3 * 2, 3 / 2 - 2 = -0.5 up, 2 / 2 + 6, saturates
        (BinaryKind.ADD, 0.5, 2.0, [11, 0, 7, 127]),
        # 5 - 6, 1.5 + 2 = 3.5 up, 1 - 6, 63.5 - 200 saturates
        (BinaryKind.SUB, 0.5, 2.0, [-1, 4, -5, -128]),
        # products 30, -3, 6, 12700 over 4: 7.5 up, -0.75, 1.5 up, saturates
        (BinaryKind.MUL, 0.25, 1.0, [8, -1, 2, 127]),
    ],
)
def test_element_wise_shifts_by_hand(
    execute: Callable, kind: BinaryKind, a_factor: float, b_factor: float, wanted: list[int]
) -> None:
    a, b = np.array([10, 3, 2, 127], np.int8), np.array([3, -1, 3, 100], np.int8)
    op = binary(kind, a_factor, b_factor)
    result = execute(op, {"a": a, "b": b}, {"y": (DType.INT8, (4,))}, **SHIFT)
    assert result["y"].tolist() == wanted


def pool(factor: float) -> Pool:
    return Pool(
        name="pool",
        inputs=("x",),
        outputs=("y",),
        kind=PoolKind.AVERAGE,
        kernel=(3, 3),
        strides=(1, 1),
        pads=(0, 0, 0, 0),
        dilations=(1, 1),
        count_include_pad=False,
        x_zero_point=0,
        factor=factor,
        zero_point=0,
        low=-128,
        high=127,
    )


def test_average_of_a_dpu_by_hand(execute: Callable) -> None:
    """3 x 3 divides by 64 / 7: the sum 45 gives 45 * 7 / 64 = 4.92 -> 5, -45 gives -5."""
    x = np.full((1, 2, 3, 3), 5, np.int8)
    x[0, 1] = -5
    result = execute(pool(7 / 64), {"x": x}, {"y": (DType.INT8, (1, 2, 1, 1))}, **SHIFT)
    assert result["y"].reshape(-1).tolist() == [5, -5]


def test_windows_of_different_counts_have_no_single_factor(execute: Callable) -> None:
    padded = replace(pool(1.0), pads=(1, 1, 1, 1))
    with pytest.raises(CompileError, match="windows of one count"):
        execute(
            padded,
            {"x": np.ones((1, 1, 3, 3), np.int8)},
            {"y": (DType.INT8, (1, 1, 3, 3))},
            **SHIFT,
        )


def test_rescale_shifts_in_integers(execute: Callable) -> None:
    op = Rescale(name="r", inputs=("x",), outputs=("y",), x_zero_point=0, factor=0.25, zero_point=0)
    x = np.array([2, -2, 6, -6, 32767], np.int16)
    result = execute(op, {"x": x}, {"y": (DType.INT8, (5,))}, **SHIFT)
    assert result["y"].tolist() == [1, 0, 2, -1, 127]


def test_quantize_has_a_rounding_of_its_own(execute: Callable) -> None:
    """0.5, -0.5, 1.5, -2.5 steps, away from zero in a program that rounds half up."""
    tensor = Tensor(name="y", dtype=DType.INT8, shape=(4,), scale=0.5)
    op = Quantize(name="q", inputs=("x",), outputs=("y",), rounding=Rounding.HALF_AWAY)
    x = np.array([0.25, -0.25, 0.75, -1.25], np.float32)
    outputs = {"y": (DType.INT8, (4,))}
    result = execute(op, {"x": x}, outputs, tensors=(tensor,), **SHIFT)
    assert result["y"].tolist() == [1, -1, 2, -3]


@pytest.mark.parametrize("wide", [DType.INT32, DType.INT64])
def test_sixteen_bit_operands_need_a_wide_accumulator(execute: Callable, wide: DType) -> None:
    """65535 * 127 * 1024 is 8.5e9: beyond int32, exact in int64; times 2**-20 it is 8127.9."""
    op = MatMul(
        name="m",
        inputs=("a",),
        outputs=("y",),
        b="w",
        a_zero_point=0,
        b_zero_point=None,
        bias=None,
        finish=Requantize(factor="f", zero_point=0, low=0, high=65535),
    )
    arguments = (
        op,
        {"a": np.full((1, 1024), 65535, np.uint16)},
        {"y": (DType.UINT16, (1, 1))},
        {"w": np.full((1024, 1), 127, np.int8), "f": np.float32(2.0**-20)},
    )
    if wide is DType.INT32:
        with pytest.raises(CompileError, match="can exceed int32"):
            execute(*arguments, wide_accumulator=wide)
    else:
        assert execute(*arguments, wide_accumulator=wide)["y"].tolist() == [[8128]]


def test_guard_bits_need_exact_requantization(execute: Callable) -> None:
    with pytest.raises(CompileError, match="Guard bits"):
        execute(
            conv(Requantize(factor="f", zero_point=0, low=-128, high=127, guard_bits=1)),
            {"x": np.ones((1, 1, 1), np.int8)},
            {"y": (DType.INT8, (1, 1, 1))},
            {"w": np.ones((1, 1, 1), np.int8), "b": np.ones(1, np.int32), "f": np.float32(1)},
        )
