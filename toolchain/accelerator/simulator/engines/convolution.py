"""Convolutions, grouped and depthwise ones included."""

from __future__ import annotations

import numpy as np

from toolchain.accelerator.isa.instructions import BlockedConvolve, Convolve
from toolchain.accelerator.simulator.engines.operands import Read, centred, optional
from toolchain.accelerator.simulator.engines.products import carrier
from toolchain.accelerator.simulator.finish import finish, with_bias
from toolchain.accelerator.simulator.windows import Windows, framed, windows, windows_of
from toolchain.core.dtypes import Array


def convolve(at: Convolve, read: Read) -> Array:
    """(N, H', W', M) of (N, H, W, C)."""
    weights = _weights(at, read)
    kind = carrier(_largest(at), np.abs(weights), (1, 2, 3))
    where = windows_of(at)
    frame = framed(_source(at, read, kind), where, 0)
    product = _depthwise if at.groups > 1 and weights.shape[3] == 1 else _grouped
    total = product(frame, weights.astype(kind), where, at.groups)
    acc = with_bias(total, optional(read, at.bias), at.finish.guard_bits)
    return finish(acc, read(at.factor), at.finish, at.target.dtype)


def blocked_convolve(at: BlockedConvolve, read: Read) -> Array:
    """The same, block by block of the channels of a group."""
    weights = centred(read(at.weights), 0)
    depth = weights.shape[3]
    if at.weight_zero is not None:
        weights = weights - np.repeat(read(at.weight_zero), at.block, axis=3)[..., :depth]
    kind = carrier(_largest(at), np.abs(weights), (3,))
    where = windows_of(at)
    seen = windows(framed(_source(at, read, kind), where, 0), where)
    factor, bias = read(at.factor), optional(read, at.bias)
    total = np.zeros((*seen.shape[:3], len(weights)), np.float32)
    if bias is not None:
        total += bias
    for row, column in np.ndindex(*where.kernel):
        met = seen[:, :, :, row, column].reshape(*seen.shape[:3], at.groups, depth)
        for number, begin in enumerate(range(0, depth, at.block)):
            block = weights[:, row, column, begin : begin + at.block].astype(kind)
            acc = _products(met[..., begin : begin + at.block], block)
            total += acc.astype(np.float32) * factor[:, row, column, number]
    return finish(total, np.float32(1), at.finish, at.target.dtype)


def _products(source: Array, weights: Array) -> Array:
    """(N, H, W, M) of (N, H, W, groups, C) and (M, C)."""
    *positions, groups, channels = source.shape
    patches = np.moveaxis(source, 3, 0).reshape(groups, -1, channels)
    filters = weights.reshape(groups, len(weights) // groups, channels)
    total: Array = np.matmul(patches, filters.transpose(0, 2, 1))
    return total.transpose(1, 0, 2).reshape(*positions, len(weights))


def _largest(at: Convolve | BlockedConvolve) -> int:
    """Largest magnitude of elements of the source without their zero point."""
    zero, dtype = at.source_zero, at.source.dtype
    return max(dtype.qmax - zero, zero - dtype.qmin)


def _source(at: Convolve | BlockedConvolve, read: Read, kind: type[np.floating]) -> Array:
    """Elements without their zero point."""
    source = read(at.source).astype(kind)
    if at.source_zero:
        source -= kind(at.source_zero)
    return source


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
