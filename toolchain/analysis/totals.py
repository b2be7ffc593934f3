"""What is kept of every layer while samples pass by: a few sums and a histogram, whatever comes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from toolchain.analysis.layers import Layer
from toolchain.analysis.pairs import Pair, divided
from toolchain.core.dtypes import Array
from toolchain.numerics.affine import fake_quantize, stored_bounds
from toolchain.numerics.agreement import SIGNAL_FLOOR, Agreement, energy
from toolchain.numerics.histogram import Histogram
from toolchain.numerics.metrics import decibels

BINS = 32
"""Bins of a report's histogram, as XQuant has them."""


class Storing(NamedTuple):
    """What storing the float values costs by itself: noise energies, and elements outside."""

    rounding: float = 0.0
    clipping: float = 0.0
    clipped: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Seen:
    """One layer on one sample."""

    agreement: Agreement
    storing: Storing
    histogram: Histogram


def seen(pair: Pair) -> Seen:
    """Compare one pair; nothing of its arrays is kept."""
    expected = np.ascontiguousarray(pair.expected)
    return Seen(
        agreement=Agreement.of(expected, np.ascontiguousarray(pair.actual)),
        storing=_storing(pair.layer, expected),
        histogram=Histogram.of(expected),
    )


def _storing(layer: Layer, expected: Array) -> Storing:
    if layer.params is None:
        return Storing()
    given = divided(layer, expected)
    error = fake_quantize(given, layer.params) - given
    if layer.scales is not None:
        error = np.asarray(error * layer.scales, np.float32)
    total = energy(error)
    low, high = stored_bounds(layer.params, given.ndim)
    half = (high - low) / (2 * (layer.params.spec.qmax - layer.params.spec.qmin))
    if not given.size or (given.min() >= np.max(low) and given.max() <= np.min(high)):
        return Storing(rounding=total)
    # Up to half a step beyond the last integer an element is rounded like any other.
    outside = (given < low - half) | (given > high + half)
    clipping = energy(error[outside])
    return Storing(
        rounding=max(total - clipping, 0.0),
        clipping=clipping,
        clipped=int(np.count_nonzero(outside)),
    )


class Totals:
    """One tensor over all samples, added in the order of the samples."""

    def __init__(self) -> None:
        self._samples = self._count = self._clipped = 0
        self._cosine = self._ratio = 0.0
        self._signal = self._noise = self._rounding = self._clipping = 0.0
        self._worst = (-math.inf, "")
        self._histogram: Histogram | None = None
        self.real = (math.inf, -math.inf)
        self.quantized = (math.inf, -math.inf)

    def add(self, found: Seen, sample: str) -> None:
        """Add the sample of that name."""
        agreement, storing = found.agreement, found.storing
        self._samples += 1
        self._count += agreement.count
        self._clipped += storing.clipped
        self._cosine += agreement.cosine
        self._ratio += agreement.noise_to_signal
        self._signal += agreement.signal
        self._noise += agreement.noise
        self._rounding += storing.rounding / (agreement.signal + SIGNAL_FLOOR)
        self._clipping += storing.clipping / (agreement.signal + SIGNAL_FLOOR)
        if agreement.noise_to_signal > self._worst[0]:
            self._worst = (agreement.noise_to_signal, sample)
        self.real = _around(self.real, agreement.expected)
        self.quantized = _around(self.quantized, agreement.actual)
        known = self._histogram
        self._histogram = found.histogram if known is None else known.plus(found.histogram)

    @property
    def cosine(self) -> float:
        """Mean over samples."""
        return self._cosine / max(self._samples, 1)

    @property
    def noise_to_signal(self) -> float:
        """Mean over samples of the ratio of powers."""
        return self._ratio / max(self._samples, 1)

    @property
    def mse(self) -> float:
        """Mean over all elements."""
        return self._noise / max(self._count, 1)

    @property
    def sqnr_db(self) -> float:
        """Signal over noise, each summed over all samples, in dB."""
        return decibels(self._signal, self._noise)

    @property
    def rounding(self) -> float:
        """Mean over samples of the ratio that storing costs inside the range."""
        return self._rounding / max(self._samples, 1)

    @property
    def clipping(self) -> float:
        """Mean over samples of the ratio that storing costs outside the range."""
        return self._clipping / max(self._samples, 1)

    @property
    def clipped(self) -> float:
        """Share of elements outside the range."""
        return self._clipped / max(self._count, 1)

    @property
    def worst_sample(self) -> str:
        """The sample with the largest noise-to-signal ratio, the first of equal ones."""
        return self._worst[1]

    def bins(self) -> tuple[int, ...]:
        """The float values' histogram over their range."""
        return () if self._histogram is None else self._histogram.bins(*self.real, BINS)


def _around(known: tuple[float, float], found: tuple[float, float]) -> tuple[float, float]:
    return min(known[0], found[0]), max(known[1], found[1])
