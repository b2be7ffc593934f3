"""Operands against numpy's views."""

from __future__ import annotations

from math import prod

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from toolchain.codegen.operands import Operand, channels_last, row_major
from toolchain.core.dtypes import DType

SHAPES = st.lists(st.integers(1, 3), max_size=5).map(tuple)


def operand(shape: tuple[int, ...], order: tuple[int, ...]) -> Operand:
    return Operand(buffer="b", dtype=DType.INT16, shape=shape, order=order)


def addresses(item: Operand) -> np.ndarray:
    """Offsets of all elements, in row-major order of the shape."""
    memory = np.arange(item.elements).reshape(item.extents)
    return np.transpose(memory, np.argsort(item.order)) if item.order else memory


@st.composite
def orders(draw: st.DrawFn) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    shape = draw(SHAPES)
    axes = st.permutations(range(len(shape))).map(tuple)
    return shape, draw(axes), draw(axes)


@given(orders())
def test_strides_are_those_of_the_memory(case) -> None:
    shape, order, _ = case
    item = operand(shape, order)
    grid = np.indices(shape)
    steps = sum((i * step for i, step in zip(grid, item.strides, strict=True)), np.zeros(shape))
    np.testing.assert_array_equal(steps, addresses(item))
    assert item.size_bytes == 2 * prod(shape)


@given(orders())
def test_orders_that_are_the_same_bytes(case) -> None:
    shape, order, other = case
    same = np.array_equal(addresses(operand(shape, order)), addresses(operand(shape, other)))
    assert operand(shape, order).lies_as(other) == same


@given(orders(), st.data())
def test_reshaped_bytes_are_the_same_elements(case, data) -> None:
    shape, order, _ = case
    target = list(data.draw(st.permutations([n for n in shape if n > 1])))
    while len(target) > 1 and data.draw(st.booleans()):
        target[0:2] = [target[0] * target[1]]
    target.insert(data.draw(st.integers(0, len(target))), 1)
    item = operand(shape, order)
    found = item.reshaped(tuple(target))
    if found is None:
        assert not item.lies_as(row_major(len(shape)))
    else:
        result = operand(tuple(target), found)
        np.testing.assert_array_equal(addresses(result).reshape(-1), addresses(item).reshape(-1))


def test_groups_of_channels_last_are_a_view() -> None:
    image = operand((1, 6, 4, 5), channels_last(4))
    split = image.reshaped((2, 3, 20))
    assert split is not None
    assert operand((2, 3, 20), split).lies_as((2, 0, 1))
    assert image.reshaped((6, 20)) == (1, 0)
    assert image.reshaped((24, 5)) is None  # channels and rows do not lie side by side


def test_named_orders() -> None:
    assert row_major(3) == (0, 1, 2)
    assert channels_last(4) == (0, 2, 3, 1)
    assert channels_last(3) == (0, 2, 1)
    assert channels_last(2) == (0, 1)
    assert operand((2, 3, 4, 5), channels_last(4)).strides == (60, 1, 15, 3)
