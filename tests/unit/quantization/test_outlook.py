"""Statistics weighed by importance, and tails."""

from __future__ import annotations

import numpy as np
import pytest

from toolchain.calibration.statistics import merge, stats_of
from toolchain.quantization.outlook import Part, outlook


def counts(stats) -> dict[float, float]:
    """Number to its share of the fullest bin."""
    values = (stats.bins.astype(np.uint32) << 16).view(np.float32)
    fullest = stats.histogram.max()
    return {float(v): n / fullest for v, n in zip(values, stats.histogram, strict=True)}


def test_nothing_to_do():
    stats = stats_of(np.ones((1, 2), np.float32))
    assert outlook([Part(stats, None)], tails=False) is stats


def test_elements_count_as_the_channels_that_reached_them():
    """0.5 can lie in both channels, 8 in the second only."""
    stats = stats_of(np.array([[1.0, 0.5], [8.0, 0.5]], np.float32).reshape(1, 2, 2))
    found = outlook([Part(stats, np.array([3.0, 1.0]))], tails=False)
    assert counts(found) == pytest.approx({0.5: 1.0, 1.0: 0.5, 8.0: 0.25})
    assert (found.minimum, found.maximum) == (0.5, 8.0)


def test_negative_numbers_count_by_magnitude():
    stats = stats_of(np.array([[1.0, 0.5], [-8.0, 0.5]], np.float32).reshape(1, 2, 2))
    found = outlook([Part(stats, np.array([3.0, 1.0]))], tails=False)
    assert counts(found) == pytest.approx({0.5: 1.0, 1.0: 0.5, -8.0: 0.25})


@pytest.mark.parametrize("importance", [[0.0, 0.0], [1.0], [1.0, 1.0, 1.0]])
def test_importance_that_says_nothing_counts_nothing(importance):
    """All 0, or of another number of channels."""
    stats = stats_of(np.array([[1.0, 8.0]], np.float32))
    found = outlook([Part(stats, np.array(importance))], tails=False)
    assert counts(found) == {1.0: 1.0, 8.0: 1.0}


def test_important_only_where_nothing_lies():
    """The one channel that matters was 0 throughout; elements still have to count."""
    stats = stats_of(np.array([[0.0], [4.0]], np.float32).reshape(1, 2, 1))
    found = outlook([Part(stats, np.array([1.0, 0.0]))], tails=False)
    assert found.histogram.sum() > 0


def test_channels_are_compared_within_a_part_only():
    """Three channels and one: the importance of one part against the other's says nothing."""
    first = stats_of(np.array([[1.0, 1.0, 1.0]], np.float32))
    second = stats_of(np.array([[2.0], [-2.0]], np.float32))
    found = outlook([Part(first, np.full(3, 2.0)), Part(second, np.ones(1))], tails=False)
    assert counts(found) == pytest.approx({1.0: 1.0, 2.0: 1 / 3, -2.0: 1 / 3})
    assert (found.minimum, found.maximum, found.channel_count) == (-2.0, 2.0, 5)


def test_thinned_parts_count_in_full():
    """300 000 elements, of which the histogram holds every fifth or so, beside 300 000 others."""
    one = stats_of(np.ones((1, 300_000), np.float32))
    assert one.count < 100_000
    many = stats_of(np.full((1, 50_000), 2.0, np.float32))
    six = many
    for _ in range(5):
        six = merge(six, many)
    found = outlook([Part(one, np.ones(1)), Part(six, np.ones(1))], tails=False)
    assert counts(found) == pytest.approx({1.0: 1.0, 2.0: 1.0}, rel=1e-3)


def test_tail_of_a_hundred_numbers():
    """1 to 100: the 9 above 91 exceed it by 5 on average; the tail ends 11.875 times that above."""
    stats = stats_of(np.arange(1, 101, dtype=np.float32).reshape(1, 100))
    found = outlook([Part(stats, None)], tails=True)
    assert found.maximum == pytest.approx(91 + 5 * 11.875)
    assert found.minimum == 1.0
    seen = counts(found)
    unit = seen[50.0]
    above = {value: share / unit for value, share in seen.items() if value > 91}
    assert sum(above.values()) == pytest.approx(9.0, rel=1e-3)
    beyond = sum(share for value, share in above.items() if value > 96)
    assert beyond == pytest.approx(9 / np.e, rel=0.15)


def test_tails_on_both_sides():
    numbers = np.arange(1, 101, dtype=np.float32)
    stats = stats_of(np.concatenate([numbers, -numbers]).reshape(1, 200))
    found = outlook([Part(stats, None)], tails=True)
    assert -found.minimum == found.maximum == pytest.approx(91 + 5 * 11.875)


def test_numbers_at_a_bound_have_no_tail():
    values = np.append(np.arange(60), np.full(40, 60)).astype(np.float32)
    found = outlook([Part(stats_of(values.reshape(1, 100)), None)], tails=True)
    assert (found.minimum, found.maximum) == (0.0, 60.0)


def test_one_number_has_no_tail():
    found = outlook([Part(stats_of(np.array([[3.0]], np.float32)), None)], tails=True)
    assert (found.minimum, found.maximum) == (3.0, 3.0)


def test_the_tail_of_many_numbers_weighs_nothing():
    """A million normal numbers: beyond the largest lies less than one of them."""
    values = np.random.default_rng(0).normal(size=(1, 1_000_000)).astype(np.float32)
    stats = stats_of(values)
    found = outlook([Part(stats, None)], tails=True)
    places = (found.bins.astype(np.uint32) << 16).view(np.float32)
    beyond = found.histogram[places > stats.maximum].sum() / found.histogram.sum()
    assert beyond < 5e-6
