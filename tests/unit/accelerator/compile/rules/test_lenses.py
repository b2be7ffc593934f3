"""Chains of movements as numpy does them, against views of where the elements were before."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest

from toolchain.accelerator.compile.boxes import Box, size
from toolchain.accelerator.compile.rules.lenses import Lens, identity
from toolchain.accelerator.compile.views import Order, Patch, place
from toolchain.accelerator.isa.operands import Space, View
from toolchain.core.dtypes import Array, DType


def elements(memory: Array, view: View) -> Array:
    return np.ndarray(view.shape, np.int32, memory.data, view.offset, view.strides)


def cropped(array: Array, box: Box) -> Array:
    return array[tuple(slice(start, stop) for start, stop in box)]


def stored(rng: np.random.Generator, source: Array, box: Box, order: Order) -> tuple[Patch, Array]:
    """A part of a tensor as it lies in a buffer that may have more of it."""
    held = tuple(
        (int(rng.integers(start + 1)), int(rng.integers(stop, extent + 1)))
        for (start, stop), extent in zip(box, source.shape, strict=True)
    )
    patch = place(space=Space.MEMORY, core=0, offset=8, dtype=DType.INT32, box=held, order=order)
    memory = np.zeros(8 + 4 * size(held), np.uint8)
    elements(memory, patch.view)[...] = cropped(source, held)
    return patch.crop(box), memory


def moved(rng: np.random.Generator, source: Array) -> tuple[Array, Lens]:
    """A few movements that a lens can follow, and the lens."""
    result, lens = source, identity(source.shape)
    for _ in range(rng.integers(1, 6)):
        rank, seen = result.ndim, None
        kind = rng.integers(4)
        if kind == 0:
            perm = tuple(map(int, rng.permutation(rank)))
            array, seen = result.transpose(perm), lens.transposed(perm)
        elif kind == 1:
            shape = factors(rng, result.size)
            array, seen = result.reshape(shape), lens.reshaped(shape)
        elif kind == 2 and rank:
            axis, step = int(rng.integers(rank)), int(rng.integers(1, 3))
            start = int(rng.integers(result.shape[axis]))
            count = int(rng.integers(1, (result.shape[axis] - start - 1) // step + 2))
            seen = lens.selected(axis, start, count, step)
            array = np.take(result, start + step * np.arange(count), axis)
        elif 1 in result.shape:
            axis = result.shape.index(1)
            array, seen = result.squeeze(axis), lens.without(axis)
        if seen is not None:
            result, lens = array, seen
    return result, lens


def factors(rng: np.random.Generator, count: int) -> tuple[int, ...]:
    found = []
    while count > 1 and len(found) < 5:
        found.append(int(rng.choice([n for n in range(1, count + 1) if count % n == 0])))
        count //= found[-1]
    return (*found, count)


def a_part(rng: np.random.Generator, shape: tuple[int, ...], grains: tuple[int, ...]) -> Box:
    found = []
    for extent, grain in zip(shape, grains, strict=True):
        start = int(rng.integers(extent // grain))
        found.append((start * grain, grain * int(rng.integers(start + 1, extent // grain + 1))))
    return tuple(found)


@pytest.mark.parametrize("seed", range(150))
def test_lenses_see_what_movements_make(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = tuple(int(n) for n in rng.choice([1, 2, 3, 4, 6], rng.integers(1, 5)))
    source = np.arange(prod(shape), dtype=np.int32).reshape(shape)
    result, lens = moved(rng, source)
    assert lens.shape == result.shape
    order = tuple(map(int, rng.permutation(len(shape))))
    box = a_part(rng, result.shape, (1,) * result.ndim)
    full = lens.even(order)
    if full is not None:
        patch, memory = stored(rng, source, lens.needs(box, full), order)
        seen = lens.seen(patch, box)
        assert seen.box == box
        np.testing.assert_array_equal(elements(memory, seen.view), cropped(result, box))
    box = a_part(rng, result.shape, lens.grains)
    patch, memory = stored(rng, source, lens.needs(box), order)
    view, split = lens.atoms(patch, box)
    expected = cropped(result, box)
    assert tuple(map(prod, split)) == expected.shape
    np.testing.assert_array_equal(elements(memory, view).reshape(expected.shape), expected)


def test_a_shuffle_of_channels_is_every_second_one() -> None:
    channels = identity((1, 48, 4, 5)).reshaped((24, 2, 20))
    assert channels is not None
    halves = channels.transposed((1, 0, 2)).reshaped((2, 1, 24, 4, 5))
    assert halves is not None
    odd = halves.selected(0, 1, 1)
    assert odd is not None
    lens = odd.without(0)
    assert lens.shape == (1, 24, 4, 5)
    assert lens.even((0, 2, 3, 1)) == frozenset()
    assert lens.needs(((0, 1), (3, 5), (0, 4), (1, 2))) == ((0, 1), (7, 10), (0, 4), (1, 2))


def test_rows_and_columns_are_one_axis_where_they_lie_behind_each_other() -> None:
    lens = identity((2, 8, 4, 5)).reshaped((2, 8, 20))
    assert lens is not None
    # Columns must be there in full for rows to follow each other.
    assert lens.even((0, 2, 3, 1)) == frozenset({3})
    assert lens.even((0, 1, 2, 3)) == frozenset({3})
    assert lens.even((0, 3, 2, 1)) is None
    assert lens.grains == (1, 1, 5)
    assert lens.needs(((0, 1), (0, 8), (7, 9)), frozenset({3}))[2:] == ((1, 2), (0, 5))


def test_shapes_that_cut_axes_unevenly() -> None:
    assert identity((6, 4)).reshaped((8, 3)) is None
    assert identity((6,)).reshaped((2, 3)) is not None
    columns = identity((4, 6)).transposed((1, 0)).reshaped((24,))
    assert columns is not None
    # Elements 3 to 6 lie in two columns, and not from the first to the last of them.
    assert columns.selected(0, 3, 4) is None
    assert columns.selected(0, 5, 2) is not None
