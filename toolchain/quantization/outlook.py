"""Statistics as the choice of a range should see them: what errors cost, and what is still to come.

What the sweep saw is not yet what a range should be chosen for. An error in one channel costs more
than in another, and the largest result among the samples is not the largest of all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from toolchain.core.stats import TensorStats
from toolchain.quantization.importance import Channels

_UNITS = 2.0**40
"""What the fullest bin counts, so that weighed counts are integers and none is lost."""

_PIECES = 48
_FURTHEST = 12.0
"""A tail is laid out in pieces up to so many of its own means."""


class Part(NamedTuple):
    """One of the values that share a range.

    Attributes:
        stats: What was seen of it.
        importance: What an error in each channel costs, or None where all cost the same.
    """

    stats: TensorStats
    importance: Channels | None


def outlook(parts: Sequence[Part], *, tails: bool) -> TensorStats:
    """Statistics of all `parts` together, counting elements by the importance of their channel.

    The histogram does not know of channels, but an element can only lie in a channel that reached
    its magnitude: it counts as much as these channels matter on average. So the outliers of a
    channel that hardly matters give way to the resolution of all others, and those of one that
    matters stay.

    Args:
        parts: At least one.
        tails: Lay out beyond the extremes what unseen samples are likely to bring; see
            `_Counts.with_tail`.

    Returns:
        Statistics without channels, whose counts are in units of their own. They are `stats` itself
        of a single part where nothing is to be done.
    """
    if len(parts) == 1 and parts[0].importance is None and not tails:
        return parts[0].stats
    seen = [_Counts.of(part.stats, tails=tails).weighed(part) for part in parts]
    values = np.concatenate([counts.values for counts in seen])
    weights = np.concatenate([counts.weights for counts in seen])
    patterns = (values.astype(np.float32).view(np.uint32) >> np.uint32(16)).astype(np.uint16)
    bins, where = np.unique(patterns, return_inverse=True)
    sums = np.bincount(where, weights, bins.size)
    histogram = np.rint(sums * (_UNITS / sums.max())).astype(np.int64)
    kept = histogram > 0
    elements = sum(_elements(part.stats) for part in parts)
    return TensorStats(
        count=int(histogram.sum()),
        minimum=min(counts.minimum for counts in seen),
        maximum=max(counts.maximum for counts in seen),
        bins=bins[kept],
        histogram=histogram[kept],
        # One channel that stands for all: their number differs between parts.
        channel_abs_max=np.array(
            [max(p.stats.channel_abs_max.max(initial=0.0) for p in parts)], np.float32
        ),
        channel_sum=np.array([sum(p.stats.channel_sum.sum() for p in parts)]),
        channel_count=elements,
    )


def _elements(stats: TensorStats) -> int:
    """Elements seen; the histogram holds fewer of large values."""
    return stats.channel_count * len(stats.channel_sum) or stats.count


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Counts:
    """Real numbers, how much each counts, and the range in which they lie."""

    values: NDArray[np.float64]
    weights: NDArray[np.float64]
    minimum: float
    maximum: float

    @classmethod
    def of(cls, stats: TensorStats, *, tails: bool) -> Self:
        """Lower ends of the bins with their counts, with tails where wanted."""
        values = (stats.bins.astype(np.uint32) << np.uint32(16)).view(np.float32).astype(np.float64)
        counts = cls(
            values=values,
            # As if all elements had been counted, so that parts of different thinning add up.
            weights=stats.histogram.astype(np.float64) * (_elements(stats) / stats.count),
            minimum=stats.minimum,
            maximum=stats.maximum,
        )
        return counts.with_tail(1.0).with_tail(-1.0) if tails else counts

    def weighed(self, part: Part) -> Self:
        """Every number counted by the mean importance of the channels that reached it.

        All together count as before: channels are compared with those of the same value only,
        because importance grows too much from layer to layer to compare it across many.
        """
        importance = part.importance
        reached = part.stats.channel_abs_max.astype(np.float64)
        if importance is None or importance.size != reached.size or not importance.any():
            return self
        order = np.argsort(reached)
        sums = np.cumsum(importance[order][::-1])[::-1]
        means = sums / np.arange(reached.size, 0, -1)
        first = np.searchsorted(reached[order], np.abs(self.values))
        # What unseen samples may bring belongs to the channel that came furthest.
        weights = self.weights * means[np.minimum(first, reached.size - 1)]
        if not weights.any():
            return self
        return replace(self, weights=weights * (self.weights.sum() / weights.sum()))

    def with_tail(self, sign: float) -> Self:
        """The largest k = sqrt(n) of n numbers on one side replaced by an exponential tail.

        The excesses over a high threshold, here the k-th largest number, are exponential with their
        mean as the parameter (peaks over threshold with a light tail: Davison and Smith, Models for
        Exceedances over High Thresholds, 1990). Of few numbers the tail reaches well beyond the
        largest; of millions its weight there is next to nothing. Numbers that pile up at their
        bound, as those behind a Clip do, have no tail.
        """
        magnitudes = self.values * sign
        order = np.argsort(-magnitudes)
        sizes, counts = magnitudes[order], self.weights[order]
        enough = float(np.sqrt(counts[sizes > 0.0].sum()))
        cut = int(np.searchsorted(np.cumsum(counts), enough))
        if cut == 0 or cut >= sizes.size or sizes[cut] <= 0.0:
            return self
        largest, share = sizes[:cut], counts[:cut].sum()
        mean = float(((largest - sizes[cut]) * counts[:cut]).sum() / share)
        ends = np.linspace(0.0, _FURTHEST, _PIECES + 1)
        places = sizes[cut] + mean * (ends[:-1] + ends[1:]) / 2.0
        rest = order[cut:]
        return replace(
            self,
            values=np.concatenate([self.values[rest], sign * places]),
            weights=np.concatenate([self.weights[rest], share * -np.diff(np.exp(-ends))]),
            minimum=min(self.minimum, sign * places[-1]),
            maximum=max(self.maximum, sign * places[-1]),
        )
