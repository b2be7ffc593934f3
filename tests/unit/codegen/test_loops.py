"""Loops visit what a naive loop visits, in the order of the last operand's memory."""

from __future__ import annotations

from itertools import product
from math import prod

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from toolchain.codegen.literals import Struct
from toolchain.codegen.loops import broadcast_strides, constant_strides, copy_fields, loops
from toolchain.core.dtypes import DType

SHAPES = st.lists(st.integers(1, 4), max_size=5).map(tuple)


def visited(nest: Struct) -> list[tuple[int, ...]]:
    """Offsets of all operands, as the C code goes through `tc_loops`."""
    shape, strides = nest.fields["shape"], nest.fields["stride"]
    assert nest.fields["rank"] == len(shape)
    return [
        tuple(sum(i * step for i, step in zip(index, own, strict=True)) for own in strides)
        for index in product(*map(range, shape))
    ]


def naive(shape: tuple[int, ...], *operands: tuple[int, ...]) -> list[tuple[int, ...]]:
    return [
        tuple(sum(i * step for i, step in zip(index, own, strict=True)) for own in operands)
        for index in product(*map(range, shape))
    ]


@st.composite
def nests(draw: st.DrawFn) -> tuple[tuple[int, ...], list[tuple[int, ...]], tuple[int, ...]]:
    """A shape, strides of one or two operands of any kind, and dense ones in some order."""
    shape = draw(SHAPES)
    order = draw(st.permutations(range(len(shape))))
    dense = [0] * len(shape)
    step = 1
    for axis in reversed(order):
        dense[axis] = step
        step *= shape[axis]
    any_strides = st.tuples(*[st.integers(-6, 6)] * len(shape))
    own_order = st.permutations(range(len(shape))).map(lambda p: tuple(dense[axis] for axis in p))
    others = draw(st.lists(st.one_of(any_strides, own_order, st.just(tuple(dense))), max_size=2))
    return shape, others, tuple(dense)


@given(nests())
def test_the_same_elements_in_rising_order(nest) -> None:
    shape, others, dense = nest
    found = visited(loops(shape, *others, dense))
    assert sorted(found) == sorted(naive(shape, *others, dense))
    assert [place[-1] for place in found] == list(range(prod(shape)))


@given(nests())
def test_what_lies_in_one_piece_is_one_loop(nest) -> None:
    shape, _, dense = nest
    found = loops(shape, dense, dense)
    assert found.fields["rank"] == 1
    assert found.fields["shape"] == (prod(shape),)


def test_a_transposition_by_hand() -> None:
    # Rows of 3 become columns; the batch of one element is left out.
    found = loops((1, 3, 2), (6, 1, 3), (6, 2, 1))
    assert found.fields == {"rank": 2, "shape": (3, 2), "stride": ((1, 3), (2, 1))}


@given(SHAPES, st.data())
def test_broadcast_as_numpy_does(result, data) -> None:
    kept = result[data.draw(st.integers(0, len(result))) :]
    shape = tuple(data.draw(st.sampled_from((1, extent))) for extent in kept)
    array = np.arange(prod(shape)).reshape(shape)
    expected = np.broadcast_to(array, result).reshape(-1).tolist()
    own = constant_strides(shape, result)
    assert [place[0] for place in naive(result, own)] == expected
    steps = tuple(step // array.itemsize for step in array.strides)
    assert broadcast_strides(steps, shape, result) == own


@given(nests())
def test_copies_reach_every_element(nest) -> None:
    shape, others, dense = nest
    source = others[0] if others else dense
    fields = copy_fields(shape, source, dense, DType.INT16, source_offset=3)
    assert sorted(visited(fields["loops"])) == sorted(naive(shape, source, dense))
    assert (fields["size"], fields["x_offset"], fields["y_offset"]) == (2, 3, 0)


def test_copies_avoid_short_runs() -> None:
    # Three planes of 100 elements to the last axis: three long runs, not a hundred of three.
    fields = copy_fields((3, 100), (100, 1), (1, 3), DType.INT8)
    assert fields["loops"].fields == {"rank": 2, "shape": (3, 100), "stride": ((100, 1), (1, 3))}
    # With as many columns as rows the result is written from its beginning to its end.
    fields = copy_fields((50, 100), (100, 1), (1, 50), DType.INT8)
    assert fields["loops"].fields["stride"] == ((1, 100), (50, 1))
