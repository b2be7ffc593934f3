"""Operators that choose elements by position, on any type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from toolchain.codegen.calls import Kernel
from toolchain.codegen.emitters.floats.attributes import integer
from toolchain.codegen.emitters.floats.inputs import constant, integers, is_given, names, plain
from toolchain.codegen.emitters.movement import cut, emit_move, pad
from toolchain.codegen.literals import Fields, Struct, element_type
from toolchain.codegen.loops import COPY, Strides, copy_fields, loops, row_major_strides
from toolchain.codegen.operands import Operand, row_major
from toolchain.core.dtypes import DType
from toolchain.program.records import Move, MoveKind

if TYPE_CHECKING:
    from toolchain.codegen.scope import Scope
    from toolchain.program.records import FloatOp

_GATHER = Kernel("tc_gather")
_TOP_K = Kernel("tc_topk")
_SCATTER = Kernel("tc_scatter", "tc_gather")


def _slice(op: FloatOp, scope: Scope) -> None:
    """Starts are cut to the extent; ends only say how many elements there are."""
    x = scope.read(names(op)[0])
    rank, starts = len(x.shape), integers(op, 1, scope) or ()
    axes = integers(op, 3, scope) or tuple(range(len(starts)))
    steps = integers(op, 4, scope) or (1,) * len(starts)
    found = {}
    for start, axis, step in zip(starts, axes, steps, strict=True):
        extent = x.shape[axis % rank]
        first = start + extent if start < 0 else start
        found[axis % rank] = min(max(first, 0), extent - 1), step
    cut(op.name, x, op.outputs[0], found, scope)


def _pad(op: FloatOp, scope: Scope) -> None:
    x = scope.read(names(op)[0])
    rank, given = len(x.shape), integers(op, 1, scope) or ()
    axes = integers(op, 3, scope) or tuple(range(rank))
    pads = [0] * (2 * rank)
    for axis, begin, end in zip(axes, given[: len(axes)], given[len(axes) :], strict=True):
        pads[axis % rank], pads[axis % rank + rank] = begin, end
    value = constant(op, 2, scope)
    if value is None and is_given(op, 2):
        raise scope.unsupported(op, "Pad needs a constant as input 2")
    fill = np.zeros(1) if value is None else value.reshape(-1)
    mode = str(op.attributes.get("mode", "constant"))
    one = fill[:1].astype(x.dtype.numpy).tobytes()
    pad(op.name, x, op.outputs[0], tuple(pads), mode, scope, fill=one)


def _gather(op: FloatOp, scope: Scope) -> None:
    """Slices along one axis: listed ones, or those that another tensor names."""
    data, indices = names(op)
    shape = scope.tensor(data).shape
    axis = integer(op, "axis", 0) % len(shape)
    if scope.is_constant(indices) and not scope.is_constant(data):
        emit_move(
            Move(
                name=op.name,
                inputs=(data,),
                outputs=op.outputs,
                kind=MoveKind.GATHER,
                arguments={"axis": (axis,)},
                indices=indices,
            ),
            scope,
        )
        return
    listed = scope.tensor(indices).shape
    grid = (*shape[:axis], *listed)
    _call_gather(
        op,
        grid=grid,
        run=prod(shape[axis + 1 :]),
        index_strides=((0,) * axis + row_major_strides(listed)),
        strides=_blocks(shape, axis) + (0,) * len(listed),
        axes=(axis,),
        scope=scope,
    )


def _gather_elements(op: FloatOp, scope: Scope) -> None:
    """The index replaces one axis of an element's own position."""
    shape, listed = (scope.tensor(name).shape for name in names(op))
    axis = integer(op, "axis", 0) % len(shape)
    _call_gather(
        op,
        grid=listed,
        run=1,
        index_strides=row_major_strides(listed),
        strides=_without(row_major_strides(shape), axis),
        axes=(axis,),
        scope=scope,
    )


def _gather_nd(op: FloatOp, scope: Scope) -> None:
    """The last axis of the indices is a position behind the axes that both share."""
    shape, listed = (scope.tensor(name).shape for name in names(op))
    shared, depth = integer(op, "batch_dims", 0), listed[-1]
    _call_gather(
        op,
        grid=listed[:-1],
        run=prod(shape[shared + depth :]),
        index_strides=row_major_strides(listed)[:-1],
        strides=_blocks(shape, shared, shared + depth) + (0,) * (len(listed) - 1 - shared),
        axes=tuple(range(shared, shared + depth)),
        scope=scope,
    )


def _blocks(shape: tuple[int, ...], axes: int, end: int | None = None) -> Strides:
    """Strides of the first `axes` axes, in blocks of all that lies behind axis `end` - 1."""
    run = prod(shape[axes + 1 if end is None else end :])
    return tuple(step // run for step in row_major_strides(shape)[:axes])


def _without(strides: Strides, axis: int) -> Strides:
    return (*strides[:axis], 0, *strides[axis + 1 :])


def _call_gather(
    op: FloatOp,
    *,
    grid: tuple[int, ...],
    run: int,
    index_strides: Strides,
    strides: Strides,
    axes: tuple[int, ...],
    scope: Scope,
) -> None:
    """One block of `run` elements for every index of `grid`."""
    (x, shape), (indices, _) = plain(op, 0, scope), plain(op, 1, scope)
    y = scope.write(op.outputs[0])
    fields = _positions(op, shape, axes, run, scope)
    fields["loops"] = loops(grid, index_strides, strides, row_major_strides(grid))
    fields["bytes"] = run * y.dtype.numpy.itemsize
    scope.call(_GATHER, fields, (x, indices), (y,), name=op.name)


def _positions(
    op: FloatOp, shape: tuple[int, ...], axes: tuple[int, ...], run: int, scope: Scope
) -> Fields:
    """What the indices in input 1 mean: positions along `axes` of `shape`."""
    steps = row_major_strides(shape)
    return {
        "index_type": scope.element(names(op)[1]),
        "depth": len(axes),
        "extent": tuple(shape[axis] for axis in axes),
        "stride": tuple(steps[axis] // run for axis in axes),
    }


def _scatter_elements(op: FloatOp, scope: Scope) -> None:
    """The index replaces one axis of an update's own position."""
    shape, listed = (scope.tensor(name).shape for name in names(op)[:2])
    axis = integer(op, "axis", 0) % len(shape)
    strides = (
        row_major_strides(listed),
        _without(row_major_strides(shape), axis),
        row_major_strides(listed),
    )
    _call_scatter(op, listed, 1, strides, (axis,), scope)


def _scatter_nd(op: FloatOp, scope: Scope) -> None:
    """The last axis of the indices is a position; what lies behind it is replaced as a whole."""
    shape, listed = (scope.tensor(name).shape for name in names(op)[:2])
    depth, grid = listed[-1], listed[:-1]
    strides = (row_major_strides(listed)[:-1], (0,) * len(grid), row_major_strides(grid))
    _call_scatter(op, grid, prod(shape[depth:]), strides, tuple(range(depth)), scope)


def _call_scatter(
    op: FloatOp,
    grid: tuple[int, ...],
    run: int,
    strides: tuple[Strides, Strides, Strides],
    axes: tuple[int, ...],
    scope: Scope,
) -> None:
    """A copy of the data, and one update of `run` elements for every index of `grid`, in order."""
    x, shape = plain(op, 0, scope)
    indices, updates = plain(op, 1, scope)[0], plain(op, 2, scope)[0]
    y = scope.write(op.outputs[0])
    copied = copy_fields(y.shape, y.strides, y.strides, y.dtype)
    scope.call(COPY, copied, (x,), (y,), name=f"{op.name}_data")
    place = _positions(op, shape, axes, run, scope)
    place["loops"] = loops(grid, *strides)
    place["bytes"] = run * y.dtype.numpy.itemsize
    fields: Fields = {
        "to": Struct("tc_gather_params", place),
        "add": int(op.attributes.get("reduction", "none") == "add"),
        "type": element_type(y.dtype),
    }
    scope.call(_SCATTER, fields, (indices, updates), (y,), name=op.name)


def _top_k(op: FloatOp, scope: Scope) -> None:
    """Where the largest or smallest are; then the elements that are there."""
    (x, shape), (count,) = plain(op, 0, scope), integers(op, 1, scope) or (1,)
    axis = integer(op, "axis", -1) % len(shape)
    values, indices = (*op.outputs, "")[:2]
    grid = (*shape[:axis], count, *shape[axis + 1 :])
    if indices:
        found = scope.write(indices)
    else:
        order = row_major(len(grid))
        found = Operand(
            buffer=scope.buffer(f"{op.name} found"), dtype=DType.INT64, shape=grid, order=order
        )
    fields: Fields = {
        "outer": prod(shape[:axis]),
        "length": shape[axis],
        "inner": prod(shape[axis + 1 :]),
        "count": count,
        "smallest": int(not integer(op, "largest", 1)),
        "type": scope.element(names(op)[0]),
    }
    scope.call(_TOP_K, fields, (x,), (found,), name=op.name)
    if values:
        y = scope.write(values)
        place: Fields = {
            "index_type": element_type(DType.INT64),
            "depth": 1,
            "extent": (shape[axis],),
            "stride": (row_major_strides(shape)[axis],),
            "loops": loops(
                grid, found.strides, _without(row_major_strides(shape), axis), y.strides
            ),
            "bytes": y.dtype.numpy.itemsize,
        }
        scope.call(_GATHER, place, (x, found), (y,), name=f"{op.name}_values")


OPS: Mapping[str, Callable[[FloatOp, Scope], None]] = {
    "Slice": _slice,
    "Pad": _pad,
    "Gather": _gather,
    "GatherElements": _gather_elements,
    "GatherND": _gather_nd,
    "ScatterElements": _scatter_elements,
    "ScatterND": _scatter_nd,
    "TopK": _top_k,
}
"""Emitters of this family by ONNX operator name."""
