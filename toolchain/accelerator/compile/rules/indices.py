"""Movements that choose indices on every axis by itself: slices, padding, repetition, gathering."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from toolchain.accelerator.isa.operands import View

Indices: TypeAlias = NDArray[np.int64]
"""For every index of a result along one axis the index of the source; -1 for the fill."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of indices of a result that are a regular pattern in the source.

    Attributes:
        start: First index of the result.
        first: The index of the source there; -1 for a fill.
        steps: Extents and steps in the source, slowest first; extents multiply to the length.
    """

    start: int
    first: int
    steps: tuple[tuple[int, int], ...]

    @property
    def length(self) -> int:
        """Indices of the result."""
        return int(np.prod([extent for extent, _ in self.steps]))


def pieces(indices: Indices) -> tuple[Piece, ...]:
    """The fewest pieces that a simple search finds: the whole as one pattern, else runs."""
    pattern = _pattern(indices)
    if pattern is not None:
        return (Piece(0, int(indices[0]), pattern),)
    return tuple(_runs(indices))


def _pattern(indices: Indices) -> tuple[tuple[int, int], ...] | None:
    """Two nested steps, as of a repetition; None if it is not so simple."""
    count = len(indices)
    steps = np.diff(indices)
    if indices.min() < 0:
        return ((count, 0),) if (indices == -1).all() else None
    if count == 1 or (steps == steps[0]).all():
        return ((count, int(steps[0]) if count > 1 else 0),)
    inner = int(np.argmax(steps != steps[0])) + 1
    if count % inner:
        return None
    table = indices.reshape(-1, inner)
    outer = int(table[1, 0] - table[0, 0])
    regular = table[0] + outer * np.arange(len(table))[:, None]
    return ((len(table), outer), (inner, int(steps[0]))) if (table == regular).all() else None


def _runs(indices: Indices) -> list[Piece]:
    found: list[Piece] = []
    start = 0
    while start < len(indices):
        stop = start + 1
        if stop < len(indices) and (indices[start] < 0) == (indices[stop] < 0):
            step = indices[stop] - indices[start]
            while (
                stop < len(indices)
                and indices[stop] - indices[stop - 1] == step
                and (indices[stop] < 0) == (indices[start] < 0)
            ):
                stop += 1
        first = int(indices[start])
        step = int(indices[start + 1] - first) if stop - start > 1 else 0
        found.append(Piece(start, first, ((stop - start, step),)))
        start = stop
    return found


def part(view: View, axis: int, start: int, length: int) -> View:
    """A range of one axis."""
    return replace(
        view,
        offset=view.offset + start * view.strides[axis],
        shape=(*view.shape[:axis], length, *view.shape[axis + 1 :]),
    )


def chosen(view: View, picks: tuple[Piece, ...]) -> View:
    """The elements of a source that a piece of every axis chooses, each axis as its steps."""
    offset = view.offset
    shape: list[int] = []
    strides: list[int] = []
    for pick, stride in zip(picks, view.strides, strict=True):
        offset += pick.first * stride
        shape += [extent for extent, _ in pick.steps]
        strides += [step * stride for _, step in pick.steps]
    return replace(view, offset=offset, shape=tuple(shape), strides=tuple(strides))
