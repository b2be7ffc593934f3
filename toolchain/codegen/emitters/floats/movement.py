"""Operators that give elements another place or shape, on any type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import accumulate
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from toolchain.codegen.emitters.floats.attributes import integer
from toolchain.codegen.emitters.floats.elementwise import choose
from toolchain.codegen.emitters.floats.inputs import integers, names, read
from toolchain.codegen.emitters.movement import cut, emit_move
from toolchain.codegen.loops import COPY, constant_strides, copy_fields
from toolchain.program.records import Move, MoveKind

if TYPE_CHECKING:
    from toolchain.codegen.scope import Scope
    from toolchain.core.dtypes import Array
    from toolchain.program.records import FloatOp


def move(
    op: FloatOp, kind: MoveKind, inputs: tuple[str, ...], scope: Scope, **arguments: tuple[int, ...]
) -> None:
    """What the record `Move` of this kind does."""
    record = Move(
        name=op.name, inputs=inputs, outputs=op.outputs[:1], kind=kind, arguments=arguments
    )
    emit_move(record, scope)


def _reshape(op: FloatOp, scope: Scope) -> None:
    """No copy: the output's shape is known."""
    move(op, MoveKind.RESHAPE, names(op)[:1], scope)


def _identity(op: FloatOp, scope: Scope) -> None:
    move(op, MoveKind.COPY, names(op)[:1], scope)


def _expand(op: FloatOp, scope: Scope) -> None:
    move(op, MoveKind.EXPAND, names(op)[:1], scope)


def _transpose(op: FloatOp, scope: Scope) -> None:
    rank = len(scope.tensor(names(op)[0]).shape)
    perm = op.attributes.get("perm")
    axes = perm if isinstance(perm, tuple) else tuple(reversed(range(rank)))
    axes = tuple(int(axis) % rank for axis in axes)
    move(op, MoveKind.TRANSPOSE, names(op)[:1], scope, perm=axes)


def _concat(op: FloatOp, scope: Scope) -> None:
    axis = integer(op, "axis", 0) % len(scope.tensor(op.outputs[0]).shape)
    move(op, MoveKind.CONCAT, names(op), scope, axis=(axis,))


def _split(op: FloatOp, scope: Scope) -> None:
    """Parts of the given sizes, or equal ones of which the last may be smaller."""
    x = read(op, 0, scope)
    axis = integer(op, "axis", 0) % len(x.shape)
    sizes = integers(op, 1, scope)
    if sizes is None:
        parts = integer(op, "num_outputs", len(op.outputs))
        sizes = (-(-x.shape[axis] // parts),) * parts
    for name, first in zip(op.outputs, accumulate((0, *sizes[:-1])), strict=False):
        if name:
            cut(op.name, x, name, {axis: (first, 1)}, scope)


def _tile(op: FloatOp, scope: Scope) -> None:
    x, result = (scope.tensor(name).shape for name in (names(op)[0], op.outputs[0]))
    repeats = tuple(after // before for before, after in zip(x, result, strict=True))
    move(op, MoveKind.TILE, names(op)[:1], scope, repeats=repeats)


def _depth_to_space(op: FloatOp, scope: Scope) -> None:
    block, crd = integer(op, "blocksize", 1), int(op.attributes.get("mode") == "CRD")
    move(op, MoveKind.DEPTH_TO_SPACE, names(op)[:1], scope, blocksize=(block,), crd=(crd,))


def _space_to_depth(op: FloatOp, scope: Scope) -> None:
    block = integer(op, "blocksize", 1)
    move(op, MoveKind.SPACE_TO_DEPTH, names(op)[:1], scope, blocksize=(block,))


def _shape(op: FloatOp, scope: Scope) -> None:
    shape = scope.tensor(names(op)[0]).shape
    chosen = shape[integer(op, "start", 0) : integer(op, "end", len(shape))]
    _write(op, np.asarray(chosen, np.int64), scope)


def _size(op: FloatOp, scope: Scope) -> None:
    _write(op, np.asarray(prod(scope.tensor(names(op)[0]).shape), np.int64), scope)


def _constant_of_shape(op: FloatOp, scope: Scope) -> None:
    value = np.asarray(op.attributes.get("value", np.zeros(1, np.float32)))
    _write(op, value.reshape(()), scope)


def _write(op: FloatOp, array: Array, scope: Scope) -> None:
    """An output that is known, or one number everywhere."""
    y = scope.write(op.outputs[0])
    fields = copy_fields(y.shape, constant_strides(array.shape, y.shape), y.strides, y.dtype)
    scope.call(COPY, fields, (scope.constant(array, op.name),), (y,), name=op.name)


def _range(op: FloatOp, scope: Scope) -> None:
    """The number of every element, times delta, plus the start."""
    tensor = scope.tensor(op.outputs[0])
    start, delta = (scope.program.constants[names(op)[index]].reshape(()) for index in (0, 2))
    numbers = np.arange(prod(tensor.shape)).astype(tensor.dtype.numpy)
    _write(op, np.asarray(start + numbers * delta, tensor.dtype.numpy), scope)


def _trilu(op: FloatOp, scope: Scope) -> None:
    """The elements of a triangle, and zeros."""
    x = read(op, 0, scope)
    diagonal = (integers(op, 1, scope) or (0,))[0]
    keep = np.triu if integer(op, "upper", 1) else np.tril
    mask = keep(np.ones(x.shape[-2:], np.bool_), diagonal)
    y = scope.write(op.outputs[0], x.order)
    zero = scope.constant(np.zeros(1, x.dtype.numpy), f"{op.name}_zero")
    kept = scope.constant(mask, f"{op.name}_kept")
    strides = constant_strides(mask.shape, x.shape)
    nothing = (zero, (0,) * len(x.shape))
    choose(op.name, (kept, strides), (x, x.strides), nothing, y, scope)


OPS: Mapping[str, Callable[[FloatOp, Scope], None]] = {
    **dict.fromkeys(("Reshape", "Flatten", "Squeeze", "Unsqueeze"), _reshape),
    "Transpose": _transpose,
    "Concat": _concat,
    "Split": _split,
    "Expand": _expand,
    "Tile": _tile,
    "DepthToSpace": _depth_to_space,
    "SpaceToDepth": _space_to_depth,
    "Identity": _identity,
    "Shape": _shape,
    "Size": _size,
    "ConstantOfShape": _constant_of_shape,
    "Range": _range,
    "Trilu": _trilu,
}
"""Emitters of this family by ONNX operator name."""
