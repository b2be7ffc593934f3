"""What one element of an output of a window operation meets in the input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from toolchain.core.dtypes import Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Met:
    """Elements (c, k...) of an input that a kernel meets.

    Attributes:
        values: The elements as int64; 0 where the kernel lies outside.
        inside: False outside of the input.
    """

    values: NDArray[np.int64]
    inside: NDArray[np.bool_]

    def centred(self, zero_point: int) -> NDArray[np.int64]:
        """Elements minus their zero point; what lies outside counts as the zero point."""
        return np.where(self.inside, self.values - zero_point, 0)


def gather(x: Array, positions: Sequence[NDArray[np.int64]]) -> Met:
    """Elements of `x` (c, spatial...) at positions per axis; others than 0 <= p < n lie outside."""
    masks = [(p >= 0) & (p < size) for p, size in zip(positions, x.shape[1:], strict=True)]
    clipped = [np.clip(p, 0, size - 1) for p, size in zip(positions, x.shape[1:], strict=True)]
    inside = outer_and(masks)
    values = x[np.ix_(np.arange(x.shape[0]), *clipped)].astype(np.int64)
    inside = np.broadcast_to(inside, values.shape)
    return Met(values=np.where(inside, values, 0), inside=inside)


def outer_and(masks: Sequence[NDArray[np.bool_]]) -> NDArray[np.bool_]:
    """True at an index (one per mask) where every mask is."""
    return np.asarray(reduce(np.logical_and.outer, masks), np.bool_)


def forward(
    place: Sequence[int],
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    pads: Sequence[int],
) -> list[NDArray[np.int64]]:
    """Positions in the input, per axis, that the kernel of output `place` meets."""
    return [
        o * s - p + np.arange(k) * d
        for o, k, s, d, p in zip(place, kernel, strides, dilations, pads, strict=False)
    ]


def backward(
    place: Sequence[int],
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    pads: Sequence[int],
) -> list[NDArray[np.int64]]:
    """Positions in the input whose kernel lands on output `place`; -1 where there is none."""
    found = []
    for o, k, s, d, p in zip(place, kernel, strides, dilations, pads, strict=False):
        reached = o + p - np.arange(k) * d
        found.append(np.where(reached % s == 0, reached // s, -1))
    return found
