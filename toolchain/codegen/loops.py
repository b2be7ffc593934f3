"""Nested loops over tensors with strides, as few as possible."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING, TypeAlias

from toolchain.codegen.calls import Kernel
from toolchain.codegen.literals import Fields, Struct

if TYPE_CHECKING:
    from toolchain.core.dtypes import DType

Strides: TypeAlias = tuple[int, ...]
"""Elements from one index to the next, for each axis."""

COPY = Kernel("tc_copy")

_SHORT_RUN = 16
"""Elements of a run below which its beginning costs more than its elements."""


def broadcast_strides(strides: Strides, shape: Sequence[int], result: Sequence[int]) -> Strides:
    """Strides of a tensor along the axes of what it is broadcast to; 0 where it repeats."""
    missing = len(result) - len(shape)
    own = (0 if extent == 1 else step for extent, step in zip(shape, strides, strict=True))
    return (0,) * missing + tuple(own)


def row_major_strides(shape: Sequence[int]) -> Strides:
    """Strides of a tensor whose last axis is the fastest."""
    return tuple(prod(shape[axis + 1 :]) for axis in range(len(shape)))


def constant_strides(shape: Sequence[int], result: Sequence[int]) -> Strides:
    """Strides of a row-major constant along the axes of what it is broadcast to."""
    return broadcast_strides(row_major_strides(shape), shape, result)


def loops(shape: Sequence[int], *operands: Strides) -> Struct:
    """`tc_loops` over `shape`: the last operand's smallest stride innermost, neighbours merged.

    Axes of one element are left out, and axes that all operands run through as one are merged.
    """
    return _written(*_walk(shape, operands, operands[-1]))


def _walk(
    shape: Sequence[int], operands: Sequence[Strides], along: Strides
) -> tuple[list[int], list[list[int]]]:
    """Extents and strides of the loops in which the steps of `along` are in falling order."""
    axes = [axis for axis, extent in enumerate(shape) if extent > 1]
    axes.sort(key=lambda axis: (-abs(along[axis]), axis))
    extents = [shape[axis] for axis in axes] or [1]
    steps = [[strides[axis] for axis in axes] or [0] for strides in operands]
    return _merged(extents, steps)


def _written(extents: list[int], steps: list[list[int]]) -> Struct:
    strides = tuple(map(tuple, steps))
    return Struct("tc_loops", {"rank": len(extents), "shape": tuple(extents), "stride": strides})


def _merged(extents: list[int], steps: list[list[int]]) -> tuple[list[int], list[list[int]]]:
    """Loops with each that continues the one inside it merged into that."""
    starts = [0]
    for inner, (_, after) in enumerate(pairwise(range(len(extents))), start=1):
        if any(own[inner - 1] != own[after] * extents[after] for own in steps):
            starts.append(inner)
    ends = [*starts[1:], len(extents)]
    shape = []
    for first, end in zip(starts, ends, strict=True):
        shape.append(prod(extents[first:end]))
    return shape, [[own[end - 1] for end in ends] for own in steps]


def copy_fields(
    shape: Sequence[int],
    source: Strides,
    result: Strides,
    dtype: DType,
    *,
    source_offset: int = 0,
    result_offset: int = 0,
) -> Fields:
    """Parameters of `COPY`: one element for each index of `shape`, offsets in elements.

    In the order of the result, or of the source where that saves from many short runs.
    """
    walks = [_walk(shape, (source, result), along) for along in (result, source)]
    best = max(walks, key=lambda walk: min(walk[0][-1], _SHORT_RUN))
    return {
        "size": dtype.numpy.itemsize,
        "x_offset": source_offset,
        "y_offset": result_offset,
        "loops": _written(*best),
    }
