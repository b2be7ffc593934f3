"""Resize of float islands in C."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

from toolchain.core.dtypes import Array
from toolchain.testing.compiled import COMPILER
from toolchain.testing.float_cases import FloatCase, assert_float_ops, float_case

pytestmark = pytest.mark.skipif(COMPILER is None, reason="there is no C compiler `cc`")

COORDINATES = (
    "half_pixel",
    "half_pixel_symmetric",
    "pytorch_half_pixel",
    "align_corners",
    "asymmetric",
)
NEAREST = ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")


def reals(*shape: int) -> Array:
    return np.random.default_rng(0).normal(0, 2, shape).astype(np.float32)


def by_scales(x: Array, *scales: float, region: Array | None = None, **how: Any) -> FloatCase:
    factors = np.array(scales, np.float32)
    given = [2] if region is None else [1, 2]
    return float_case("Resize", x, region, factors, constants=given, **how)


def by_sizes(x: Array, *sizes: int, **how: Any) -> FloatCase:
    extents = np.array(sizes, np.int64)
    return float_case("Resize", x, None, None, extents, constants=[3], **how)


@pytest.mark.parametrize("mode", ["linear", "cubic"])
def test_weighted_sums(mode: str) -> None:
    x = reals(1, 2, 5, 7)
    cases = []
    for coordinates in COORDINATES:
        how: dict[str, Any] = {"mode": mode, "coordinate_transformation_mode": coordinates}
        cases += [
            by_scales(x, 1, 1, 2, 2, **how),
            by_scales(x, 1, 1, 0.6, 1.7, **how),
            by_scales(x, 1.5, 2, 1, 0.4, **how),
            by_sizes(x, 1, 2, 1, 13, **how),
            by_sizes(x, 1, 2, 3, 3, **how),
            by_sizes(x, 11, 4, axes=(-1, 2), **how),
            by_sizes(x, 1, 2, 5, 7, **how),  # nothing to do
        ]
    cases += [
        by_sizes(x, 9, 8, axes=(2, 3), mode=mode, keep_aspect_ratio_policy=policy)
        for policy in ("not_larger", "not_smaller", "stretch")
    ]
    if mode == "cubic":
        cases += [
            by_scales(x, 1, 1, 2.3, 0.8, mode=mode, cubic_coeff_a=-0.5, exclude_outside=outside)
            for outside in (0, 1)
        ]
    assert_float_ops(*cases)


def test_nearest() -> None:
    x = reals(1, 2, 5, 7)
    bytes_ = np.arange(70, dtype=np.uint8).reshape(1, 2, 5, 7)
    cases = []
    for coordinates, nearest in product(COORDINATES, NEAREST):
        how: dict[str, Any] = {
            "coordinate_transformation_mode": coordinates,
            "nearest_mode": nearest,
        }
        cases += [
            by_scales(x, 1, 1, 2, 3, **how),
            by_scales(bytes_, 1, 1, 0.6, 1.7, **how),
            by_sizes(x.astype(np.int64), 2, 2, 3, 1, **how),
        ]
    assert_float_ops(*cases, by_scales(x, 1, 1, 2, 2))


def test_regions() -> None:
    x = reals(1, 2, 5, 7)
    how: dict[str, Any] = {
        "coordinate_transformation_mode": "tf_crop_and_resize",
        "extrapolation_value": 2.5,
    }
    inner = np.array([0, 0, 0.2, 0.1, 1, 1, 0.7, 0.9], np.float32)
    beyond = np.array([0, 0, -0.2, 0.1, 1, 1, 1.1, 1.4], np.float32)
    cases = []
    for mode, region in product(("nearest", "linear", "cubic"), (inner, beyond)):
        cases += [
            by_scales(x, 1, 1, 2, 1, region=region, mode=mode, **how),
            by_scales(x, 1, 1, 0.2, 0.5, region=region, mode=mode, **how),
        ]
    whole = np.array([0.5, 1.5], np.float32)
    cases.append(by_scales(x, 2, region=whole, axes=(3,), mode="linear", **how))
    cases.append(by_scales(x.astype(np.int32), 2, region=whole, axes=(3,), mode="nearest", **how))
    assert_float_ops(*cases)
