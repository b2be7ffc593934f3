"""Reductions, extrema by index, partial sums and matrix products of float islands in C."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from toolchain.core.dtypes import Array
from toolchain.testing.compiled import COMPILER
from toolchain.testing.float_cases import assert_float_ops, float_case

pytestmark = pytest.mark.skipif(COMPILER is None, reason="there is no C compiler `cc`")

SPECIAL = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e38, -1e38, 1e-44, 1.5], np.float32)
REDUCTIONS = ("Sum", "Prod", "Max", "Min", "Mean", "L1", "L2", "SumSquare", "LogSumExp")


def reals(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(0, 2, shape).astype(np.float32)


def special(*shape: int) -> Array:
    return np.random.default_rng(1).choice(SPECIAL, shape)


def axes(*values: int) -> Array:
    return np.array(values, np.int64)


def test_reductions() -> None:
    x = reals(2, 3, 4, 5)
    cases = []
    for name in (f"Reduce{word}" for word in REDUCTIONS):
        cases += [
            *(float_case(name, x, axes(*a), constants=[1]) for a in ((1,), (3, 0), (2, -1))),
            float_case(name, x, axes(0, 2), constants=[1], keepdims=0),
            float_case(name, x, axes=(-2,)),
            float_case(name, x, keepdims=0),
            float_case(name, x, noop_with_empty_axes=1),
            float_case(name, reals(3, 700), axes(0), constants=[1]),  # more than one chunk
            float_case(name, special(40, 3), axes(1), constants=[1]),
            float_case(name, -np.zeros((2, 3), np.float32), axes(1), constants=[1]),
            float_case(name, np.full((2, 2), -np.inf, np.float32), axes(1), constants=[1]),
        ]
    assert_float_ops(*cases)


def test_reductions_of_integers_wrap() -> None:
    cases = []
    for dtype in ("int8", "uint8", "int16", "uint16", "int32", "int64"):
        limits = np.iinfo(dtype)
        x = np.random.default_rng(2).integers(limits.min, limits.max, (3, 4, 5), dtype)
        for name in ("ReduceSum", "ReduceProd", "ReduceMax", "ReduceMin"):
            cases += [float_case(name, x, axes(*a), constants=[1]) for a in ((0,), (1, 2), (2,))]
    assert_float_ops(*cases)


def test_arg_extrema() -> None:
    equal = np.array([[3, 1, 3, 1], [2, 2, 2, 2]], np.float32)
    cases = []
    for name in ("ArgMax", "ArgMin"):
        for last in (0, 1):
            cases += [
                float_case(name, equal, axis=1, select_last_index=last),
                float_case(name, equal.astype(np.int32), axis=1, select_last_index=last),
                float_case(name, special(5, 6, 3), axis=-2, keepdims=0, select_last_index=last),
                float_case(name, reals(4, 3, 2), axis=0, select_last_index=last),
            ]
    assert_float_ops(*cases)


def test_partial_sums() -> None:
    large = np.random.default_rng(3).integers(2**30, 2**31 - 1, (3, 4), np.int32)
    cases = []
    for exclusive in (0, 1):
        for reverse in (0, 1):
            how: dict[str, Any] = {"exclusive": exclusive, "reverse": reverse}
            cases += [
                float_case("CumSum", reals(3, 4, 5), axes(1), constants=[1], **how),
                float_case("CumSum", special(6, 7), axes(-1), constants=[1], **how),
                float_case("CumSum", -np.zeros((2, 3), np.float32), axes(1), constants=[1], **how),
                float_case("CumSum", large, axes(0), constants=[1], **how),
                float_case("CumSum", large.astype(np.int64), axes(1), constants=[1], **how),
            ]
    assert_float_ops(*cases)


@pytest.mark.parametrize("workers", [1, 3])
def test_matrix_products(workers: int) -> None:
    shapes: list[tuple[tuple[int, ...], tuple[int, ...]]] = [
        ((5, 7), (7, 4)),
        ((70, 9), (9, 33)),  # full tiles and edges, several blocks of rows
        ((2, 3, 5, 7), (7, 16)),
        ((2, 3, 5, 7), (2, 3, 7, 6)),
        ((2, 1, 5, 7), (3, 7, 6)),
        ((5, 7), (2, 7, 6)),
        ((3, 1, 5, 7), (1, 4, 7, 2)),
        ((7,), (7, 4)),
        ((5, 7), (7,)),
        ((7,), (2, 7, 3)),
        ((7,), (7,)),
    ]
    cases = []
    for a, b in shapes:
        pair = (reals(*a), reals(*b, seed=1))
        cases += [float_case("MatMul", *pair), float_case("MatMul", *pair, constants=[1])]
    cases.append(float_case("MatMul", reals(4, 5), reals(5, 6), constants=[0]))
    cases.append(float_case("MatMul", special(6, 4), special(4, 20)))
    assert_float_ops(*cases, workers=workers)


def test_sums_of_products_are_in_order_and_not_contracted() -> None:
    row = np.array([[1e8, 1, -1e8, 3]], np.float32)
    column = np.ones((4, 17), np.float32)
    third = np.full((1, 2), np.float32(1 / 3))
    assert_float_ops(
        *[
            float_case("MatMul", row, column),
            float_case("MatMul", np.tile(third, (4, 1)), reals(2, 16)),
        ]
    )


@pytest.mark.parametrize("constant", [(), (1, 2)])
def test_gemm(constant: tuple[int, ...]) -> None:
    a, b = reals(5, 7), reals(7, 18, seed=1)
    cases = [
        float_case("Gemm", a, b, c, constants=constant, alpha=0.3, beta=-1.7)
        for c in (reals(18), reals(1, 18), reals(5, 1), reals(5, 18), reals(1), reals())
    ]
    left, right = np.ascontiguousarray(a.T), np.ascontiguousarray(b.T)
    cases += [
        float_case("Gemm", left, b, reals(18), constants=constant, transA=1),
        float_case("Gemm", left, right, reals(18), constants=constant, transA=1, transB=1),
        float_case("Gemm", a, right, constants=constant[:1], transB=1, alpha=2.0),
    ]
    assert_float_ops(*cases)
