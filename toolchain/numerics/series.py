"""Series in float64 behind the elementary functions (docs/numerics.md, 9).

Only + - * / sqrt, rounding to integers and exact scaling by powers of two, in the order written,
every operation rounded to float64: no contraction to fused multiply-add. The functions of
`toolchain.numerics.elementary` widen float32 to float64, combine these and round once.

Series are cited from Abramowitz and Stegun, Handbook of Mathematical Functions (A&S); split
constants are those of fdlibm (Sun Microsystems, 1993); products with small integers are exact.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Double: TypeAlias = NDArray[np.float64]

_LN2_HIGH = 6.93147180369123816490e-01
_LN2_LOW = 1.90821492927058770002e-10
_LOG2_E = 1.44269504088896338700
_EXP_OVERFLOW = 709.0
_EXP_UNDERFLOW = -708.0
_HALF_PI_1 = 1.57079632673412561417
_HALF_PI_2 = 6.07710050630396597660e-11
_HALF_PI_3 = 2.02226624879595063154e-21
_TWO_OVER_PI = 6.36619772367581382433e-01
_MAX_ANGLE = 2.0**20
SQRT_HALF = 7.07106781186547524401e-01
_SQRT_PI = 1.77245385090551602730
_ERF_SPLIT = 2.0
_ERF_SERIES_TERMS = 32
_ERFC_FRACTION_TERMS = 32
_LARGEST_UNROLLED_POWER = 4

_EXP = tuple(1.0 / math.factorial(n) for n in range(1, 14))
_ATANH = tuple(1.0 / (2 * n + 1) for n in range(18))
_SIN = tuple((-1.0) ** n / math.factorial(2 * n + 1) for n in range(9))
_COS = tuple((-1.0) ** n / math.factorial(2 * n) for n in range(9))


def _horner(coefficients: tuple[float, ...], x: Double) -> Double:
    """Return c[0] + x * (c[1] + x * (...)): p = c[-1], then p = p * x + c[i] for falling i."""
    p = np.full_like(x, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        p = p * x + coefficient
    return p


def _exp_parts(x: Double) -> tuple[Double, NDArray[np.int32]]:
    """Return (m, k) with exp(x) = (1 + m) * 2**k, for x clamped to [-708, 709].

    k = rint(x * log2(e)); r = (x - k * ln2_high) - k * ln2_low; m = r * (1 + r/2! + ... +
    r**12/13!) (A&S 4.2.1). |r| <= 0.347, so the first term left out is below 2**-57 of the result.
    """
    bounded = np.minimum(np.maximum(x, _EXP_UNDERFLOW), _EXP_OVERFLOW)
    k = np.rint(bounded * _LOG2_E)
    r = (bounded - k * _LN2_HIGH) - k * _LN2_LOW
    return r * _horner(_EXP, r), k.astype(np.int32)


def exp(x: Double) -> Double:
    """Return (1 + m) * 2**k = e**x; +inf above 709, 0 below -708 (both far outside float32)."""
    m, k = _exp_parts(x)
    inside = np.ldexp(1.0 + m, k)
    return np.where(x > _EXP_OVERFLOW, np.inf, np.where(x < _EXP_UNDERFLOW, 0.0, inside))


def expm1(x: Double) -> Double:
    """Return exp(x) - 1 without cancellation: m where k is 0, else (1 + m) * 2**k - 1."""
    m, k = _exp_parts(x)
    inside = np.where(k == 0, m, np.ldexp(1.0 + m, k) - 1.0)
    return np.where(x > _EXP_OVERFLOW, np.inf, inside)


def _twice_atanh(s: Double) -> Double:
    """Return 2 * (s * (1 + s**2/3 + s**4/5 + ... + s**34/35)) for |s| <= 1/3 (A&S 4.1.27)."""
    return 2.0 * (s * _horner(_ATANH, s * s))


def log(x: Double) -> Double:
    """Return e * ln2_high + (2 atanh((m - 1) / (m + 1)) + e * ln2_low), x = m * 2**e.

    m in [sqrt(1/2), sqrt(2)), exact from the exponent; -inf at 0, NaN below, +inf at +inf.
    """
    m, e = np.frexp(x)
    low = m < SQRT_HALF
    m = np.where(low, m * 2.0, m)
    e = np.where(low, e - 1, e).astype(np.float64)
    inside = e * _LN2_HIGH + (_twice_atanh((m - 1.0) / (m + 1.0)) + e * _LN2_LOW)
    special = np.where(x < 0, np.nan, np.where(x == 0, -np.inf, x))
    return np.where((x > 0) & (x < np.inf), inside, special)


def log1p_exp(x: Double) -> Double:
    """Return log(1 + exp(x)) = max(x, 0) + 2 atanh(u / (2 + u)), u = exp(-|x|) (A&S 4.1.29)."""
    u = exp(-np.abs(x))
    return np.where(x > 0, x, 0.0) + _twice_atanh(u / (2.0 + u))


def logistic(x: Double) -> Double:
    """Return 1 / (1 + exp(-x))."""
    return 1.0 / (1.0 + exp(-x))


def _erf_series(a: Double) -> Double:
    """Return erf(a) = 2/sqrt(pi) * (exp(-a*a) * (t0 + t1 + ... + t31)), 0 <= a <= 2 (A&S 7.1.6).

    t0 = a, tn = tn-1 * ((2*a*a) / (2n + 1)); all terms are positive, added in rising order.
    """
    square = a * a
    term = total = a
    for n in range(1, _ERF_SERIES_TERMS):
        term = term * ((2.0 * square) / (2 * n + 1))
        total = total + term
    return (2.0 / _SQRT_PI) * (exp(-square) * total)


def _erfc_fraction(a: Double) -> Double:
    """Return erfc(a) = exp(-a*a) / (sqrt(pi) * f) for a >= 2 (A&S 7.1.14).

    f = a + (1/2)/(a + (2/2)/(a + (3/2)/(a + ...))), cut after 32 fractions.

    Evaluated from the inside: f = a, then f = a + (n/2) / f for n = 32 down to 1.
    """
    f = a
    for n in range(_ERFC_FRACTION_TERMS, 0, -1):
        f = a + (n / 2.0) / f
    return exp(-(a * a)) / (_SQRT_PI * f)


def erf(x: Double) -> Double:
    """Error function: the series for |x| < 2, 1 - erfc(|x|) beyond, the sign of x put back."""
    a = np.abs(x)
    near = _erf_series(np.minimum(a, _ERF_SPLIT))
    far = 1.0 - _erfc_fraction(np.maximum(a, _ERF_SPLIT))
    return np.copysign(np.where(a < _ERF_SPLIT, near, far), x)


def erfc(x: Double) -> Double:
    """Return 1 - erf(x), relative precision kept for large x."""
    a = np.abs(x)
    near = _erf_series(np.minimum(a, _ERF_SPLIT))
    far = _erfc_fraction(np.maximum(a, _ERF_SPLIT))
    tail = np.where(a < _ERF_SPLIT, 1.0 - near, far)
    return np.where(x < 0, 2.0 - tail, tail)


def sin_quarter(x: Double, quarters: float) -> Double:
    """Return sin(x + quarters * pi/2) for 0 <= x <= 2**20, NaN beyond.

    k = rint(x * 2/pi); r = ((x - k*p1) - k*p2) - k*p3 with pi/2 = p1 + p2 + p3 (k*p1 and k*p2 are
    exact); q = (k + quarters) mod 4 chooses +sin r, +cos r, -sin r, -cos r. With t = r*r, sin r =
    r * (1 - t/3! + ... + t**8/17!) and cos r = 1 - t/2! + ... + t**8/16! (A&S 4.3.65, 4.3.66).
    """
    k = np.rint(x * _TWO_OVER_PI)
    r = ((x - k * _HALF_PI_1) - k * _HALF_PI_2) - k * _HALF_PI_3
    q = np.mod(k + quarters, 4.0)
    t = r * r
    value = np.where(np.mod(q, 2.0) == 1.0, _horner(_COS, t), r * _horner(_SIN, t))
    return np.where(x <= _MAX_ANGLE, np.where(q >= 2.0, -value, value), np.nan)


def power_of_magnitude(a: Double, y: Double) -> Double:
    """Return a**y for a >= 0: products for y = 1..4, sqrt for 0.5, else exp(y * log(a))."""
    value = exp(y * log(a))
    known = np.sqrt(a)
    value = np.where(y == 0.5, known, np.where(y == -0.5, 1.0 / known, value))
    known = np.ones_like(a)
    for n in range(1, _LARGEST_UNROLLED_POWER + 1):
        known = known * a
        value = np.where(y == n, known, np.where(y == -n, 1.0 / known, value))
    return value
