from __future__ import annotations

from functools import reduce

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from toolchain.numerics.histogram import HALF, Histogram

ANY = st.floats(width=32, allow_nan=False, allow_infinity=False)
VALUES = arrays(np.float32, st.integers(1, 30), elements=ANY)


def test_bins_by_hand() -> None:
    found = Histogram.of(np.float32([0, 0.1, 1, 1.9, 3.9, 4]))
    assert found.bins(0.0, 4.0, 4) == (2, 2, 0, 2)
    assert found.bins(0.0, 4.0, 1) == (6,)
    assert found.bins(4.0, 4.0, 3) == (6, 0, 0)


def test_values_that_are_no_numbers_do_not_count() -> None:
    found = Histogram.of(np.float32([np.nan, np.inf, -np.inf, 1.0, -1.0]))
    assert found.counts.sum() == 2
    assert found.bins(-1.0, 1.0, 2) == (1, 1)


def test_nothing_and_zero() -> None:
    assert Histogram.of(np.zeros(0, np.float32)).bins(0.0, 0.0, 2) == (0, 0)
    assert Histogram.of(np.zeros(3, np.float32)).bins(0.0, 0.0, 2) == (3, 0)


@given(VALUES)
def test_fine_bins_hold_what_they_say(values: np.ndarray) -> None:
    found = Histogram.of(values)
    index = np.floor(values.astype(np.float64) / 2.0**found.exponent).astype(np.int64) + HALF
    assert np.array_equal(found.counts, np.bincount(index, minlength=2 * HALF))


@given(st.lists(VALUES, min_size=1, max_size=5), st.randoms())
def test_the_order_of_samples_does_not_matter(parts: list[np.ndarray], random: object) -> None:
    whole = Histogram.of(np.concatenate(parts))
    random.shuffle(parts)  # type: ignore[attr-defined]
    added = reduce(Histogram.plus, map(Histogram.of, parts))
    assert added.exponent == whole.exponent
    assert np.array_equal(added.counts, whole.counts)


@given(arrays(np.float32, 500, elements=st.floats(-8, 8, width=32)))
def test_coarse_bins_are_numpy_s_but_for_what_lies_at_an_edge(values: np.ndarray) -> None:
    low, high = float(values.min()), float(values.max())
    ours = np.cumsum(Histogram.of(values).bins(low, high, 8))
    edges = np.linspace(low, high, 9)[1:]
    near = np.array([np.count_nonzero(np.abs(values - edge) <= 16 / HALF) for edge in edges])
    exact = np.array([np.count_nonzero(values < edge) for edge in edges])
    assert ours[-1] == values.size
    assert np.all(np.abs(ours[:-1] - exact[:-1]) <= near[:-1])
