"""Instructions that look at several elements of a row: reductions, softmax, normalization."""

from __future__ import annotations

import numpy as np

from toolchain.accelerator.isa.instructions import (
    Extreme,
    Normalize,
    Reduce,
    ReduceKind,
    Softmax,
)
from toolchain.accelerator.simulator.engines.operands import Read, centred
from toolchain.accelerator.simulator.finish import check_fits, finish, largest, to_integer
from toolchain.core.dtypes import Array


def reduce(at: Reduce, read: Read) -> Array:
    """Axes of extent 1 in the target become one element."""
    source = read(at.source)
    extents = zip(source.shape, at.target.shape, strict=True)
    axes = tuple(axis for axis, (many, one) in enumerate(extents) if one == 1 and many > 1)
    if at.kind is ReduceKind.MAX:
        return np.asarray(np.max(source, axis=axes, keepdims=True))
    if at.kind is ReduceKind.MIN:
        return np.asarray(np.min(source, axis=axes, keepdims=True))
    acc = centred(source, at.source_zero)
    check_fits(largest(acc) * (acc.size // at.target.elements))
    total = np.asarray(np.sum(acc, axis=axes, dtype=np.int64, keepdims=True))
    return finish(total, np.float32(at.factor), at.finish, at.target.dtype)


def extreme(at: Extreme, read: Read) -> Array:
    """Index of the largest or smallest along one axis."""
    source = read(at.source)
    find = np.argmin if at.smallest else np.argmax
    if not at.last:
        return np.asarray(find(source, axis=at.axis, keepdims=True), np.int64)
    index = find(np.flip(source, at.axis), axis=at.axis, keepdims=True)
    return np.asarray(source.shape[at.axis] - 1 - index, np.int64)


def softmax(at: Softmax, read: Read) -> Array:
    """Shares along the last axis."""
    source = centred(read(at.source), 0)
    distance = np.max(source, axis=-1, keepdims=True) - source
    table = read(at.exponentials).astype(np.int64)
    if at.low is None:
        power = np.take(table, distance)
    else:
        product = np.take(table, distance >> 8) * np.take(read(at.low), distance & 255)
        power = (product + (1 << 29)) >> 30
    total = np.sum(power, axis=-1, dtype=np.int64, keepdims=True)
    share = power.astype(np.float32) / total.astype(np.float32)
    share *= np.float32(at.factor)
    return to_integer(share, at.finish, at.target.dtype)


def normalize(at: Normalize, read: Read) -> Array:
    """Runs along all axes of (R, n...) but the first."""
    shape = at.target.shape
    c = centred(read(at.source), at.source_zero).astype(np.int64).reshape(shape[0], -1)
    n = c.shape[1]
    check_fits((n * largest(c)) ** 2)
    total = np.sum(c, axis=1, keepdims=True) if at.centred else np.int64(0)
    deviation = n * c - total
    variance = np.asarray(n * np.sum(c * c, axis=1, keepdims=True) - total * total)
    root = np.sqrt(variance.astype(np.float64) + at.epsilon)
    # 1 in place of a root of 0: equal elements are not off at all.
    inverse = 1.0 / np.where(variance == 0, 1.0, root)
    reciprocal = np.where(variance == 0, 0.0, inverse).astype(np.float32)
    value = (deviation.astype(np.float32) * reciprocal).reshape(shape) * read(at.gain)
    if at.offset is not None:
        value += read(at.offset)
    return to_integer(value, at.finish, at.target.dtype)
