"""Ranges of weights, measured on the weights themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from toolchain.core.quant import Granularity, PerBlock, PerChannel, PerTensor
from toolchain.errors import Code, ConfigError
from toolchain.numerics.affine import params_from_range

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from toolchain.core.dtypes import Array
    from toolchain.core.quant import QuantSpec

WEIGHT_METHODS = ("default", "minmax", "mse", "gain")
"""What `quantize.weight_method` may be."""

_FACTORS = np.linspace(1.0, 0.5, 51)
_WIDER_FACTORS = np.linspace(1.15, 0.5, 66)
_ALONG = 16.0
"""How much more an error along the weight itself costs than one across it; found by measuring."""
_SMALLEST_SCALE = 2.0**-126


_SEARCHES = {"mse": (_FACTORS, 0.0), "gain": (_WIDER_FACTORS, _ALONG)}
"""Factors on the extremes that a method tries, and what an error along the weight costs more."""


def method_for(spec: QuantSpec, method: str) -> str:
    """The method behind `default`: `gain` for few integers, up to 4 bits, else `minmax`.

    With 16 integers the largest weights are worth less than the resolution of all others; with 256
    the methods hardly differ.
    """
    if method != "default":
        return method
    return "gain" if spec.dtype.bits <= 4 else "minmax"


def weight_range(
    array: NDArray[np.float32], spec: QuantSpec, method: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Minimum and maximum of a weight, of every channel or block that `spec` gives a scale.

    `minmax` takes the extremes. `mse` shrinks them by each of 51 factors from 1.0 to 0.5 and keeps,
    per scale, the one with the least squared error over the real elements; the larger factor
    wins a tie. `gain` does the same with 66 factors from 1.15 on, and counts an error along the
    weight 16 times more: clipping makes a filter smaller as a whole, so that what it finds is
    handed on too small, and the next layer's filters do the same; rounding has no direction.
    `default` is one of these, see `method_for`. Ranges contain 0, and are mirrored if `spec` is
    symmetric.

    Returns:
        Two float64 arrays in the shape of the scales (`QuantParams`).

    Raises:
        ConfigError: There is no such method.
    """
    if method not in WEIGHT_METHODS:
        raise ConfigError(
            Code.BAD_VALUE,
            "There is no such range method for weights",
            where="quantize.weight_method",
            got=method,
            allowed=", ".join(WEIGHT_METHODS),
        )
    rows = _rows(np.asarray(array, np.float32), spec.granularity)
    low = np.minimum(rows.min(axis=1, initial=0.0), 0.0).astype(np.float64)
    high = np.maximum(rows.max(axis=1, initial=0.0), 0.0).astype(np.float64)
    if spec.symmetric:
        high = np.maximum(-low, high)
        low = -high
    method = method_for(spec, method)
    if method in _SEARCHES:
        factor = _best_factor(rows, low, high, spec, *_SEARCHES[method])
        low, high = low * factor, high * factor
    shaped = [_in_shape(ends, array.shape, spec.granularity) for ends in (low, high)]
    return shaped[0], shaped[1]


def _rows(array: NDArray[np.float32], granularity: Granularity) -> NDArray[np.float32]:
    """One row for every scale, in the order of the scales but for blocks: their axis is last."""
    match granularity:
        case PerTensor():
            return array.reshape(1, -1)
        case PerChannel(axis):
            rows = np.moveaxis(array, axis, 0)
            return np.ascontiguousarray(rows.reshape(rows.shape[0], -1))
        case PerBlock(axis, size):
            moved = np.moveaxis(array, axis, -1)
            # Zeros that fill a short block change neither its range nor its error.
            fill = [(0, 0)] * (array.ndim - 1) + [(0, -array.shape[axis] % size)]
            return np.ascontiguousarray(np.pad(moved, fill)).reshape(-1, size)


def _in_shape(ends: Array, shape: tuple[int, ...], granularity: Granularity) -> Array:
    """One number per row of `_rows` in the shape of the scales."""
    match granularity:
        case PerTensor():
            return ends.reshape(())
        case PerChannel():
            return ends
        case PerBlock(axis, _):
            others = shape[:axis] + shape[axis + 1 :]
            return np.moveaxis(ends.reshape(*others, -1), -1, axis)


def _best_factor(
    rows: NDArray[np.float32],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    spec: QuantSpec,
    factors: NDArray[np.float64],
    along: float,
) -> NDArray[np.float64]:
    best = np.ones(len(rows))
    least = np.full(len(rows), np.inf)
    for factor in factors:
        error = _squared_error(rows, low * factor, high * factor, spec, along)
        better = error < least
        best[better], least[better] = factor, error[better]
    return best


def _squared_error(
    rows: NDArray[np.float32],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    spec: QuantSpec,
    along: float,
) -> NDArray[np.float64]:
    """Sum of squared errors per row, float64 (channels,), plus `along` times that along the row.

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
    if along:
        powers = np.einsum("ij,ij->i", rows, rows, dtype=np.float64)
        products = np.einsum("ij,ij->i", error, rows, dtype=np.float64)
        sums += along * products**2 / np.where(powers > 0.0, powers, 1.0)
    total: NDArray[np.float64] = sums * params.scale.astype(np.float64) ** 2
    return total
