"""Convolutions and poolings of float islands in C."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

from toolchain.core.dtypes import Array
from toolchain.testing.compiled import COMPILER
from toolchain.testing.float_cases import assert_float_ops, float_case

pytestmark = pytest.mark.skipif(COMPILER is None, reason="there is no C compiler `cc`")

SPECIAL = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1.5, -2], np.float32)


def reals(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(0, 2, shape).astype(np.float32)


@pytest.mark.parametrize("constant", [(), (1, 2)])
@pytest.mark.parametrize("workers", [1, 3])
def test_convolutions(constant: tuple[int, ...], workers: int) -> None:
    x = reals(2, 6, 9, 11)
    bias = reals(12, seed=2)
    cases = []
    for groups, (height, width) in product((1, 2, 3, 6), ((3, 3), (1, 1), (2, 5))):
        weight = reals(12, 6 // groups, height, width, seed=1)
        how: dict[str, Any] = {"group": groups}
        cases += [
            float_case("Conv", x, weight, bias, constants=constant, **how),
            float_case("Conv", x, weight, constants=constant[:1], pads=(1, 0, 2, 1), **how),
            float_case("Conv", x, weight, strides=(2, 3), dilations=(2, 2), pads=(2,) * 4, **how),
            *(
                float_case("Conv", x, weight, bias, strides=(2, 2), auto_pad=pad, **how)
                for pad in ("SAME_UPPER", "SAME_LOWER", "VALID")
            ),
        ]
    cases += [
        float_case("Conv", reals(1, 3, 30), reals(5, 3, 4, seed=1), pads=(1, 2), strides=(2,)),
        float_case("Conv", reals(1, 3, 4, 5, 6), reals(5, 3, 2, 3, 2, seed=1), pads=(1,) * 6),
        float_case(
            "Conv", reals(1, 40, 5, 5), reals(3, 40, 3, 3, seed=1), pads=(1,) * 4
        ),  # two panels
    ]
    assert_float_ops(*cases, workers=workers)


@pytest.mark.parametrize("constant", [(), (1, 2)])
def test_transposed_convolutions(constant: tuple[int, ...]) -> None:
    x = reals(2, 6, 5, 7)
    cases = []
    for groups, (height, width) in product((1, 2, 6), ((3, 3), (1, 1), (2, 4))):
        weight = reals(6, 2, height, width, seed=1)
        bias = reals(2 * groups, seed=2)
        how: dict[str, Any] = {"group": groups}
        cases += [
            float_case("ConvTranspose", x, weight, bias, constants=constant, **how),
            float_case("ConvTranspose", x, weight, constants=constant[:1], strides=(2, 3), **how),
            float_case(
                "ConvTranspose",
                x,
                weight,
                bias,
                strides=(2, 2),
                dilations=(2, 1),
                pads=(1, 0, 0, 1),
                output_padding=(1, 0),
                **how,
            ),
            float_case("ConvTranspose", x, weight, strides=(2, 2), output_shape=(10, 14), **how),
            *(
                float_case("ConvTranspose", x, weight, strides=(2, 2), auto_pad=pad, **how)
                for pad in ("SAME_UPPER", "SAME_LOWER")
            ),
        ]
    cases.append(float_case("ConvTranspose", reals(1, 3, 6), reals(3, 4, 5), strides=(3,)))
    cases.append(
        float_case("ConvTranspose", reals(1, 2, 3, 3, 3), reals(2, 3, 2, 2, 2), pads=(1,) * 6)
    )
    assert_float_ops(*cases)


def test_poolings() -> None:
    strange = np.random.default_rng(1).choice(SPECIAL, (2, 3, 8, 9))
    cases = []
    for x in (reals(2, 3, 8, 9), strange):
        for name in ("MaxPool", "AveragePool"):
            for ceil in (0, 1):
                how: dict[str, Any] = {"kernel_shape": (3, 2), "ceil_mode": ceil}
                cases += [
                    float_case(name, x, **how),
                    float_case(name, x, strides=(2, 2), pads=(1, 0, 1, 1), **how),
                    float_case(name, x, strides=(3, 3), dilations=(2, 3), pads=(1, 1, 1, 1), **how),
                ]
            cases += [
                float_case(name, x, kernel_shape=(3, 3), strides=(2, 2), auto_pad=pad)
                for pad in ("SAME_UPPER", "SAME_LOWER", "VALID")
            ]
            cases.append(float_case(f"Global{name}", x))
        cases += [
            float_case(
                "AveragePool",
                x,
                kernel_shape=(3, 3),
                strides=(2, 2),
                pads=(1, 1, 1, 1),
                ceil_mode=ceil,
                count_include_pad=1,
            )
            for ceil in (0, 1)
        ]
    for name in ("MaxPool", "AveragePool"):
        cases.append(float_case(name, reals(1, 2, 600), kernel_shape=(3,), pads=(1, 1)))
        cases.append(
            float_case(name, reals(1, 2, 4, 5, 6), kernel_shape=(2, 3, 2), strides=(2, 1, 2))
        )
    assert_float_ops(*cases)


def test_largest_integers() -> None:
    cases = []
    for dtype in ("int8", "uint8", "int16", "uint16", "int32", "int64"):
        limits = np.iinfo(dtype)
        x = np.random.default_rng(2).integers(limits.min, limits.max, (1, 2, 5, 6), dtype)
        cases.append(float_case("MaxPool", x, kernel_shape=(3, 3), pads=(2, 2, 2, 2)))
        cases.append(float_case("GlobalMaxPool", x))
    assert_float_ops(*cases)
