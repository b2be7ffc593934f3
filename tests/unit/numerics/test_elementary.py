"""Elementary functions against float64 formulas of numpy and `math`, on dense grids of float32."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolchain.numerics import elementary
from toolchain.numerics.elementary import UNARY

F = np.float32
TINY = float(np.finfo(F).smallest_subnormal)


def grid(limit: float) -> np.ndarray:
    """All signs and magnitudes up to `limit`: random bit patterns, dense stretches, edges."""
    rng = np.random.default_rng(11)
    patterns = rng.integers(0, 2**32, 60_000, dtype=np.uint32).view(F)
    with np.errstate(all="ignore"):
        stretches = [rng.uniform(-s, s, 20_000) for s in (1.0, 9.0, 110.0, limit)]
        edges = [0.0, -0.0, 1.0, -1.0, 0.5, 3.0, -3.0, TINY, -TINY, 1e-38, -1e-38, limit, -limit]
        values = np.concatenate([patterns, *stretches, edges]).astype(F)
    return values[np.abs(values) <= F(limit)]


def ulps(got: np.ndarray, exact: np.ndarray) -> float:
    """Largest distance in units of the last place of the correctly rounded float32."""
    with np.errstate(all="ignore"):
        rounded = exact.astype(F)
        same = (got == rounded) | (np.isnan(got) & np.isnan(exact))
        ulp = np.spacing(np.abs(rounded)).astype(np.float64)
        distance = np.abs(got.astype(np.float64) - exact) / ulp
    return float(np.max(np.where(same, 0.0, np.where(np.isnan(distance), np.inf, distance))))


def each(function: Callable[[float], float]) -> Callable[[np.ndarray], np.ndarray]:
    return np.vectorize(function, otypes=[np.float64])


def logistic(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def upper_gauss(x: np.ndarray) -> np.ndarray:
    return 0.5 * each(math.erfc)(-x * math.sqrt(0.5))


HUGE = float(np.finfo(F).max)
FORMULAS: Mapping[str, tuple[Callable[[np.ndarray], np.ndarray], float]] = {
    "Exp": (np.exp, HUGE),
    "Log": (np.log, HUGE),
    "Tanh": (np.tanh, HUGE),
    "Sigmoid": (logistic, HUGE),
    "Erf": (each(math.erf), HUGE),
    "Softplus": (lambda x: np.logaddexp(0, x), HUGE),
    "Sin": (np.sin, 2.0**20),
    "Cos": (np.cos, 2.0**20),
    "Sqrt": (np.sqrt, HUGE),
    "Reciprocal": (lambda x: 1 / x, HUGE),
    "Relu": (lambda x: np.where(x < 0, 0, x), HUGE),
    "Abs": (np.abs, HUGE),
    "Neg": (np.negative, HUGE),
    "Sign": (np.sign, HUGE),
    "Floor": (np.floor, HUGE),
    "Ceil": (np.ceil, HUGE),
    "Round": (np.rint, HUGE),
    "Gelu": (lambda x: x * upper_gauss(x), HUGE),
    "HardSwish": (lambda x: x * np.clip(x + 3, 0, 6) / 6, HUGE),
    "HardSigmoid": (lambda x: np.clip(float(F(0.2)) * x + 0.5, 0, 1), HUGE),
    "Swish": (lambda x: x * logistic(x), HUGE),
    "Mish": (lambda x: x * np.tanh(np.logaddexp(0, x)), HUGE),
    "Elu": (lambda x: np.where(x < 0, np.expm1(x), x), HUGE),
    "Selu": (
        lambda x: (
            1.05070102214813232421875 * np.where(x < 0, 1.67326319217681884765625 * np.expm1(x), x)
        ),
        HUGE,
    ),
    "Celu": (lambda x: np.where(x < 0, np.expm1(x), x), HUGE),
    "LeakyRelu": (lambda x: np.where(x < 0, float(F(0.01)) * x, x), HUGE),
    "Softsign": (lambda x: x / (1 + np.abs(x)), HUGE),
    "ThresholdedRelu": (lambda x: np.where(x > 1, x, 0), HUGE),
}


def test_every_operator_has_a_formula() -> None:
    assert set(FORMULAS) == set(UNARY)


@pytest.mark.parametrize("name", sorted(UNARY))
def test_within_one_ulp(name: str) -> None:
    formula, limit = FORMULAS[name]
    x = grid(limit)
    with np.errstate(all="ignore"):
        exact = np.asarray(formula(x.astype(np.float64)), np.float64)
    assert ulps(UNARY[name](x, {}), exact) <= 1.0


@pytest.mark.parametrize(
    ("name", "attributes", "formula"),
    [
        ("Elu", {"alpha": 0.5}, lambda x: np.where(x < 0, 0.5 * np.expm1(x), x)),
        ("Celu", {"alpha": 2.0}, lambda x: np.where(x < 0, 2 * np.expm1(x / 2), x)),
        ("Selu", {"alpha": 0.5, "gamma": 2.0}, lambda x: np.where(x < 0, np.expm1(x), 2 * x)),
        ("Swish", {"alpha": 0.25}, lambda x: x * logistic(x / 4)),
        ("LeakyRelu", {"alpha": 0.25}, lambda x: np.where(x < 0, x / 4, x)),
        ("ThresholdedRelu", {"alpha": 0.5}, lambda x: np.where(x > 0.5, x, 0)),
        ("HardSigmoid", {"alpha": 0.5, "beta": 0.25}, lambda x: np.clip(x / 2 + 0.25, 0, 1)),
        (
            "Gelu",
            {"approximate": "tanh"},
            lambda x: x * logistic(2 * math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)),
        ),
    ],
)
def test_attributes(name: str, attributes: dict[str, Any], formula: Any) -> None:
    x = grid(1e6)
    with np.errstate(all="ignore"):
        exact = np.asarray(formula(x.astype(np.float64)), np.float64)
    assert ulps(UNARY[name](x, attributes), exact) <= 1.0


@pytest.mark.parametrize(
    ("name", "at_minus_inf", "at_inf"),
    [
        ("Exp", 0.0, np.inf),
        ("Log", np.nan, np.inf),
        ("Tanh", -1.0, 1.0),
        ("Sigmoid", 0.0, 1.0),
        ("Erf", -1.0, 1.0),
        ("Softplus", 0.0, np.inf),
        ("Sin", np.nan, np.nan),
        ("Cos", np.nan, np.nan),
        ("Elu", -1.0, np.inf),
        ("Relu", 0.0, np.inf),
        ("HardSigmoid", 0.0, 1.0),
        ("Reciprocal", -0.0, 0.0),
        ("Gelu", np.nan, np.inf),
    ],
)
def test_infinities(name: str, at_minus_inf: float, at_inf: float) -> None:
    got = UNARY[name](np.array([-np.inf, np.inf], F), {})
    np.testing.assert_array_equal(got, [at_minus_inf, at_inf])


@pytest.mark.parametrize("name", sorted(UNARY))
def test_shape_type_and_nan(name: str) -> None:
    got = UNARY[name](np.full((2, 1, 3), np.nan, F), {})
    assert got.shape == (2, 1, 3)
    assert got.dtype == F
    assert np.isnan(got).all()
    assert UNARY[name](np.array(0.5, F), {}).shape == ()


@pytest.mark.parametrize("name", ["Tanh", "Erf", "Sin", "Relu", "Elu", "Softsign", "Round"])
def test_minus_zero_stays(name: str) -> None:
    assert np.signbit(UNARY[name](np.array([-0.0], F), {})).all()


def test_angles_beyond_the_exact_reduction_are_nan() -> None:
    x = np.array([2.0**20, np.nextafter(F(2.0**20), F(np.inf))], F)
    assert np.isnan(elementary.sin(x)).tolist() == [False, True]
    assert np.isnan(elementary.cos(x)).tolist() == [False, True]


def test_sine_near_multiples_of_pi() -> None:
    x = (np.arange(1, 60_000) * (math.pi / 2)).astype(F)
    assert ulps(elementary.sin(x), np.sin(x.astype(np.float64))) <= 1.0
    assert ulps(elementary.cos(x), np.cos(x.astype(np.float64))) <= 1.0


def test_power_within_one_ulp() -> None:
    rng = np.random.default_rng(5)
    x = np.exp(rng.uniform(-80, 80, 50_000)).astype(F)
    y = np.concatenate([rng.normal(0, 2, 25_000), rng.integers(-9, 10, 25_000) / 2]).astype(F)
    with np.errstate(all="ignore"):
        exact = np.power(x.astype(np.float64), y.astype(np.float64))
    assert ulps(elementary.power(x, y), exact) <= 1.0


def test_power_special_cases_are_those_of_c99() -> None:
    edges = [0.0, -0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5, 3.0, -3.0, np.inf, -np.inf, np.nan]
    x, y = np.meshgrid(np.array(edges, F), np.array(edges, F))
    with np.errstate(all="ignore"):
        want = np.power(x.astype(np.float64), y.astype(np.float64)).astype(F)
    got = elementary.power(x, y)
    np.testing.assert_array_equal(got, want)
    known = ~np.isnan(want)
    np.testing.assert_array_equal(np.signbit(got)[known], np.signbit(want)[known])


@settings(deadline=None, max_examples=50)
@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_squares_cubes_and_roots_are_rounded_once(value: float) -> None:
    x = np.array([value], F)
    with np.errstate(all="ignore"):
        assert elementary.power(x, F(2)) == x * x
        assert elementary.power(x, F(-1)) == F(1) / x
        assert elementary.power(np.abs(x), F(0.5)) == np.sqrt(np.abs(x))


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(width=32), min_size=1, max_size=40), st.sampled_from(sorted(UNARY)))
def test_an_element_does_not_depend_on_its_neighbours(values: list[float], name: str) -> None:
    x = np.array(values, F)
    alone = np.array([UNARY[name](x[i : i + 1], {})[0] for i in range(len(x))], F)
    np.testing.assert_array_equal(UNARY[name](x, {}), alone)
