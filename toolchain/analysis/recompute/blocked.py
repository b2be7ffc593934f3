"""Sums of products with one scale per block, for one element (docs/numerics.md, 5)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from toolchain.analysis.recompute.element import Element, Place, matrix_of
from toolchain.analysis.recompute.finishing import exactly
from toolchain.analysis.recompute.windows import forward, gather
from toolchain.program.records import ToFloat

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from toolchain.core.dtypes import Array
    from toolchain.program.records import BlockedConv, BlockedMatMul

_RULE = "total = bias; total = total + float32(acc of a block) * factor of the block, in float32"


def blocked_conv(op: BlockedConv, place: Place) -> Element:
    """One element of a convolution: kernel elements in row-major order, blocks rising in each."""
    weight, factors = place.constant(op.weight), place.constant(op.finish.factor)
    n, m, *position = place.index
    inputs = weight.shape[1]
    begin = m // (weight.shape[0] // op.groups) * inputs
    places = forward(position, weight.shape[2:], op.strides, op.dilations, op.pads)
    found = gather(place.read(0)[n, begin : begin + inputs], places).centred(op.x_zero_point)
    points = _points(place, op.weight_zero_point, factors)[m]

    def parts() -> Iterator[tuple[int, np.float32]]:
        for k in np.ndindex(*weight.shape[2:]):
            for block in range(factors.shape[1]):
                rows = (slice(block * op.block_size, (block + 1) * op.block_size), *k)
                kernel = weight[m][rows].astype(np.int64) - points[(block, *k)]
                yield int(np.sum(found[rows] * kernel)), np.float32(factors[(m, block, *k)])

    return _finished(op, place, m, parts(), found.size)


def blocked_matmul(op: BlockedMatMul, place: Place) -> Element:
    """One element of a matrix product: blocks of rows rising."""
    a, b, factors = place.read(0), place.constant(op.b), place.constant(op.finish.factor)
    *batch, i, j = place.index
    row = matrix_of(a, batch)[i].astype(np.int64) - op.a_zero_point
    column = matrix_of(b, batch)[:, j].astype(np.int64)
    points = matrix_of(_points(place, op.b_zero_point, factors), batch)[:, j]
    scales = matrix_of(factors, batch)[:, j]

    def parts() -> Iterator[tuple[int, np.float32]]:
        for block, factor in enumerate(scales):
            rows = slice(block * op.block_size, (block + 1) * op.block_size)
            yield int(np.sum(row[rows] * (column[rows] - points[block]))), np.float32(factor)

    return _finished(op, place, j, parts(), row.size)


def _points(place: Place, name: str | None, factors: Array) -> NDArray[np.int64]:
    if name is None:
        return np.zeros(factors.shape, np.int64)
    return place.constant(name).astype(np.int64)


def _finished(
    op: BlockedConv | BlockedMatMul,
    place: Place,
    channel: int,
    parts: Iterator[tuple[int, np.float32]],
    terms: int,
) -> Element:
    bias = np.float32(0 if op.bias is None else place.constant(op.bias)[channel])
    sums = [(np.int64(accumulator).astype(np.float32), factor) for accumulator, factor in parts]
    total, without = bias, np.float32(0)
    for accumulator, factor in sums:
        total = np.float32(total + np.float32(accumulator * factor))
        without = np.float32(without + np.float32(accumulator * factor))
    finish = op.finish
    if isinstance(finish, ToFloat):
        low, high = np.float32(finish.low), np.float32(finish.high)
        return Element(
            rule=f"{_RULE}; y = clamp(total, low, high)",
            section="5",
            value=float(np.clip(total, low, high)),
            terms=terms,
            clamp=(finish.low, finish.high),
            faults={"the bias is missing": float(np.clip(without, low, high))} if bias else {},
        )
    grid = place.grid(finish.zero_point, (finish.low, finish.high))
    unrounded = exactly(total)
    faults = grid.faults(unrounded)
    if bias:
        faults["the bias is missing"] = grid.store(exactly(without))
    return Element(
        rule=f"{_RULE}; y = saturate(round(total) + zero_point)",
        section="5",
        value=grid.store(unrounded),
        terms=terms,
        unrounded=unrounded,
        grid=grid,
        faults=faults,
    )
