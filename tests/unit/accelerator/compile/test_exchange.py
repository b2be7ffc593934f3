"""What cores give each other, by hand and against sets of indices."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given as each_of
from hypothesis import strategies as st

from toolchain.accelerator.compile.boxes import Box
from toolchain.accelerator.compile.exchange import given
from toolchain.accelerator.compile.tasks import Buffer
from toolchain.accelerator.isa.operands import Space
from toolchain.core.dtypes import DType


def buffer(boxes: dict[int, Box]) -> Buffer:
    return Buffer(
        name="t",
        size=0,
        space=Space.MEMORY,
        boxes=boxes,
        dtype=DType.INT8,
        order=(0,),
        loaded=False,
    )


@pytest.mark.parametrize(
    ("core", "part", "expected"),
    [
        (0, (0, 4), [(1, ((3, 4),))]),  # the edge of the window of core 1
        (1, (4, 6), [(0, ((4, 5),))]),
        (1, (6, 8), []),
    ],
)
def test_edges_of_rows(core: int, part: tuple[int, int], expected: list[tuple[int, Box]]) -> None:
    # Core 0 makes rows 0 to 3 and needs row 4, core 1 makes 4 to 7 and needs row 3.
    held: dict[int, Box] = {0: ((0, 5),), 1: ((3, 8),)}
    made: dict[int, list[Box]] = {0: [((0, 4),)], 1: [((4, 8),)]}
    assert list(given((part,), core, buffer(held), made)) == expected


def test_what_two_make_is_given_by_the_first() -> None:
    held: dict[int, Box] = dict.fromkeys(range(3), ((0, 9),))
    made: dict[int, list[Box]] = {0: [((0, 6),)], 1: [((3, 9),)]}
    assert list(given(((0, 6),), 0, buffer(held), made)) == [(1, ((0, 3),)), (2, ((0, 6),))]
    assert list(given(((3, 9),), 1, buffer(held), made)) == [(0, ((6, 9),)), (2, ((6, 9),))]


BOXES = st.tuples(
    *[
        st.tuples(st.integers(0, 3), st.integers(1, 4)).map(lambda at: (at[0], at[0] + at[1]))
        for _ in range(2)
    ]
)


@each_of(st.lists(st.tuples(BOXES, BOXES), min_size=2, max_size=4))
def test_everyone_gets_all_that_anyone_makes_once(parts: list[tuple[Box, Box]]) -> None:
    def indices(box: Box) -> set[tuple[int, ...]]:
        return set(itertools.product(*(range(start, stop) for start, stop in box)))

    made = {core: [own] for core, (own, _) in enumerate(parts)}
    held = {core: need for core, (_, need) in enumerate(parts)}
    got: dict[int, list[tuple[int, ...]]] = {core: [] for core in held}
    for core, (own,) in made.items():
        for other, part in given(own, core, buffer(held), made):
            assert indices(part) <= indices(own)
            got[other] += indices(part)
    everything = set().union(*(indices(own) for (own,) in made.values()))
    for core, need in held.items():
        assert len(set(got[core])) == len(got[core]), "given twice"
        assert set(got[core]) == (indices(need) & everything) - indices(made[core][0])
