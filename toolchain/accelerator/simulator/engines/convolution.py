"""Convolutions, grouped and depthwise ones included."""

from __future__ import annotations

import numpy as np

from toolchain.accelerator.isa.instructions import Convolve
from toolchain.accelerator.simulator.engines.operands import Read, centred, optional
from toolchain.accelerator.simulator.engines.products import carrier
from toolchain.accelerator.simulator.finish import finish, with_bias
from toolchain.accelerator.simulator.windows import Windows, framed, windows, windows_of
from toolchain.core.dtypes import Array


def convolve(at: Convolve, read: Read) -> Array:
    """(N, H', W', M) of (N, H, W, C)."""
    weights = _weights(at, read)
    zero, dtype = at.source_zero, at.source.dtype
    largest = max(dtype.qmax - zero, zero - dtype.qmin)
    kind = carrier(largest, np.abs(weights), (1, 2, 3))
    source = read(at.source).astype(kind)
    if zero:
        source -= kind(zero)
    where = windows_of(at)
    frame = framed(source, where, 0)
    product = _depthwise if at.groups > 1 and weights.shape[3] == 1 else _grouped
    total = product(frame, weights.astype(kind), where, at.groups)
    acc = with_bias(total, optional(read, at.bias), at.finish.guard_bits)
    return finish(acc, read(at.factor), at.finish, at.target.dtype)


def _weights(at: Convolve, read: Read) -> Array:
    """(M, kernel H, kernel W, C / groups) without their zero points."""
    weights = centred(read(at.weights), 0)
    if at.weight_zero is not None:
        weights = weights - read(at.weight_zero)[:, None, None, None]
    return weights


def _grouped(frame: Array, weights: Array, at: Windows, groups: int) -> Array:
    """One matrix product for each group."""
    seen = windows(frame, at)
    samples, rows, columns, height, width, channels = seen.shape
    split = seen.reshape(samples, rows, columns, height * width, groups, channels // groups)
    patches = np.moveaxis(split, 4, 0).reshape(groups, samples * rows * columns, -1)
    filters = weights.reshape(groups, len(weights) // groups, -1)
    total: Array = np.matmul(patches, filters.transpose(0, 2, 1))
    return total.transpose(1, 0, 2).reshape(samples, rows, columns, len(weights))


def _depthwise(frame: Array, weights: Array, at: Windows, groups: int) -> Array:
    """One source channel for each target channel: position of the kernel by position."""
    seen = windows(frame, at)[..., None]
    by_group = weights.reshape(groups, len(weights) // groups, *at.kernel)
    total = np.zeros((*seen.shape[:3], *by_group.shape[:2]), frame.dtype)
    for row, column in np.ndindex(*at.kernel):
        total += seen[:, :, :, row, column] * by_group[:, :, row, column]
    return total.reshape(*total.shape[:3], len(weights))
