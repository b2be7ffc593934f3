"""Boxes against sets of indices."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolchain.accelerator.compile.boxes import (
    Box,
    common,
    cut,
    extents,
    hull,
    overlap,
    size,
    whole,
    with_axis,
    without,
)

BOXES = st.tuples(
    *[
        st.tuples(st.integers(0, 5), st.integers(1, 3)).map(lambda at: (at[0], at[0] + at[1]))
        for _ in range(3)
    ]
)


def indices(box: Box) -> set[tuple[int, ...]]:
    return set(itertools.product(*(range(start, stop) for start, stop in box)))


def test_by_hand() -> None:
    assert whole((2, 3)) == ((0, 2), (0, 3))
    assert extents(((1, 4), (2, 3))) == (3, 1)
    assert size(((1, 4), (2, 6))) == 12
    assert size(()) == 1
    assert with_axis(((0, 2), (0, 3)), 1, (1, 2)) == ((0, 2), (1, 2))
    assert hull([((0, 2),), ((5, 6),), ((1, 3),)]) == ((0, 6),)
    assert common(((0, 4), (0, 4)), ((2, 6), (3, 9))) == ((2, 4), (3, 4))
    assert common(((0, 4),), ((4, 6),)) is None


@given(BOXES, BOXES)
def test_what_two_boxes_share(a: Box, b: Box) -> None:
    shared = common(a, b)
    assert (indices(shared) if shared else set()) == indices(a) & indices(b)
    assert overlap(a, b) == bool(indices(a) & indices(b))


@given(BOXES, BOXES)
def test_what_is_left_of_a_box(box: Box, hole: Box) -> None:
    parts = [indices(part) for part in without(box, hole)]
    assert set().union(*parts) == indices(box) - indices(hole)
    assert sum(map(len, parts)) == len(indices(box) - indices(hole)), "parts share indices"


@given(st.lists(BOXES, min_size=1, max_size=4))
def test_the_hull_is_the_smallest(boxes: list[Box]) -> None:
    every = set().union(*map(indices, boxes))
    for axis, (start, stop) in enumerate(hull(boxes)):
        assert start == min(index[axis] for index in every)
        assert stop == max(index[axis] for index in every) + 1


@pytest.mark.parametrize(
    ("bounds", "parts", "grain", "expected"),
    [
        ((0, 10), 2, 1, [(0, 5), (5, 10)]),
        ((0, 10), 3, 1, [(0, 3), (3, 6), (6, 10)]),
        ((0, 10), 3, 4, [(0, 4), (4, 8), (8, 10)]),
        ((4, 14), 2, 4, [(4, 8), (8, 14)]),
        ((0, 3), 5, 1, [(0, 1), (1, 2), (2, 3)]),
        ((0, 3), 1, 1, [(0, 3)]),
        ((0, 3), 4, 8, [(0, 3)]),
    ],
)
def test_cuts(
    bounds: tuple[int, int], parts: int, grain: int, expected: list[tuple[int, int]]
) -> None:
    found = cut(((7, 9), bounds), 1, parts, grain)
    assert found == tuple(((7, 9), each) for each in expected)
