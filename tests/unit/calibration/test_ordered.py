from __future__ import annotations

import time

import pytest

from toolchain.calibration.ordered import ordered_map


def test_results_are_in_order():
    def work(item):
        time.sleep(0.002 * (item % 3))
        return item * item

    assert list(ordered_map(work, range(20), 4)) == [item * item for item in range(20)]


def test_no_more_than_the_window_is_begun():
    begun = []
    results = ordered_map(lambda item: begun.append(item) or item, range(1000), 2)
    assert [next(results), next(results)] == [0, 1]
    assert max(begun) <= 5
    results.close()
    assert max(begun) <= 5


def test_the_first_error_in_order_is_raised():
    def work(item):
        if item in {3, 4}:
            raise ValueError(str(item))
        return item

    with pytest.raises(ValueError, match="3"):
        list(ordered_map(work, range(10), 3))
