"""Elements that change their place, or come from a table."""

from __future__ import annotations

import numpy as np

from toolchain.accelerator.isa.instructions import Copy, Fill, Gather, Lookup
from toolchain.accelerator.simulator.engines.operands import Read
from toolchain.accelerator.simulator.refusal import refuse
from toolchain.core.dtypes import Array


def copy(at: Copy, read: Read) -> Array:
    """The source itself; types of one size keep their bits."""
    return read(at.source).view(at.target.dtype.numpy)


def fill(at: Fill, read: Read) -> Array:  # noqa: ARG001 - all engines are called alike
    """The value, once."""
    return np.asarray(at.value, at.target.dtype.numpy)


def gather(at: Gather, read: Read) -> Array:
    """Indices along one axis."""
    source, indices = read(at.source), read(at.indices)
    extent = source.shape[at.axis]
    if int(indices.min()) < 0 or int(indices.max()) >= extent:
        wrong = indices[(indices < 0) | (indices >= extent)]
        raise refuse(
            "an index is outside of its axis", got=int(wrong[0]), allowed=f"0..{extent - 1}"
        )
    return np.take(source, indices, axis=at.axis)


def lookup(at: Lookup, read: Read) -> Array:
    """Table entries."""
    source, table = read(at.source), read(at.table)
    index = source.astype(np.int64) - at.source.dtype.qmin
    if table.ndim == 1:
        return np.take(table, index)
    return np.take(table, index + 256 * np.arange(len(table)))
