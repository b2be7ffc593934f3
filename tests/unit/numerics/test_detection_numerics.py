from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from toolchain.numerics.detection import average_precision, overlap, suppress


def boxes(*rows: Any) -> Any:
    return np.array(rows, np.float64).reshape(-1, len(rows[0]))


def test_overlap_by_hand() -> None:
    first = boxes((0, 0, 2, 2), (0, 0, 0, 0))
    second = boxes((0, 0, 2, 2), (1, 1, 3, 3), (1, 0, 2, 2), (5, 5, 6, 6))
    # Intersections 4, 1, 2, 0 over unions 4, 7, 4, 5; a box without area overlaps nothing.
    expected = [[1, 1 / 7, 1 / 2, 0], [0, 0, 0, 0]]
    np.testing.assert_allclose(overlap(first, second), expected)


@pytest.mark.parametrize(
    ("hits", "objects", "expected"),
    [
        ([True], 1, 1.0),
        ([False], 1, 0.0),
        ([], 3, 0.0),
        ([False, True], 1, 0.5),  # precision 1/2 at every recall
        ([True, False], 2, 51 / 101),  # recalls 0 ... 0.50 at precision 1
        ([True, False, True], 2, (51 + 50 * 2 / 3) / 101),
        # Precisions 1, 1/2, 1/3, 1/2: from recall 1/2 on the best that follows is 1/2.
        ([True, False, False, True], 2, (51 + 50 / 2) / 101),
        ([True, False, False], 1, 1.0),  # what comes behind full recall costs nothing
    ],
)
def test_average_precision_by_hand(hits: list[bool], objects: int, expected: float) -> None:
    assert average_precision(np.array(hits, np.bool_), objects) == pytest.approx(expected)


def test_suppression_within_each_class() -> None:
    found = boxes(
        (0.0, 0.0, 1.0, 1.0, 0.5, 0),
        (0.0, 0.0, 1.0, 0.9, 0.9, 0),
        (0.0, 0.0, 1.0, 0.9, 0.8, 1),
        (0.0, 0.0, 1.0, 0.4, 0.7, 0),
    )
    # Overlaps with the best of class 0: 0.9 (dropped) and 0.4 / 0.9 = 0.444.
    assert suppress(found, 0.45)[:, 4].tolist() == [0.9, 0.8, 0.7]
    assert suppress(found, 0.44)[:, 4].tolist() == [0.9, 0.8]
    assert suppress(np.zeros((0, 6)), 0.5).shape == (0, 6)


def test_what_was_dropped_drops_nothing() -> None:
    # A chain: the second is dropped by the first, so the third stays.
    chain = [
        (0.0, 0.0, 1.0, 1.0, 0.9, 0),
        (0.0, 0.3, 1.0, 1.3, 0.8, 0),
        (0.0, 0.6, 1.0, 1.6, 0.7, 0),
    ]
    assert suppress(boxes(*chain), 0.5)[:, 4].tolist() == [0.9, 0.9 - 2 * 0.1]
