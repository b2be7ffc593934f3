"""Move: strided copies, and look-ups of positions along axes."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np

from toolchain.codegen.calls import Kernel
from toolchain.codegen.literals import Fields, Word
from toolchain.codegen.loops import COPY, broadcast_strides, copy_fields, row_major_strides
from toolchain.codegen.operands import Operand, row_major
from toolchain.program.records import MoveKind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from toolchain.codegen.scope import Scope
    from toolchain.program.records import Move

_TAKE = Kernel("tc_take")

OUTSIDE = -1
"""Position of an element that is not in the input but filled in."""


def emit_move(op: Move, scope: Scope) -> None:
    """Movement of elements by kind."""
    _MOVERS[op.kind](op, scope)


def _reshape(op: Move, scope: Scope) -> None:
    """No copy where the axes lie so that others can take their place, else from row-major order."""
    x = scope.read(op.inputs[0])
    shape = scope.tensor(op.outputs[0]).shape
    order = x.reshaped(shape)
    if order is None:
        x = scope.read(op.inputs[0], row_major(len(x.shape)))
        order = row_major(len(shape))
    scope.alias(op.outputs[0], x, order)


def _transpose(op: Move, scope: Scope) -> None:
    """No copy: the same elements, their axes under other numbers."""
    x = scope.read(op.inputs[0])
    perm = op.arguments["perm"]
    scope.alias(op.outputs[0], x, tuple(perm.index(axis) for axis in x.order))


def _slice(op: Move, scope: Scope) -> None:
    x = scope.read(op.inputs[0])
    names = ("axes", "starts", "ends", "steps")
    steps = {}
    for axis, start, end, step in zip(*(op.arguments[name] for name in names), strict=True):
        steps[axis] = slice(start, end, step).indices(x.shape[axis])[0], step
    cut(op.name, x, op.outputs[0], steps, scope)


def _split(op: Move, scope: Scope) -> None:
    x = scope.read(op.inputs[0])
    (axis,), sizes = op.arguments["axis"], op.arguments["sizes"]
    for name, first in zip(op.outputs, accumulate((0, *sizes[:-1])), strict=True):
        cut(op.name, x, name, {axis: (first, 1)}, scope)


def cut(
    label: str, x: Operand, result: str, steps: Mapping[int, tuple[int, int]], scope: Scope
) -> None:
    """Some elements of x along axes, in x's order: `steps` says the first one and how far apart."""
    y = scope.write(result, x.order)
    strides, offset = list(x.strides), 0
    for axis, (first, step) in steps.items():
        offset += first * x.strides[axis]
        strides[axis] = x.strides[axis] * step
    fields = copy_fields(y.shape, tuple(strides), y.strides, y.dtype, source_offset=offset)
    scope.call(COPY, fields, (x,), (y,), name=label)


def _concat(op: Move, scope: Scope) -> None:
    (axis,) = op.arguments["axis"]
    order = scope.preferred(op.outputs[0])
    inputs = [_operand(name, scope) for name in op.inputs]
    y = scope.write(op.outputs[0], order)
    offset = 0
    for (argument, shape, strides), name in zip(inputs, op.inputs, strict=True):
        fields = copy_fields(shape, strides, y.strides, y.dtype, result_offset=offset)
        scope.call(COPY, fields, (argument,), (y,), name=f"{op.name}_{name}")
        offset += shape[axis] * y.strides[axis]


def _operand(name: str, scope: Scope) -> tuple[Operand | Word, tuple[int, ...], tuple[int, ...]]:
    """An activation or constant with shape and strides."""
    if not scope.is_constant(name):
        x = scope.read(name)
        return x, x.shape, x.strides
    array = scope.program.constants[name]
    return scope.constant(array, name), array.shape, row_major_strides(array.shape)


def _pad(op: Move, scope: Scope) -> None:
    x = scope.read(op.inputs[0])
    fill = x.dtype.numpy.type(op.fill).tobytes()
    pad(op.name, x, op.outputs[0], op.arguments["pads"], op.mode, scope, fill=fill)


def pad(
    label: str,
    x: Operand,
    result: str,
    pads: tuple[int, ...],
    mode: str,
    scope: Scope,
    fill: bytes,
) -> None:
    """ONNX Pad: all begins, all ends, of which negative ones cut first; `fill` is one element."""
    rank, tables = len(x.shape), {}
    for axis, (begin, end) in enumerate(zip(pads[:rank], pads[rank:], strict=True)):
        if begin or end:
            positions = np.arange(x.shape[axis], dtype=np.int32)
            positions = positions[-min(begin, 0) : len(positions) + min(end, 0)]
            width = (max(begin, 0), max(end, 0))
            if mode == "constant":
                tables[axis] = np.pad(positions, width, constant_values=OUTSIDE)
            elif mode == "reflect":
                tables[axis] = np.pad(positions, width, mode="reflect")
            elif mode == "edge":
                tables[axis] = np.pad(positions, width, mode="edge")
            else:
                tables[axis] = np.pad(positions, width, mode="wrap")
    take(label, x, result, tables, scope, fill=fill)


def _gather(op: Move, scope: Scope) -> None:
    (axis,) = op.arguments["axis"]
    if op.indices is None:
        raise scope.unsupported(op, "Gather needs indices")
    indices = scope.program.constants[op.indices]
    shape = scope.tensor(op.inputs[0]).shape
    flat = np.where(indices < 0, indices + shape[axis], indices).reshape(-1).astype(np.int32)
    if indices.ndim == 0:
        _pick(op, axis, int(flat[0]), scope)
        return
    if indices.ndim == 1:
        take(op.name, scope.read(op.inputs[0]), op.outputs[0], {axis: flat}, scope)
        return
    # One axis of positions becomes several: the same elements in row-major order.
    x = scope.read(op.inputs[0], row_major(len(shape)))
    y = scope.write(op.outputs[0])
    folded = (*shape[:axis], flat.size, *shape[axis + 1 :])
    _take(op.name, x, y, folded, {axis: flat}, scope, b"")


def _pick(op: Move, axis: int, index: int, scope: Scope) -> None:
    """All that lies at one index of an axis, which is gone afterwards; the others lie as before."""
    x = scope.read(op.inputs[0])
    order = tuple(other - (other > axis) for other in x.order if other != axis)
    y = scope.write(op.outputs[0], order)
    strides = (*x.strides[:axis], *x.strides[axis + 1 :])
    offset = index * x.strides[axis]
    fields = copy_fields(y.shape, strides, y.strides, y.dtype, source_offset=offset)
    scope.call(COPY, fields, (x,), (y,), name=op.name)


def take(
    label: str,
    x: Operand,
    result: str,
    tables: Mapping[int, NDArray[np.int32]],
    scope: Scope,
    fill: bytes = b"",
) -> None:
    """Elements of x at positions listed per axis, in x's order; OUTSIDE gives `fill`."""
    y = scope.write(result, x.order)
    _take(label, x, y, y.shape, tables, scope, fill)


def _take(
    label: str,
    x: Operand,
    y: Operand,
    shape: Sequence[int],
    tables: Mapping[int, NDArray[np.int32]],
    scope: Scope,
    fill: bytes,
) -> None:
    """`tc_take` over `shape`, which has the elements of y and an axis for each of x."""
    order = [axis for axis in x.order if x.shape[axis] > 1 or shape[axis] > 1]
    fields: Fields = {
        "size": x.dtype.numpy.itemsize,
        "rank": len(order),
        "fill": int.from_bytes(fill, "little"),
    }
    if order:
        fields["shape"] = tuple(shape[axis] for axis in order)
        fields["x_shape"] = tuple(x.shape[axis] for axis in order)
        fields["positions"] = tuple(
            scope.constant(tables[axis], f"{label}_positions_{axis}")
            if axis in tables
            else Word("NULL")
            for axis in order
        )
    scope.call(_TAKE, fields, (x,), (y,), name=label)


def _expand(op: Move, scope: Scope) -> None:
    x = scope.read(op.inputs[0])
    shape = scope.tensor(op.outputs[0]).shape
    y = scope.write(op.outputs[0], x.order if len(x.shape) == len(shape) else None)
    strides = broadcast_strides(x.strides, x.shape, shape)
    fields = copy_fields(shape, strides, y.strides, y.dtype)
    scope.call(COPY, fields, (x,), (y,), name=op.name)


def _tile(op: Move, scope: Scope) -> None:
    x = scope.read(op.inputs[0])
    repeats = op.arguments["repeats"]
    tables = {
        axis: np.tile(np.arange(x.shape[axis], dtype=np.int32), count)
        for axis, count in enumerate(repeats)
        if count > 1
    }
    take(op.name, x, op.outputs[0], tables, scope)


def _depth_to_space(op: Move, scope: Scope) -> None:
    n, c, h, w = scope.tensor(op.inputs[0]).shape
    (block,), (crd,) = op.arguments["blocksize"], op.arguments["crd"]
    depth = c // (block * block)
    split = (n, depth, block, block, h, w) if crd else (n, block, block, depth, h, w)
    _rearrange(op, scope, split, (0, 1, 4, 2, 5, 3) if crd else (0, 3, 4, 1, 5, 2))


def _space_to_depth(op: Move, scope: Scope) -> None:
    n, c, h, w = scope.tensor(op.inputs[0]).shape
    (block,) = op.arguments["blocksize"]
    split = (n, c, h // block, block, w // block, block)
    _rearrange(op, scope, split, (0, 3, 5, 1, 2, 4))


def _rearrange(op: Move, scope: Scope, split: tuple[int, ...], perm: tuple[int, ...]) -> None:
    """Row-major input seen as `split`, its axes in the order `perm`, as row-major output."""
    x = scope.read(op.inputs[0], row_major(4))
    y = scope.write(op.outputs[0])
    steps = row_major_strides(split)
    shape = tuple(split[axis] for axis in perm)
    source = tuple(steps[axis] for axis in perm)
    fields = copy_fields(shape, source, row_major_strides(shape), y.dtype)
    scope.call(COPY, fields, (x,), (y,), name=op.name)


def _copy(op: Move, scope: Scope) -> None:
    scope.alias(op.outputs[0], scope.read(op.inputs[0]))


_MOVERS = {
    MoveKind.RESHAPE: _reshape,
    MoveKind.TRANSPOSE: _transpose,
    MoveKind.SLICE: _slice,
    MoveKind.SPLIT: _split,
    MoveKind.CONCAT: _concat,
    MoveKind.PAD: _pad,
    MoveKind.GATHER: _gather,
    MoveKind.EXPAND: _expand,
    MoveKind.TILE: _tile,
    MoveKind.DEPTH_TO_SPACE: _depth_to_space,
    MoveKind.SPACE_TO_DEPTH: _space_to_depth,
    MoveKind.COPY: _copy,
}
