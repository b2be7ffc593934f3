"""Batch sizes that pay, and batches made up of them."""

from __future__ import annotations

import pytest

from toolchain.accelerator.batches import composed, dynamic_batches
from toolchain.errors import Code, DataError

# Cycles per sample: 100, 60, 55, 56, 40.
CYCLES = {1: 100, 2: 120, 4: 220, 8: 448, 16: 640}


@pytest.mark.parametrize(
    ("maximum", "expected", "asked"),
    [
        (1, (1,), [1]),
        (2, (1, 2), [1, 2]),
        (3, (1, 2), [1, 2]),
        (4, (1, 2, 4), [1, 2, 4]),
        (7, (1, 2, 4), [1, 2, 4]),
        (8, (1, 2, 4), [1, 2, 4, 8]),
        (16, (1, 2, 4), [1, 2, 4, 8]),
    ],
)
def test_batches_double_while_they_pay(maximum, expected, asked):
    seen = []

    def cycles_of(batch):
        seen.append(batch)
        return CYCLES[batch]

    assert dynamic_batches(maximum, cycles_of) == expected
    assert seen == asked


def test_a_batch_that_is_only_as_fast_does_not_pay():
    assert dynamic_batches(8, lambda batch: 3 * batch) == (1,)


@pytest.mark.parametrize(
    ("count", "sizes", "expected"),
    [
        (3, (1, 2, 4), (2, 1)),
        (9, (1, 2, 4), (4, 4, 1)),
        (9, (4, 1, 2), (4, 4, 1)),
        (1, (1,), (1,)),
        (8, (8,), (8,)),
        # Greedily 4 + 1 + 1 where there is 1, and 3 + 3 where there is not.
        (6, (1, 3, 4), (4, 1, 1)),
        (6, (3, 4), (3, 3)),
        (3, (1,), (1, 1, 1)),
        (7, (4, 2, 1), (4, 2, 1)),
        (6, (2,), (2, 2, 2)),
        (4, (2, 3), (2, 2)),
        (7, (2, 3), (3, 2, 2)),
        (9, (8, 1), (8, 1)),
    ],
)
def test_other_batches_are_made_up_of_these(count, sizes, expected):
    assert composed(count, sizes) == expected


@pytest.mark.parametrize(
    ("count", "sizes", "allowed"),
    [
        (3, (4, 2), "sums of 2, 4, as 2"),
        (5, (3, 4), "sums of 3, 4, as 4"),
        (13, (4, 6), "sums of 4, 6, as 12"),
        (1, (2,), "multiples of 2"),
        (0, (1, 2), "sums of 1, 2, from 1 on"),
    ],
)
def test_what_cannot_be_made_up_is_refused(count, sizes, allowed):
    with pytest.raises(DataError) as caught:
        composed(count, sizes)
    (problem,) = caught.value.problems
    assert (problem.code, problem.got) == (Code.DATA_MISMATCH, str(count))
    assert problem.allowed == allowed
