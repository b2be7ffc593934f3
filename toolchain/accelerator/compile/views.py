"""Views of tensors in a memory: cropped, with axes in another order, split or merged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import TypeAlias

from toolchain.accelerator.compile.boxes import Box, extents
from toolchain.accelerator.isa.operands import Space, View
from toolchain.core.dtypes import DType

Order: TypeAlias = tuple[int, ...]
"""Axes of a tensor from the slowest to the fastest in memory."""


def row_major(rank: int) -> Order:
    """Last axis fastest."""
    return tuple(range(rank))


def channels_last(rank: int) -> Order:
    """Batch, spatial axes, channels: axis 1 fastest."""
    return (0, *range(2, rank), 1)


def dense_strides(shape: tuple[int, ...], order: Order, itemsize: int) -> tuple[int, ...]:
    """Bytes from one index to the next on every axis, elements without gaps in `order`."""
    strides = [0] * len(shape)
    step = itemsize
    for axis in reversed(order):
        strides[axis] = step
        step *= shape[axis]
    return tuple(strides)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """A part of a tensor in a memory, its axes those of the tensor.

    Attributes:
        box: Which part.
        view: Where it lies.
    """

    box: Box
    view: View

    def crop(self, box: Box) -> Patch:
        """A part of the part."""
        offset = self.view.offset
        for (start, _), (own, _), stride in zip(box, self.box, self.view.strides, strict=True):
            offset += (start - own) * stride
        return Patch(box=box, view=replace(self.view, offset=offset, shape=extents(box)))


def place(*, space: Space, core: int, offset: int, dtype: DType, box: Box, order: Order) -> Patch:
    """A part of a tensor that lies without gaps, in some order of axes, from `offset` on."""
    shape = extents(box)
    strides = dense_strides(shape, order, dtype.numpy.itemsize)
    view = View(space=space, core=core, offset=offset, dtype=dtype, shape=shape, strides=strides)
    return Patch(box=box, view=view)


def permuted(view: View, axes: tuple[int, ...]) -> View:
    """The axes in another order."""
    return replace(
        view,
        shape=tuple(view.shape[axis] for axis in axes),
        strides=tuple(view.strides[axis] for axis in axes),
    )


def inserted(view: View, at: int) -> View:
    """With one more axis, of extent 1."""
    return replace(
        view,
        shape=(*view.shape[:at], 1, *view.shape[at:]),
        strides=(*view.strides[:at], view.itemsize, *view.strides[at:]),
    )


def split_axes(view: View, factors: tuple[tuple[int, ...], ...]) -> View:
    """Every axis as several, whose extents multiply to its own, slowest first."""
    shape: list[int] = []
    strides: list[int] = []
    for parts, stride in zip(factors, view.strides, strict=True):
        step = stride
        own: list[int] = []
        for extent in reversed(parts):
            own.append(step)
            step *= extent
        shape.extend(parts)
        strides.extend(reversed(own))
    return replace(view, shape=tuple(shape), strides=tuple(strides))


def broadcast(view: View, shape: tuple[int, ...]) -> View:
    """As numpy broadcasts: axes in front, and extents of 1 repeated."""
    front = len(shape) - len(view.shape)
    strides = [0] * front + [
        0 if own == 1 and extent != 1 else stride
        for own, extent, stride in zip(view.shape, shape[front:], view.strides, strict=True)
    ]
    return replace(view, shape=shape, strides=tuple(strides))


def merged_pair(a: View, b: View) -> tuple[View, View]:
    """Two views of equal extents but for those of 1, neighbouring axes made one where both can."""
    shape: list[int] = []
    first: list[int] = []
    second: list[int] = []
    for (extent, x), (_, y) in zip(_long(a), _long(b), strict=True):
        if shape and first[-1] == x * extent and second[-1] == y * extent:
            shape[-1] *= extent
            first[-1], second[-1] = x, y
        else:
            shape.append(extent)
            first.append(x)
            second.append(y)
    if not shape:
        shape, first, second = [1], [a.itemsize], [b.itemsize]
    return (
        replace(a, shape=tuple(shape), strides=tuple(first)),
        replace(b, shape=tuple(shape), strides=tuple(second)),
    )


def _long(view: View) -> list[tuple[int, int]]:
    return [(n, s) for n, s in zip(view.shape, view.strides, strict=True) if n > 1]


def joined_rows(front: int, *views: View) -> Iterator[tuple[View, ...]]:
    """Views whose first `front` axes are one, which together run through the same elements.

    As many as it takes where those axes lie in no common step. All views have the same extents.
    """
    long = [axis for axis in range(front) if views[0].shape[axis] > 1]
    rows, steps = 1, tuple(view.itemsize for view in views)
    while long:
        own = tuple(view.strides[long[-1]] for view in views)
        if rows > 1 and any(s != step * rows for s, step in zip(own, steps, strict=True)):
            break
        steps = steps if rows > 1 else own
        rows *= views[0].shape[long.pop()]
    for index in product(*(range(views[0].shape[axis]) for axis in long)):
        yield tuple(
            replace(
                view,
                offset=view.offset
                + sum(i * view.strides[axis] for i, axis in zip(index, long, strict=True)),
                shape=(rows, *view.shape[front:]),
                strides=(step, *view.strides[front:]),
            )
            for view, step in zip(views, steps, strict=True)
        )
