"""What the sweep keeps of every tensor (docs/numerics.md, 3).

The histogram needs no range: its bins are the upper 16 bits of the float32 patterns, that is sign,
exponent and 7 bits of mantissa, so a bin is never wider than 1/128 of its values. Counts add, so
statistics of different samples merge into the statistics of all of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import gcd, ldexp, prod
from typing import TYPE_CHECKING, Protocol, Self, TypeVar

import numpy as np

from toolchain.core.stats import TensorStats

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

Scalar = TypeVar("Scalar", bound=np.generic)

BINS = 1 << 16
"""One bin for every value of the upper half of a float32."""

NEGATIVE_ZERO = BINS // 2
"""Bin that stays empty: -0.0 counts as 0.0."""

THIN_ABOVE = 1 << 15
"""Elements per sample up to which the histogram counts all of them."""

_ALIGNMENT = 16  # float32 elements: a cache line
_SIGN = 0x80000000


def stride_of(elements: int) -> int:
    """Every how many elements the histogram counts one, for a tensor of `elements` per sample.

    1 up to `THIN_ABOVE`; above, the smallest k >= elements / THIN_ABOVE without a common divisor
    with `elements`. An element is counted if its index in the concatenation of all samples is a
    multiple of k. As k shares no divisor with any dimension, the counted positions visit all rows,
    columns and channels evenly, and k samples in a row count every position exactly once: the
    counts are an unbiased picture of the whole. Minimum, maximum, abs-max and sums are never
    thinned.
    """
    stride = max(-(-elements // THIN_ABOVE), 1)
    while gcd(stride, elements) > 1:
        stride += 1
    return stride


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """Where one tensor lies in the arena.

    Attributes:
        offset: First element.
        shape: Shape of one forward run.
        samples: Samples in one forward run.
    """

    offset: int
    shape: tuple[int, ...]
    samples: int = 1

    @property
    def channels(self) -> int:
        """Length of axis 1, or 1 where there is none."""
        return self.shape[1] if len(self.shape) > 1 else 1

    @property
    def row(self) -> tuple[int, int, int, int, int, int]:
        """Offset, outer, channels, inner, stride, elements per sample; what the kernels read."""
        size = prod(self.shape)
        outer = self.shape[0] if len(self.shape) > 1 else 1
        inner = prod(self.shape[2:]) if len(self.shape) > 1 else size
        elements = size // self.samples
        return (self.offset, outer, self.channels, inner, stride_of(elements), elements)


def arrange(shapes: Sequence[tuple[int, ...]], samples: int = 1) -> tuple[tuple[Slot, ...], int]:
    """Slots for tensors of these shapes one behind the other, and the length of the arena."""
    slots, offset = [], 0
    for shape in shapes:
        slots.append(Slot(offset=offset, shape=shape, samples=samples))
        offset += -(-prod(shape) // _ALIGNMENT) * _ALIGNMENT
    return tuple(slots), offset


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tables:
    """Arrays that a kernel updates; T tensors with C channels in all.

    Attributes:
        slots: Where the tensors lie.
        layout: int64 (T, 7): `Slot.row`, then the index of the tensor's first channel.
        bounds: uint32 (T, 3): smallest pattern, largest pattern, and largest pattern with the sign
            bit flipped, from which minimum and maximum follow.
        abs_max: uint32 (C,), patterns of the largest magnitudes; patterns without a sign are
            ordered like the numbers.
        histograms: int64 (T, BINS); pages that nobody touches cost no memory.
    """

    slots: tuple[Slot, ...]
    layout: NDArray[np.int64]
    bounds: NDArray[np.uint32]
    abs_max: NDArray[np.uint32]
    histograms: NDArray[np.int64]

    @classmethod
    def empty(cls, slots: Sequence[Slot]) -> Self:
        """Tables of nothing seen yet."""
        ends = np.cumsum([0, *(slot.channels for slot in slots)])
        rows = [(*slot.row, int(end)) for slot, end in zip(slots, ends[:-1], strict=True)]
        return cls(
            slots=tuple(slots),
            layout=np.array(rows, np.int64).reshape(len(rows), 7),
            bounds=np.tile(np.array([0xFFFFFFFF, 0, 0], np.uint32), (len(rows), 1)),
            abs_max=np.zeros(int(ends[-1]), np.uint32),
            histograms=np.zeros((len(rows), BINS), np.int64),
        )

    def add(self, other: Tables) -> None:
        """Merge what another thread saw; the order does not matter."""
        np.minimum(self.bounds[:, 0], other.bounds[:, 0], out=self.bounds[:, 0])
        np.maximum(self.bounds[:, 1:], other.bounds[:, 1:], out=self.bounds[:, 1:])
        np.maximum(self.abs_max, other.abs_max, out=self.abs_max)
        for mine, theirs in zip(self.histograms, other.histograms, strict=True):
            touched = np.flatnonzero(theirs != 0)
            mine[touched] += theirs[touched]

    def laid_out(self, slots: Sequence[Slot]) -> Self:
        """The same tables, shared, for the same tensors in other slots."""
        layout = self.layout.copy()
        layout[:, :6] = [slot.row for slot in slots]
        return replace(self, slots=tuple(slots), layout=layout)

    def result(self, tensor: int, sums: NDArray[np.float64], samples: int) -> TensorStats:
        """Statistics of one tensor after `samples` samples with these channel sums."""
        channels, elements, first = self.layout[tensor, [2, 5, 6]].tolist()
        if len(self.slots[tensor].shape) < 2:
            channels = 0
        channel = slice(first, first + channels)
        # Compared first, because numpy finds what is set much faster among booleans.
        bins = np.flatnonzero(self.histograms[tensor] != 0)
        histogram = self.histograms[tensor, bins]
        minimum, maximum = _limits(*self.bounds[tensor].tolist())
        return TensorStats(
            count=int(histogram.sum()),
            minimum=minimum,
            maximum=maximum,
            bins=_frozen(bins.astype(np.uint16)),
            histogram=_frozen(histogram),
            channel_abs_max=_frozen(self.abs_max[channel].view(np.float32).copy()),
            channel_sum=_frozen(sums[channel].copy()),
            channel_count=elements // channels * samples if channels else 0,
        )


def grid_shift(largest: int, elements: int) -> float:
    """Number that rounds float64 to the grid on which a row of `elements` sums up exactly.

    With L = max(ceil(log2(elements)), 2) and every magnitude below 2**(e + 1), all partial sums are
    below 2**(e + 1 + L). On multiples of 2**(e + L - 52) they are exact in float64, in any order.
    x + 1.5 * 2**(e + L) lies where float64 has that spacing, so that adding and subtracting it
    rounds to the grid, half to even.

    Args:
        largest: Pattern of the largest magnitude of the row.
        elements: Elements of the row, at least 1.
    """
    return ldexp(1.5, (largest >> 23) - 127 + max((elements - 1).bit_length(), 2))


class Kernel(Protocol):
    """Adds the tensors of one forward run to the tables."""

    def __call__(
        self, arena: NDArray[np.float32], first: int, tables: Tables, sums: NDArray[np.float64], /
    ) -> int:
        """Number of the first tensor that is not finite, or -1."""
        ...


def fastest_kernel() -> Kernel:
    """The compiled kernel where numba is installed, else the numpy one; their results are equal."""
    try:
        from toolchain.calibration.kernel import observe
    except ImportError:
        from toolchain.calibration.fallback import observe
    return observe


def stats_of(array: NDArray[np.float32]) -> TensorStats:
    """Statistics of one float32 array, a constant or a weight, as one sample of a sweep.

    Any shape; channels are axis 1. NaN and infinities are the caller's to rule out.
    """
    from toolchain.calibration.fallback import observe

    slots, _ = arrange([array.shape])
    tables = Tables.empty(slots)
    sums = np.zeros(tables.abs_max.size)
    observe(np.ascontiguousarray(array, np.float32).ravel(), 0, tables, sums)
    return tables.result(0, sums, 1)


def merge(a: TensorStats, b: TensorStats) -> TensorStats:
    """Statistics of the samples of `a` followed by those of `b`, of the same value.

    Associative and independent of the order, but for `channel_sum`, which adds in float64: partial
    sweeps are merged in the order of their samples.
    """
    bins = np.union1d(a.bins, b.bins)
    histogram = np.zeros(bins.size, np.int64)
    for part in (a, b):
        histogram[np.searchsorted(bins, part.bins)] += part.histogram
    return TensorStats(
        count=a.count + b.count,
        minimum=min(a.minimum, b.minimum),
        maximum=max(a.maximum, b.maximum),
        bins=_frozen(bins),
        histogram=_frozen(histogram),
        channel_abs_max=_frozen(np.maximum(a.channel_abs_max, b.channel_abs_max)),
        channel_sum=_frozen(a.channel_sum + b.channel_sum),
        channel_count=a.channel_count + b.channel_count,
    )


def _limits(smallest: int, largest: int, flipped: int) -> tuple[float, float]:
    """Minimum and maximum from extremes of patterns; -0.0 becomes 0.0.

    With a negative element, the largest pattern is the one furthest below zero. With a positive
    one, the largest flipped pattern is the greatest. Else the smallest pattern is the nearest to 0.
    """
    minimum = largest if largest >= _SIGN else smallest
    maximum = flipped - _SIGN if flipped >= _SIGN else smallest
    low, high = np.array([minimum, maximum], np.uint32).view(np.float32)
    return float(low) + 0.0, float(high) + 0.0


def _frozen(array: NDArray[Scalar]) -> NDArray[Scalar]:
    array.setflags(write=False)
    return array
