"""Elementary functions specified to the bit (docs/numerics.md, 9).

Every function takes float32, computes in float64 in the order written (the series are in
`toolchain.numerics.series`) and rounds once to float32, half to even. Products are rounded before
they are added: no contraction to fused multiply-add. Last bits therefore do not depend on a
mathematical library, and the same lines in C99 give the same bits. Results are within 1 ulp of the
correctly rounded value.

NaN gives NaN, its payload unspecified; x * f(x) with f(-inf) = 0 is NaN at -inf.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from types import MappingProxyType
from typing import Concatenate, ParamSpec, TypeAlias

import numpy as np
from numpy.typing import NDArray

from toolchain.core.graph_view import Attribute
from toolchain.numerics import series
from toolchain.numerics.series import Double

Single: TypeAlias = NDArray[np.float32]
Unary: TypeAlias = Callable[[Single, Mapping[str, Attribute]], Single]
P = ParamSpec("P")

_SQRT_TWO_OVER_PI = 7.97884560802865355880e-01


def in_double(
    function: Callable[Concatenate[Double, P], Double],
) -> Callable[Concatenate[Single, P], Single]:
    """Make a float32 function of one that computes in float64: widen, compute, round once."""

    @wraps(function)
    def single(x: Single, /, *args: P.args, **kwargs: P.kwargs) -> Single:
        with np.errstate(all="ignore"):
            return np.asarray(function(np.asarray(x, np.float64), *args, **kwargs), np.float32)

    return single


@in_double
def exp(x: Double) -> Double:
    """Return e to the power x."""
    return series.exp(x)


@in_double
def log(x: Double) -> Double:
    """Natural logarithm; -inf at 0, NaN below."""
    return series.log(x)


@in_double
def sigmoid(x: Double) -> Double:
    """1 / (1 + exp(-x))."""
    return series.logistic(x)


@in_double
def tanh(x: Double) -> Double:
    """-m / (m + 2) with m = expm1(-2 |x|), the sign of x put back (A&S 4.5.3)."""
    m = series.expm1(-2.0 * np.abs(x))
    return np.copysign(-m / (m + 2.0), x)


@in_double
def erf(x: Double) -> Double:
    """Error function, 2/sqrt(pi) times the integral of exp(-t*t) from 0 to x."""
    return series.erf(x)


@in_double
def softplus(x: Double) -> Double:
    """log(1 + exp(x))."""
    return series.log1p_exp(x)


@in_double
def sin(x: Double) -> Double:
    """Sine of an angle in radians, |x| <= 2**20; NaN beyond, where the reduction is not exact."""
    value = series.sin_quarter(np.abs(x), 0.0)
    return np.where(np.signbit(x), -value, value)


@in_double
def cos(x: Double) -> Double:
    """Cosine of an angle in radians, |x| <= 2**20; NaN beyond, where the reduction is not exact."""
    return series.sin_quarter(np.abs(x), 1.0)


@in_double
def sqrt(x: Double) -> Double:
    """Square root, correctly rounded."""
    return np.sqrt(x)


@in_double
def reciprocal(x: Double) -> Double:
    """1 / x, correctly rounded."""
    return 1.0 / x


@in_double
def relu(x: Double) -> Double:
    """Return +0 where x < 0, else x itself (so -0 and NaN stay)."""
    return np.where(x < 0, 0.0, x)


@in_double
def leaky_relu(x: Double, alpha: float) -> Double:
    """Return alpha * x where x < 0, else x."""
    return np.where(x < 0, alpha * x, x)


@in_double
def thresholded_relu(x: Double, alpha: float) -> Double:
    """0 where x <= alpha, else x."""
    return np.where(x <= alpha, 0.0, x)


@in_double
def elu(x: Double, alpha: float) -> Double:
    """Return alpha * (exp(x) - 1) where x < 0, else x."""
    return np.where(x < 0, alpha * series.expm1(x), x)


@in_double
def selu(x: Double, alpha: float, gamma: float) -> Double:
    """Return gamma * (alpha * (exp(x) - 1)) where x < 0, else gamma * x."""
    return gamma * np.where(x < 0, alpha * series.expm1(x), x)


@in_double
def celu(x: Double, alpha: float) -> Double:
    """Return alpha * (exp(x / alpha) - 1) where x < 0, else x."""
    return np.where(x < 0, alpha * series.expm1(x / alpha), x)


@in_double
def softsign(x: Double) -> Double:
    """Return x / (1 + |x|)."""
    return x / (1.0 + np.abs(x))


@in_double
def hard_sigmoid(x: Double, alpha: float, beta: float) -> Double:
    """Return alpha * x + beta, clamped to [0, 1]."""
    return np.minimum(np.maximum(alpha * x + beta, 0.0), 1.0)


@in_double
def hard_swish(x: Double) -> Double:
    """(x * clamp(x + 3, 0, 6)) / 6."""
    return (x * np.minimum(np.maximum(x + 3.0, 0.0), 6.0)) / 6.0


@in_double
def swish(x: Double, alpha: float) -> Double:
    """Return x * sigmoid(alpha * x)."""
    return x * series.logistic(alpha * x)


@in_double
def gelu(x: Double) -> Double:
    """(x / 2) * erfc(-x * sqrt(1/2)), which is x/2 * (1 + erf(x / sqrt 2))."""
    return (0.5 * x) * series.erfc(-(x * series.SQRT_HALF))


@in_double
def gelu_tanh(x: Double) -> Double:
    """Return x * sigmoid(2u), u = sqrt(2/pi) * (x + 0.044715 * ((x * x) * x)).

    It is x/2 * (1 + tanh u) without the cancellation below 0.
    """
    u = _SQRT_TWO_OVER_PI * (x + 0.044715 * ((x * x) * x))
    return x * series.logistic(2.0 * u)


@in_double
def mish(x: Double) -> Double:
    """Return x * (n / (n + 2)), n = e * (e + 2), e = exp(min(x, 40)).

    It is x * tanh(log(1 + exp(x))), the two functions cancelling out; beyond 40 it is x.
    """
    e = series.exp(np.minimum(x, 40.0))
    n = e * (e + 2.0)
    return x * (n / (n + 2.0))


def power(base: Single, exponent: Single) -> Single:
    """Raise base to exponent, numpy broadcasting, special cases as C99 `pow` (F.9.4.4).

    With a = |base|: integer exponents 1 to 4 are products a * a * ... from the left, 0.5 is
    sqrt(a), their negatives one over that, all others exp(exponent * log(a)). The result is
    negated for a negative base and an odd integer exponent, NaN for a negative finite base and a
    finite exponent that is no integer.
    """
    with np.errstate(all="ignore"):
        x, y = np.asarray(base, np.float64), np.asarray(exponent, np.float64)
        a = np.abs(x)
        odd = np.abs(np.mod(y, 2.0)) == 1.0
        fraction = np.isfinite(y) & (np.rint(y) != y)
        value = series.power_of_magnitude(a, y)
        value = np.where(np.signbit(x) & odd, -value, value)
        value = np.where((x < 0) & np.isfinite(x) & fraction, np.nan, value)
        one = (y == 0) | (x == 1) | ((a == 1) & np.isinf(y))
        return np.asarray(np.where(one, 1.0, value), np.float32)


def _number(attributes: Mapping[str, Attribute], name: str, default: float) -> float:
    """A float attribute or ONNX's default, rounded to float32 as ONNX stores it."""
    value = attributes.get(name, default)
    return float(np.float32(value)) if isinstance(value, (int, float)) else default


def _plain(function: Callable[[Single], Single] | np.ufunc) -> Unary:
    return lambda x, _: np.asarray(function(x), np.float32)


UNARY: Mapping[str, Unary] = MappingProxyType(
    {
        "Abs": _plain(np.abs),
        "Ceil": _plain(np.ceil),
        "Floor": _plain(np.floor),
        "Neg": _plain(np.negative),
        "Round": _plain(np.rint),
        "Sign": _plain(np.sign),
        "Cos": _plain(cos),
        "Erf": _plain(erf),
        "Exp": _plain(exp),
        "HardSwish": _plain(hard_swish),
        "Log": _plain(log),
        "Mish": _plain(mish),
        "Reciprocal": _plain(reciprocal),
        "Relu": _plain(relu),
        "Sigmoid": _plain(sigmoid),
        "Sin": _plain(sin),
        "Softplus": _plain(softplus),
        "Softsign": _plain(softsign),
        "Sqrt": _plain(sqrt),
        "Tanh": _plain(tanh),
        "Gelu": lambda x, a: gelu_tanh(x) if a.get("approximate") == "tanh" else gelu(x),
        "Celu": lambda x, a: celu(x, _number(a, "alpha", 1.0)),
        "Elu": lambda x, a: elu(x, _number(a, "alpha", 1.0)),
        "LeakyRelu": lambda x, a: leaky_relu(x, _number(a, "alpha", 0.01)),
        "Swish": lambda x, a: swish(x, _number(a, "alpha", 1.0)),
        "ThresholdedRelu": lambda x, a: thresholded_relu(x, _number(a, "alpha", 1.0)),
        "HardSigmoid": lambda x, a: hard_sigmoid(
            x, _number(a, "alpha", 0.2), _number(a, "beta", 0.5)
        ),
        "Selu": lambda x, a: selu(
            x,
            _number(a, "alpha", 1.67326319217681884765625),
            _number(a, "gamma", 1.05070102214813232421875),
        ),
    }
)
"""The unary operators by ONNX name, called with the input and the node's attributes."""
