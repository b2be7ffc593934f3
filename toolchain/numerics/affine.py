"""The affine map between real numbers and integers (docs/numerics.md, 2).

real = (integer - zero_point) * scale, in float32 throughout, as ONNX QuantizeLinear and
DequantizeLinear define it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from toolchain.core.quant import PerBlock, PerChannel, QuantParams, QuantSpec, ScaleKind
from toolchain.numerics.rounding import round_to_integer

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from toolchain.core.dtypes import Array


def params_from_range(
    minimum: ArrayLike, maximum: ArrayLike, spec: QuantSpec, min_scale: float
) -> QuantParams:
    """Parameters that cover [minimum, maximum] with the integers of `spec`.

    Shapes: () per tensor, (channels,) per channel, per block as in `QuantParams`. The range is
    widened to contain 0, so that 0 is stored exactly. Asymmetric: scale = (max - min) / (qmax -
    qmin), zero_point = qmin - rint(min / scale). Symmetric: scale = max(|min|, |max|) / min(-qmin,
    qmax) for signed types, with zero point 0; for unsigned types the zero point is the middle.
    Scales are computed in float64, rounded once to float32 and never below `min_scale`;
    POWER_OF_TWO rounds them up to a power of two.
    """
    low = np.minimum(np.asarray(minimum, np.float64), 0.0)
    high = np.maximum(np.asarray(maximum, np.float64), 0.0)
    middle = 0 if spec.dtype.signed else (spec.dtype.qmax + 1) // 2
    if spec.symmetric:
        steps = min(middle - spec.qmin, spec.qmax - middle)
        scale = np.maximum(-low, high) / steps
    else:
        scale = (high - low) / (spec.qmax - spec.qmin)
    scale = np.maximum(scale, min_scale)
    if spec.scale_kind is ScaleKind.POWER_OF_TWO:
        scale = _power_of_two_above(scale)
    scale32 = scale.astype(np.float32)
    if spec.symmetric:
        zero_point = np.full(scale32.shape, middle, np.int32)
    else:
        offset = spec.qmin - np.rint(low / scale32.astype(np.float64))
        zero_point = np.clip(offset, spec.qmin, spec.qmax).astype(np.int32)
    return QuantParams(scale=scale32, zero_point=zero_point, spec=spec)


def quantize(values: NDArray[np.float32], params: QuantParams) -> Array:
    """Real to integer: saturate(round(x / scale) + zero_point), division in float32.

    Returns the numpy type of `params.spec.dtype`, the shape of `values`. Values must not be NaN.
    """
    spec = params.spec
    scale = _spread(params.scale, spec, values.shape)
    zero_point = _spread(params.zero_point, spec, values.shape)
    with np.errstate(over="ignore"):  # a quotient beyond float32 is infinite and saturates
        real = np.asarray(values / scale, np.float32)
    steps = round_to_integer(real, spec.rounding)
    # In float64 the sum is exact for every zero point, and a huge quotient cannot wrap.
    shifted = steps.astype(np.float64) + zero_point
    return np.clip(shifted, spec.qmin, spec.qmax).astype(spec.dtype.numpy)


def dequantize(integers: Array, params: QuantParams) -> NDArray[np.float32]:
    """Integer to real: float32(integer - zero_point) * scale, one float32 product per element."""
    scale = _spread(params.scale, params.spec, integers.shape)
    zero_point = _spread(params.zero_point, params.spec, integers.shape)
    centred = integers.astype(np.int64) - zero_point
    return np.asarray(centred.astype(np.float32) * scale, np.float32)


def fake_quantize(values: NDArray[np.float32], params: QuantParams) -> NDArray[np.float32]:
    """The real values that remain after a round trip through the integers."""
    return dequantize(quantize(values, params), params)


def _power_of_two_above(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Smallest power of two >= each positive value; exact, unlike a logarithm."""
    significand, exponent = np.frexp(values)
    return np.asarray(np.ldexp(1.0, exponent - (significand == 0.5)), np.float64)


def _spread(array: Array, spec: QuantSpec, shape: tuple[int, ...]) -> Array:
    """`array` of scales or zero points, shaped to broadcast against a tensor of `shape`.

    Per block every number is repeated for the elements of its block; the last block may be short.
    """
    granularity = spec.granularity
    if not isinstance(granularity, PerBlock) or array.ndim == 0:
        return along_axis(array, spec, len(shape))
    wide = np.repeat(array, granularity.size, granularity.axis)
    return wide.take(np.arange(shape[granularity.axis]), granularity.axis)


def along_axis(array: Array, spec: QuantSpec, rank: int) -> Array:
    """Per-channel `array` (channels,) shaped to broadcast against a tensor of `rank`."""
    if array.ndim == 0 or not isinstance(spec.granularity, PerChannel):
        return array
    shape = [1] * rank
    shape[spec.granularity.axis] = -1
    return array.reshape(shape)
