"""Arithmetic of single elements against fractions and single float32 operations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from toolchain.accelerator.isa.instructions import Combine, CombineKind, Scale
from toolchain.accelerator.isa.operands import Finish, Rounding, ToInteger
from toolchain.core.dtypes import DType
from toolchain.errors import CompileError

if TYPE_CHECKING:
    from toolchain.core.dtypes import Array

Run = Callable[..., "Array"]
Oracle = Callable[[int, float, Finish], float]

A = np.array([[-128, -3, 0, 1], [2, 50, 126, 127]], np.int8)
B = np.array([[255, 3, 0, 126], [104, 51, 4, 129]], np.uint8)


@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize(("kind", "sign"), [(CombineKind.ADD, 1), (CombineKind.SUB, -1)])
def test_sums_in_float32(
    bench: Run, to_int8: ToInteger, kind: CombineKind, sign: int, rounding: Rounding
) -> None:
    how = replace(to_int8, rounding=rounding, zero_point=-5)
    got = bench(
        Combine,
        DType.INT8,
        (2, 4),
        a=A,
        b=B,
        kind=kind,
        a_zero=3,
        b_zero=128,
        a_factor=float(np.float32(0.3)),
        b_factor=float(np.float32(0.7)),
        finish=how,
    )
    for at in np.ndindex(2, 4):
        left = np.float32(int(A[at]) - 3) * np.float32(0.3)
        right = np.float32(int(B[at]) - 128) * np.float32(0.7)
        real = left + right if sign > 0 else left - right
        steps = {
            Rounding.HALF_EVEN: round(float(real)),
            Rounding.HALF_UP: int(np.floor(np.float64(real) + 0.5)),
            Rounding.HALF_AWAY: int(np.sign(real) * np.floor(abs(np.float64(real)) + 0.5)),
        }[rounding]
        assert got[at] == min(max(steps - 5, -128), 127)


@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize(("kind", "sign"), [(CombineKind.ADD, 1), (CombineKind.SUB, -1)])
def test_exact_sums_round_once(
    bench: Run,
    oracle: Oracle,
    to_int8: ToInteger,
    kind: CombineKind,
    sign: int,
    rounding: Rounding,
) -> None:
    # 6/8 and 1/8: 1 and 126 - 128 add up to 0.5, 2 and 104 - 128 to -1.5 or 4.5.
    how = replace(to_int8, rounding=rounding, exact=True)
    got = bench(
        Combine,
        DType.INT8,
        (2, 4),
        a=A,
        b=B,
        kind=kind,
        a_zero=0,
        b_zero=128,
        a_factor=0.75,
        b_factor=0.125,
        finish=how,
    )
    for at in np.ndindex(2, 4):
        eighths = int(A[at]) * 6 + sign * (int(B[at]) - 128)
        assert got[at] == oracle(eighths, 0.125, how)


@pytest.mark.parametrize("exact", [False, True])
def test_products(bench: Run, oracle: Oracle, to_int8: ToInteger, exact: bool) -> None:
    how = replace(to_int8, exact=exact)
    got = bench(
        Combine,
        DType.INT8,
        (2, 4),
        a=A,
        b=B,
        kind=CombineKind.MUL,
        a_zero=-1,
        b_zero=100,
        a_factor=float(np.float32(0.01)),
        b_factor=1.0,
        finish=how,
    )
    for at in np.ndindex(2, 4):
        assert got[at] == oracle((int(A[at]) + 1) * (int(B[at]) - 100), 0.01, how)


def test_products_of_16_bits_do_not_wrap(bench: Run, to_int8: ToInteger) -> None:
    # 65535 * 65535 * 2**-26 = 63.998...
    most = np.array([65535], np.uint16)
    got = bench(
        Combine,
        DType.INT8,
        (1,),
        a=most,
        b=most,
        kind=CombineKind.MUL,
        a_zero=0,
        b_zero=0,
        a_factor=2.0**-26,
        b_factor=1.0,
        finish=to_int8,
    )
    assert got.tolist() == [64]


def test_factors_too_far_apart_for_an_exact_sum(bench: Run, to_int8: ToInteger) -> None:
    with pytest.raises(CompileError, match="too large"):
        bench(
            Combine,
            DType.INT8,
            (2, 4),
            a=A,
            b=A,
            kind=CombineKind.ADD,
            a_zero=0,
            b_zero=0,
            a_factor=1.0,
            b_factor=2.0**-70,
            finish=replace(to_int8, exact=True),
        )


def test_scale(bench: Run, oracle: Oracle, to_int8: ToInteger) -> None:
    x = np.array([-(2**31), -1000, -1, 0, 1, 2**31 - 1], np.int32)
    how = replace(to_int8, zero_point=7)
    got = bench(
        Scale, DType.INT8, (6,), source=x, negative=None, source_zero=-1, factor=0.0625, finish=how
    )
    assert got.tolist() == [oracle(int(v) + 1, 0.0625, how) for v in x]


def test_scale_of_negative_elements(bench: Run, to_int8: ToInteger) -> None:
    # x - 1 = -3, -3, 0, 4 with factors 2, -8, (3), 0.5.
    got = bench(
        Scale,
        DType.INT8,
        (4,),
        source=np.array([-2, -2, 1, 5], np.int8),
        negative=np.array([2, -8, 3, 3], np.float32),
        source_zero=1,
        factor=0.5,
        finish=to_int8,
    )
    assert got.tolist() == [-6, 24, 0, 2]


@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("exact", [False, True])
def test_views_without_axes_are_one_element(
    bench: Run, to_int8: ToInteger, rounding: Rounding, exact: bool
) -> None:
    how = replace(to_int8, rounding=rounding, exact=exact)
    x = np.array(7, np.int8)
    scaled = bench(
        Scale, DType.INT8, (), source=x, negative=None, source_zero=2, factor=0.25, finish=how
    )
    added = bench(
        Combine,
        DType.INT8,
        (),
        a=x,
        b=x,
        kind=CombineKind.ADD,
        a_zero=0,
        b_zero=-2,
        a_factor=1.0,
        b_factor=0.25,
        finish=how,
    )
    # 5 / 4 = 1.25; 7 + 9 / 4 = 9.25.
    assert (scaled.item(), added.item()) == (1, 9)
