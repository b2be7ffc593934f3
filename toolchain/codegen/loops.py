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


def broadcast_strides(strides: Strides, shape: Sequence[int], result: Sequence[int]) -> Strides:
    """Strides of a tensor along the axes of what it is broadcast to; 0 where it repeats."""
    missing = len(result) - len(shape)
    own = (0 if extent == 1 else step for extent, step in zip(shape, strides, strict=True))
    return (0,) * missing + tuple(own)


def constant_strides(shape: Sequence[int], result: Sequence[int]) -> Strides:
    """Strides of a row-major constant along the axes of what it is broadcast to."""
    own = tuple(prod(shape[axis + 1 :]) for axis in range(len(shape)))
    return broadcast_strides(own, shape, result)


def loops(shape: Sequence[int], *operands: Strides) -> Struct:
    """`tc_loops` over `shape`: the last operand's smallest stride innermost, neighbours merged.

    Axes of one element are left out, and axes that all operands run through as one are merged.
    """
    axes = [axis for axis, extent in enumerate(shape) if extent > 1]
    axes.sort(key=lambda axis: (-abs(operands[-1][axis]), axis))
    extents = [shape[axis] for axis in axes] or [1]
    steps = [[strides[axis] for axis in axes] or [0] for strides in operands]
    merged = _merged(extents, steps)
    rank = len(merged[0])
    return Struct(
        "tc_loops",
        {"rank": rank, "shape": tuple(merged[0]), "stride": tuple(map(tuple, merged[1]))},
    )


def _merged(extents: list[int], steps: list[list[int]]) -> tuple[list[int], list[list[int]]]:
    """Loops with each that continues the one inside it merged into that."""
    starts = [0]
    for inner, (_, after) in enumerate(pairwise(range(len(extents))), start=1):
        if any(own[inner - 1] != own[after] * extents[after] for own in steps):
            starts.append(inner)
    ends = [*starts[1:], len(extents)]
    shape = []
    for first, end in zip(starts, ends, strict=True):
        product = 1
        for extent in extents[first:end]:
            product *= extent
        shape.append(product)
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
    """Parameters of `COPY`: one element for each index of `shape`, offsets in elements."""
    return {
        "size": dtype.numpy.itemsize,
        "x_offset": source_offset,
        "y_offset": result_offset,
        "loops": loops(shape, source, result),
    }
