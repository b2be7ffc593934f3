"""Normalizing operators; every step is one float32 operation, sums are ordered."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from toolchain.numerics import elementary
from toolchain.program.float_ops.call import Call, Kernel
from toolchain.program.float_ops.folds import (
    first_largest,
    ordered_mean,
    ordered_sum,
    pick,
    reduced_last,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from toolchain.core.dtypes import Array

_ONE = np.float32(1)


def _shifted(call: Call) -> tuple[NDArray[np.float32], int]:
    """Return x - (largest along the axis), the axis moved last, and that axis."""
    x = call.real(0)
    axis = call.axis(call.integer("axis", -1), x.ndim)
    values = np.moveaxis(x, axis, -1)
    return values - pick(values, first_largest(values))[..., np.newaxis], axis


def _softmax(call: Call) -> tuple[Array, ...]:
    """Return e / sum(e), e = exp(x - max)."""
    shifted, axis = _shifted(call)
    exponentials = elementary.exp(shifted)
    total = ordered_sum(exponentials)[..., np.newaxis]
    return (np.moveaxis(exponentials / total, -1, axis),)


def _log_softmax(call: Call) -> tuple[Array, ...]:
    """(x - max) - log(sum(exp(x - max)))."""
    shifted, axis = _shifted(call)
    total = ordered_sum(elementary.exp(shifted))[..., np.newaxis]
    return (np.moveaxis(shifted - elementary.log(total), -1, axis),)


def _mean_and_deviation(
    values: NDArray[np.float32], epsilon: np.float32
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Mean, d = v - mean and 1 / sqrt(mean(d * d) + epsilon) along the last axis, kept as 1."""
    mean = ordered_mean(values)[..., np.newaxis]
    deviation = values - mean
    variance = ordered_mean(deviation * deviation)[..., np.newaxis]
    return mean, deviation, _ONE / np.sqrt(variance + epsilon)


def _layer_normalization(call: Call) -> tuple[Array, ...]:
    """((d * inverse) * scale) + bias over the axes from `axis` on; also mean and inverse."""
    x, scale, bias = call.real(0), call.real(1), call.optional_real(2)
    axis = call.axis(call.integer("axis", -1), x.ndim)
    values = reduced_last(x, tuple(range(axis, x.ndim)))
    mean, deviation, inverse = _mean_and_deviation(values, call.number("epsilon", 1e-5))
    y = (deviation * inverse).reshape(x.shape) * scale
    kept = (*x.shape[:axis], *(1,) * (x.ndim - axis))
    return y if bias is None else y + bias, mean.reshape(kept), inverse.reshape(kept)


def _rms_normalization(call: Call) -> tuple[Array, ...]:
    """(x / sqrt(mean(x * x) + epsilon)) * scale over the axes from `axis` on."""
    x, scale = call.real(0), call.real(1)
    axis = call.axis(call.integer("axis", -1), x.ndim)
    values = reduced_last(x, tuple(range(axis, x.ndim)))
    mean = ordered_mean(values * values)[..., np.newaxis]
    root = np.sqrt(mean + call.number("epsilon", 1e-5))
    return ((values / root).reshape(x.shape) * scale,)


def _by_channel(parameter: NDArray[np.float32], rank: int) -> NDArray[np.float32]:
    """(C,) shaped to broadcast along axis 1 of a tensor of `rank`."""
    return parameter.reshape(-1, *(1,) * (rank - 2))


def _instance_normalization(call: Call) -> tuple[Array, ...]:
    """((d * inverse) * scale[c]) + bias[c] over the spatial axes of every sample and channel."""
    x = call.real(0)
    return _grouped_normalization(call, x.shape[1])


def _group_normalization(call: Call) -> tuple[Array, ...]:
    """The same over groups of channels and the spatial axes."""
    return _grouped_normalization(call, call.integer("num_groups"))


def _grouped_normalization(call: Call, groups: int) -> tuple[Array, ...]:
    x, scale, bias = call.real(0), call.real(1), call.real(2)
    values = x.reshape(x.shape[0], groups, -1)
    _, deviation, inverse = _mean_and_deviation(values, call.number("epsilon", 1e-5))
    y = (deviation * inverse).reshape(x.shape) * _by_channel(scale, x.ndim)
    return (y + _by_channel(bias, x.ndim),)


def _batch_normalization(call: Call) -> tuple[Array, ...]:
    """((x - mean) * (scale / sqrt(var + epsilon))) + bias, per channel."""
    if call.integer("training_mode", 0):
        raise call.invalid("attribute training_mode", got=1, allowed="0")
    x, scale, bias, mean, variance = (call.real(index) for index in range(5))
    factor = scale / np.sqrt(variance + call.number("epsilon", 1e-5))
    centred = x - _by_channel(mean, x.ndim)
    return (centred * _by_channel(factor, x.ndim) + _by_channel(bias, x.ndim),)


def _lp_normalization(call: Call) -> tuple[Array, ...]:
    """Return x / norm along one axis, 0 where the norm is 0; norm = sum |x| or sqrt(sum x * x)."""
    x, order = call.real(0), call.integer("p", 2)
    if order not in {1, 2}:
        raise call.invalid("attribute p", got=order, allowed="1, 2")
    axis = call.axis(call.integer("axis", -1), x.ndim)
    values = np.moveaxis(x, axis, -1)
    norm = ordered_sum(np.abs(values)) if order == 1 else np.sqrt(ordered_sum(values * values))
    y = np.where(norm[..., np.newaxis] == 0, np.float32(0), values / norm[..., np.newaxis])
    return (np.moveaxis(y, -1, axis),)


def _lrn(call: Call) -> tuple[Array, ...]:
    """Return x / (bias + (alpha / size) * s) ** beta, s = sum of squares over `size` channels.

    The window begins (size - 1) // 2 channels before and is cut at the first and last channel; s is
    added in rising channel order.
    """
    x, size = call.real(0), call.integer("size")
    before = (size - 1) // 2
    padding = ((0, 0), (before, size - 1 - before), *((0, 0),) * (x.ndim - 2))
    squares = np.pad(x * x, padding)
    total = np.zeros_like(x)
    for offset in range(size):
        total += squares[:, offset : offset + x.shape[1]]
    base = call.number("bias", 1.0) + (call.number("alpha", 1e-4) / np.float32(size)) * total
    return (x / elementary.power(base, np.asarray(call.number("beta", 0.75))),)


OPS: Mapping[str, Kernel] = MappingProxyType(
    {
        "Softmax": _softmax,
        "LogSoftmax": _log_softmax,
        "LayerNormalization": _layer_normalization,
        "RMSNormalization": _rms_normalization,
        "InstanceNormalization": _instance_normalization,
        "GroupNormalization": _group_normalization,
        "BatchNormalization": _batch_normalization,
        "LpNormalization": _lp_normalization,
        "LRN": _lrn,
    }
)
"""Kernels of this family by ONNX operator name."""
