"""Functions as the hardware computes them, of inputs with at most 8 bits.

All are functions of the real input x = q * 2**-p that need not know the position p:

- Hard sigmoid is max(0, q * 2731 + 3 * 2731 * 2**p) * 2**-(14 + p - output position): divided by
  2**output position, p cancels out. Its limit of 2**32 lies beyond every 8-bit input.
- Sigmoid and Tanh read a table at x * 128 or x * 256. With more bits behind the point than the
  table has, the index is cut off towards minus infinity, which is a function of x, too.

Results that float32 cannot hold exactly are rounded to odd, so that rounding them to 8 bits again
gives what rounding the exact result gives (Boldo and Melquiond 2008, "Emulation of FMA and
correctly rounded sums: proved algorithms using rounding to odd").
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from toolchain.api import NodeView
from toolchain.numerics import elementary

Single = NDArray[np.float32]

_ENTRIES = 1024
"""Table entries of either sign."""
_UNIT = 2.0**-15
"""A table entry is a multiple of this."""


def sigmoid(_: NodeView, x: Single) -> Single:
    """The table's sigmoid: entries at x = i / 128, 0 and 1 from |x| = 8 on."""
    index = _index(x, 128)
    inside = elementary.sigmoid(np.asarray(index / 128, np.float32))
    return _entries(inside, index, below=0.0)


def tanh(_: NodeView, x: Single) -> Single:
    """The table's hyperbolic tangent: entries at x = i / 256, -1 and 1 from |x| = 4 on."""
    index = _index(x, 256)
    inside = elementary.tanh(np.asarray(index / 256, np.float32))
    return _entries(inside, index, below=-1.0)


def hard_sigmoid(_: NodeView, x: Single) -> Single:
    """2731 / 2**14 * max(0, x + 3); the type of the output is its upper limit."""
    return _round_to_odd(_hard_sigmoid(x))


def hard_swish(_: NodeView, x: Single) -> Single:
    """X times the hard sigmoid as int8 of position 7, which is at most 127 / 128."""
    inner = np.minimum(np.floor(_hard_sigmoid(x) * 128 + 0.5), 127) / 128
    return _round_to_odd(x.astype(np.float64) * inner)


def leaky_relu(_: NodeView, x: Single) -> Single:
    """26 / 256 * x below 0, for the slope 0.1."""
    return _round_to_odd(np.where(x < 0, x.astype(np.float64) * (26 / 256), x))


def _hard_sigmoid(x: Single) -> NDArray[np.float64]:
    """Exact in float64: at most 8 + 12 + 24 bits."""
    return np.maximum(x.astype(np.float64) + 3.0, 0.0) * (2731 * 2.0**-14)


def _index(x: Single, steps: int) -> NDArray[np.float64]:
    return np.floor(x.astype(np.float64) * steps)


def _entries(inside: Single, index: NDArray[np.float64], below: float) -> Single:
    """Table entries, rounded to their unit, and the limits outside the table."""
    entries = np.rint(inside.astype(np.float64) / _UNIT) * _UNIT
    limited = np.where(index >= _ENTRIES, 1.0, np.where(index <= -_ENTRIES, below, entries))
    return np.asarray(limited, np.float32)


def _round_to_odd(exact: NDArray[np.float64]) -> Single:
    """To float32: exact where possible, else the neighbour whose last bit is 1."""
    near = exact.astype(np.float32)
    other = np.nextafter(near, np.where(exact > near, np.inf, -np.inf).astype(np.float32))
    even = near.view(np.int32) % 2 == 0
    return np.where((near != exact) & even, other, near)
