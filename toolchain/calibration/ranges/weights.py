"""Ranges of weights, measured on the weights themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from toolchain.errors import Code, ConfigError
from toolchain.numerics.affine import params_from_range

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from toolchain.core.quant import QuantSpec

WEIGHT_METHODS = ("minmax", "mse")
"""What `quantize.weight_method` may be."""

_FACTORS = np.linspace(1.0, 0.5, 51)
_SMALLEST_SCALE = 2.0**-126


def weight_range(
    array: NDArray[np.float32], axis: int | None, spec: QuantSpec, method: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Minimum and maximum of a weight, per channel along `axis` or of the whole tensor.

    `minmax` takes the extremes. `mse` shrinks them by each of 51 factors from 1.0 to 0.5 and keeps,
    per channel, the one with the least squared error over the real elements; the larger factor
    wins a tie. Ranges contain 0, and are mirrored if `spec` is symmetric.

    Returns:
        Two float64 arrays of shape (channels,), or () where `axis` is None.

    Raises:
        ConfigError: `method` is neither of the two.
    """
    if method not in WEIGHT_METHODS:
        raise ConfigError(
            Code.BAD_VALUE,
            "There is no such range method for weights",
            where="quantize.weight_method",
            got=method,
            allowed=", ".join(WEIGHT_METHODS),
        )
    rows = array.reshape(1, -1) if axis is None else np.moveaxis(array, axis, 0)
    rows = np.ascontiguousarray(rows.reshape(rows.shape[0], -1), np.float32)
    low = np.minimum(rows.min(axis=1, initial=0.0), 0.0).astype(np.float64)
    high = np.maximum(rows.max(axis=1, initial=0.0), 0.0).astype(np.float64)
    if spec.symmetric:
        high = np.maximum(-low, high)
        low = -high
    if method == "mse":
        factor = _best_factor(rows, low, high, spec)
        low, high = low * factor, high * factor
    return (low[0], high[0]) if axis is None else (low, high)


def _best_factor(
    rows: NDArray[np.float32],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    spec: QuantSpec,
) -> NDArray[np.float64]:
    best = np.ones(len(rows))
    least = np.full(len(rows), np.inf)
    for factor in _FACTORS:
        error = _squared_error(rows, low * factor, high * factor, spec)
        better = error < least
        best[better], least[better] = factor, error[better]
    return best


def _squared_error(
    rows: NDArray[np.float32],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    spec: QuantSpec,
) -> NDArray[np.float64]:
    """Sum of squared errors per row, float64 (channels,).

    Counted in steps, where the zero point drops out: rounded and kept within the integers. How a
    tie rounds does not change the error.
    """
    params = params_from_range(low, high, spec, _SMALLEST_SCALE)
    zero = params.zero_point[:, None].astype(np.float32)
    steps = rows / params.scale[:, None]
    error = np.rint(steps)
    np.clip(error, np.float32(spec.qmin) - zero, np.float32(spec.qmax) - zero, out=error)
    np.subtract(steps, error, out=error)
    sums = np.einsum("ij,ij->i", error, error, dtype=np.float64)
    total: NDArray[np.float64] = sums * params.scale.astype(np.float64) ** 2
    return total
