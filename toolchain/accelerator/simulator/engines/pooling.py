"""Windows that become one element, and linear resize."""

from __future__ import annotations

import numpy as np

from toolchain.accelerator.isa.instructions import Blend, Pool, PoolKind
from toolchain.accelerator.simulator.engines.operands import Read, centred
from toolchain.accelerator.simulator.finish import finish, to_integer
from toolchain.accelerator.simulator.refusal import refuse
from toolchain.accelerator.simulator.windows import counts, framed, windows, windows_of
from toolchain.core.dtypes import Array


def pool(at: Pool, read: Read) -> Array:
    """(N, H', W', C) of (N, H, W, C)."""
    where = windows_of(at)
    source = read(at.source)
    if at.kind is PoolKind.MAX:
        smallest = at.source.dtype.qmin
        return np.asarray(np.max(windows(framed(source, where, smallest), where), axis=(3, 4)))
    acc = centred(source, at.source_zero)
    wide = np.int32 if source.dtype.itemsize == 1 else np.int64
    seen = windows(framed(acc, where, 0), where)
    total = np.asarray(np.sum(seen, axis=(3, 4), dtype=wide))
    if at.finish.exact:
        return finish(total, np.float32(at.factor), at.finish, at.target.dtype)
    factor = np.float32(at.factor) / counts(at).astype(np.float32)
    return finish(total, factor[..., None], at.finish, at.target.dtype)


def blend(at: Blend, read: Read) -> Array:
    """Linear resize of (N, H, W, C), one axis after the other."""
    value = centred(read(at.source), at.source_zero).astype(np.float32)
    rows = (1, read(at.row_low), read(at.row_high), read(at.row_weights))
    columns = (2, read(at.column_low), read(at.column_high), read(at.column_weights))
    for axis, low, high, weights in (columns, rows) if at.widths_first else (rows, columns):
        value = _mixed(value, axis, (low, high), weights)
    value *= np.float32(at.factor)
    return to_integer(value, at.finish, at.target.dtype)


def _mixed(value: Array, axis: int, ends: tuple[Array, Array], weights: Array) -> Array:
    extent = value.shape[axis]
    for at in ends:
        if int(at.min()) < 0 or int(at.max()) >= extent:
            got = f"{int(at.min())}..{int(at.max())}"
            raise refuse("a position is outside of the source", got=got, allowed=f"0..{extent - 1}")
    shape = [1] * value.ndim
    shape[axis] = len(weights)
    share = weights.reshape(shape)
    near, far = (np.take(value, at, axis=axis) for at in ends)
    near *= np.float32(1) - share
    far *= share
    near += far
    return near
