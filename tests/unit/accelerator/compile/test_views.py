"""Views against numpy's strides."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolchain.accelerator.compile.views import (
    broadcast,
    channels_last,
    dense_strides,
    inserted,
    merged_pair,
    permuted,
    place,
    row_major,
    split_axes,
)
from toolchain.accelerator.isa.operands import Space, View
from toolchain.core.dtypes import Array, DType

MEMORY = np.arange(4096, dtype=np.int16)


def seen(view: View) -> Array:
    """The elements that a view names."""
    assert view.offset % 2 == 0
    return np.lib.stride_tricks.as_strided(MEMORY[view.offset // 2 :], view.shape, view.strides)


def dense(shape: tuple[int, ...], order: tuple[int, ...] | None = None, offset: int = 0) -> View:
    strides = dense_strides(shape, order or row_major(len(shape)), 2)
    return View(space=Space.MEMORY, offset=offset, dtype=DType.INT16, shape=shape, strides=strides)


def test_orders() -> None:
    assert row_major(3) == (0, 1, 2)
    assert channels_last(4) == (0, 2, 3, 1)
    assert channels_last(3) == (0, 2, 1)
    assert dense_strides((2, 3, 4, 5), (0, 2, 3, 1), 1) == (60, 1, 15, 3)
    assert dense_strides((), (), 4) == ()


@given(st.permutations(range(3)), st.data())
def test_a_part_of_a_part_is_where_the_whole_has_it(order: list[int], data: st.DataObject) -> None:
    bounds = [data.draw(st.tuples(st.integers(0, 2), st.integers(3, 5))) for _ in range(3)]
    box = tuple(bounds)
    inner = tuple((data.draw(st.integers(a, b - 1)), b) for a, b in bounds)
    patch = place(
        space=Space.MEMORY, core=0, offset=64, dtype=DType.INT16, box=box, order=tuple(order)
    )
    everything = seen(patch.view)
    cropped = patch.crop(inner)
    at = tuple(slice(a - c, b - c) for (a, b), (c, _) in zip(inner, box, strict=True))
    np.testing.assert_array_equal(seen(cropped.view), everything[at])
    assert cropped.box == inner
    # Elements without gaps: all of them are neighbours.
    assert np.ptp(everything) == everything.size - 1


def test_permuted_and_inserted() -> None:
    view = dense((2, 3, 4))
    np.testing.assert_array_equal(seen(permuted(view, (2, 0, 1))), seen(view).transpose(2, 0, 1))
    np.testing.assert_array_equal(seen(inserted(view, 1)), seen(view)[:, None])


def test_split_axes() -> None:
    view = permuted(dense((6, 20)), (1, 0))
    found = split_axes(view, ((4, 5), (3, 2)))
    np.testing.assert_array_equal(seen(found), seen(view).reshape(4, 5, 3, 2))


@pytest.mark.parametrize(
    ("own", "shape"),
    [((3, 1), (3, 4)), ((4,), (2, 3, 4)), ((1, 3, 1), (5, 3, 2)), ((), (2, 2)), ((1,), (1,))],
)
def test_broadcast_as_numpy_does(own: tuple[int, ...], shape: tuple[int, ...]) -> None:
    view = dense(own, offset=6)
    np.testing.assert_array_equal(seen(broadcast(view, shape)), np.broadcast_to(seen(view), shape))


@given(st.lists(st.integers(1, 4), max_size=4), st.data())
def test_merged_views_name_the_same_elements_in_the_same_order(
    shape: list[int], data: st.DataObject
) -> None:
    a, b = (
        dense(tuple(shape), tuple(data.draw(st.permutations(range(len(shape)))))) for _ in range(2)
    )
    first, second = merged_pair(a, b)
    assert first.shape == second.shape
    np.testing.assert_array_equal(seen(first).ravel(), seen(a).ravel())
    np.testing.assert_array_equal(seen(second).ravel(), seen(b).ravel())


def test_how_far_views_are_merged() -> None:
    one, two = merged_pair(dense((2, 3, 4)), dense((2, 3, 4)))
    assert (one.shape, one.strides, two.strides) == ((24,), (2,), (2,))
    one, two = merged_pair(dense((2, 3, 4)), dense((2, 3, 4), (1, 2, 0)))
    assert (one.shape, one.strides, two.strides) == ((2, 12), (24, 2), (2, 4))
    one, _ = merged_pair(dense((1, 1)), dense((1, 1)))
    assert (one.shape, one.strides) == ((1,), (2,))
