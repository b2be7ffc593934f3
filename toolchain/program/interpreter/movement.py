"""Move: operations that only move elements (ONNX operator specifications)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias, cast

import numpy as np

from toolchain.program.interpreter.context import invalid
from toolchain.program.records import MoveKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolchain.program.interpreter.context import Context, Run
    from toolchain.program.records import Move

    Mover: TypeAlias = Callable[[Move, Context], Run]

PadMode: TypeAlias = Literal["constant", "reflect", "edge", "wrap"]


def prepare_move(op: Move, context: Context) -> Run:
    """Movement of elements, as views where that is possible."""
    return _MOVERS[op.kind](op, context)


def _reshape(op: Move, context: Context) -> Run:
    shape = context.tensor(op.outputs[0]).shape
    return lambda inputs: (inputs[0].reshape(shape),)


def _transpose(op: Move, context: Context) -> Run:
    perm = _argument(op, "perm")
    if sorted(perm) != list(range(len(context.shape(op.inputs[0])))):
        raise invalid(op, "perm must name every axis once", perm)
    return lambda inputs: (inputs[0].transpose(perm),)


def _slice(op: Move, context: Context) -> Run:
    index = [slice(None)] * len(context.shape(op.inputs[0]))
    starts, ends = _argument(op, "starts"), _argument(op, "ends")
    axes, steps = _argument(op, "axes"), _argument(op, "steps")
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        index[axis] = slice(start, end, step)
    key = tuple(index)
    return lambda inputs: (inputs[0][key],)


def _split(op: Move, context: Context) -> Run:
    del context
    (axis,), sizes = _argument(op, "axis"), _argument(op, "sizes")
    ends = np.cumsum(sizes)[:-1].tolist()
    return lambda inputs: tuple(np.split(inputs[0], ends, axis))


def _concat(op: Move, context: Context) -> Run:
    del context
    (axis,) = _argument(op, "axis")
    return lambda inputs: (np.concatenate(inputs, axis),)


def _pad(op: Move, context: Context) -> Run:
    pads, rank = _argument(op, "pads"), len(context.shape(op.inputs[0]))
    if len(pads) != 2 * rank:
        raise invalid(op, "pads must name begin and end of every axis", pads)
    pairs = list(zip(pads[:rank], pads[rank:], strict=True))
    # Negative pads crop, before positive ones fill.
    kept = tuple(slice(-min(b, 0) or None, min(e, 0) or None) for b, e in pairs)
    widths = [(max(b, 0), max(e, 0)) for b, e in pairs]
    if op.mode == "constant":
        fill = context.tensor(op.inputs[0]).dtype.numpy.type(op.fill)
        return lambda inputs: (np.pad(inputs[0][kept], widths, constant_values=fill),)
    if op.mode not in ("reflect", "edge", "wrap"):
        raise invalid(op, "Unknown mode of padding", op.mode)
    mode = cast("PadMode", op.mode)
    return lambda inputs: (np.pad(inputs[0][kept], widths, mode=mode),)


def _gather(op: Move, context: Context) -> Run:
    (axis,) = _argument(op, "axis")
    if op.indices is None:
        raise invalid(op, "Gather needs indices")
    indices = context.constant(op, op.indices, np.int64)
    extent = context.shape(op.inputs[0])[axis]
    if indices.size and not -extent <= indices.min() <= indices.max() < extent:
        raise invalid(op, f"Indices lie outside axis {axis} of {extent} elements")
    return lambda inputs: (np.take(inputs[0], indices, axis),)


def _expand(op: Move, context: Context) -> Run:
    shape = context.tensor(op.outputs[0]).shape
    return lambda inputs: (np.broadcast_to(inputs[0], shape),)


def _tile(op: Move, context: Context) -> Run:
    del context
    repeats = _argument(op, "repeats")
    return lambda inputs: (np.tile(inputs[0], repeats),)


def _depth_to_space(op: Move, context: Context) -> Run:
    n, c, h, w = context.shape(op.inputs[0])
    (block,), (crd,) = _argument(op, "blocksize"), _argument(op, "crd")
    depth = c // (block * block)
    split = (n, depth, block, block, h, w) if crd else (n, block, block, depth, h, w)
    perm = (0, 1, 4, 2, 5, 3) if crd else (0, 3, 4, 1, 5, 2)
    shape = (n, depth, h * block, w * block)
    return lambda inputs: (inputs[0].reshape(split).transpose(perm).reshape(shape),)


def _space_to_depth(op: Move, context: Context) -> Run:
    n, c, h, w = context.shape(op.inputs[0])
    (block,) = _argument(op, "blocksize")
    split = (n, c, h // block, block, w // block, block)
    shape = (n, c * block * block, h // block, w // block)
    return lambda inputs: (inputs[0].reshape(split).transpose(0, 3, 5, 1, 2, 4).reshape(shape),)


def _copy(op: Move, context: Context) -> Run:
    del op, context
    return lambda inputs: (inputs[0],)


def _argument(op: Move, name: str) -> tuple[int, ...]:
    values = op.arguments.get(name)
    if values is None:
        raise invalid(op, f"{op.kind} needs the argument {name!r}")
    return values


_MOVERS: dict[MoveKind, Mover] = {
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
