"""Move: arguments by kind, and the shape that they give."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from typing import TYPE_CHECKING

from toolchain.core.dtypes import DType
from toolchain.program.records import MoveKind

if TYPE_CHECKING:
    from toolchain.program.checks.facts import Facts
    from toolchain.program.records import Move

_ARGUMENTS: Mapping[MoveKind, Mapping[str, bool]] = {
    MoveKind.TRANSPOSE: {"perm": False},
    MoveKind.SLICE: {"starts": False, "ends": False, "axes": False, "steps": False},
    MoveKind.SPLIT: {"axis": True, "sizes": False},
    MoveKind.CONCAT: {"axis": True},
    MoveKind.PAD: {"pads": False},
    MoveKind.GATHER: {"axis": True},
    MoveKind.TILE: {"repeats": False},
    MoveKind.DEPTH_TO_SPACE: {"blocksize": True, "crd": True},
    MoveKind.SPACE_TO_DEPTH: {"blocksize": True},
}
"""Arguments that each kind has, and whether they are one integer."""


def check_move(op: Move, facts: Facts) -> None:
    """One type on both sides, the kind's arguments, and the shape that follows."""
    wanted = _ARGUMENTS.get(op.kind, {})
    facts.require(
        set(op.arguments) == set(wanted),
        "The arguments do not fit the kind",
        sorted(op.arguments),
        ", ".join(wanted) or "none",
    )
    for name, single in wanted.items():
        facts.require(
            not single or len(op.arguments[name]) == 1,
            f"{name} must be one integer",
            op.arguments[name],
        )
    if op.kind is MoveKind.CONCAT:
        facts.require(len(op.outputs) == 1 <= len(op.inputs), "Concat has inputs and an output")
    elif op.kind is MoveKind.SPLIT:
        facts.require(len(op.inputs) == 1 <= len(op.outputs), "Split has an input and outputs")
    else:
        facts.arity(1)
        facts.tensor(op.inputs[0])
    for name in (*op.inputs, *op.outputs):
        facts.require(
            facts.dtype(name).numpy == facts.y.dtype.numpy,
            "A movement does not change the type",
            facts.dtype(name),
            facts.y.dtype,
        )
    _CHECKS[op.kind](op, facts)


def _reshape(op: Move, facts: Facts) -> None:
    del op
    facts.require(
        prod(facts.x.shape) == prod(facts.y.shape),
        "A reshape keeps the number of elements",
        facts.y.shape,
        f"{prod(facts.x.shape)} elements",
    )


def _transpose(op: Move, facts: Facts) -> None:
    perm, shape = op.arguments["perm"], facts.x.shape
    facts.require(sorted(perm) == list(range(len(shape))), "perm must name every axis once", perm)
    facts.result(tuple(shape[axis] for axis in perm))


def _slice(op: Move, facts: Facts) -> None:
    starts, ends, axes, steps = (op.arguments[n] for n in ("starts", "ends", "axes", "steps"))
    shape = list(facts.x.shape)
    facts.require(
        len(starts) == len(ends) == len(axes) == len(steps) == len(set(axes)),
        "Starts, ends and steps need an axis each",
        axes,
    )
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        facts.axis(axis, len(shape))
        facts.require(step != 0, "A step must not be 0", steps)
        shape[axis] = len(range(*slice(start, end, step).indices(facts.x.shape[axis])))
    facts.result(tuple(shape))


def _split(op: Move, facts: Facts) -> None:
    (axis,), sizes, shape = op.arguments["axis"], op.arguments["sizes"], facts.x.shape
    facts.axis(axis, len(shape))
    facts.require(
        len(sizes) == len(op.outputs) and min(sizes, default=0) >= 1 and sum(sizes) == shape[axis],
        "The sizes do not add up to the axis",
        sizes,
        f"{len(op.outputs)} with the sum {shape[axis]}",
    )
    for index, size in enumerate(sizes):
        facts.result((*shape[:axis], size, *shape[axis + 1 :]), index=index)


def _concat(op: Move, facts: Facts) -> None:
    (axis,), shapes = op.arguments["axis"], [facts.shape(name) for name in op.inputs]
    first = shapes[0]
    facts.axis(axis, len(first))
    for shape in shapes:
        facts.require(
            len(shape) == len(first)
            and (*shape[:axis], *shape[axis + 1 :]) == (*first[:axis], *first[axis + 1 :]),
            "The inputs differ on another axis than the one they are joined on",
            shapes,
        )
    facts.result((*first[:axis], sum(shape[axis] for shape in shapes), *first[axis + 1 :]))


def _pad(op: Move, facts: Facts) -> None:
    pads, shape = op.arguments["pads"], facts.x.shape
    rank = len(shape)
    facts.require(len(pads) == 2 * rank, "pads must name begin and end of every axis", pads)
    modes = ("constant", "reflect", "edge", "wrap")
    facts.require(op.mode in modes, "Unknown mode of padding", op.mode, ", ".join(modes))
    for extent, begin, end in zip(shape, pads[:rank], pads[rank:], strict=True):
        kept = extent + min(begin, 0) + min(end, 0)
        facts.require(kept >= 1, "Padding cuts an axis away", pads)
        facts.require(
            op.mode != "reflect" or kept > 1 or max(begin, end) <= 0,
            "One element cannot be reflected",
            pads,
        )
    sizes = zip(shape, pads[:rank], pads[rank:], strict=True)
    facts.result(tuple(extent + begin + end for extent, begin, end in sizes))
    dtype = facts.x.dtype
    facts.real(op.fill, "The fill")
    facts.require(
        not dtype.is_integer
        or (dtype.qmin <= op.fill <= dtype.qmax and float(op.fill).is_integer()),
        f"The fill is no {dtype}",
        op.fill,
    )


def _gather(op: Move, facts: Facts) -> None:
    (axis,), shape = op.arguments["axis"], facts.x.shape
    facts.axis(axis, len(shape))
    if op.indices is None:
        facts.require(holds=False, message="Gather needs indices")
        return
    indices, extent = facts.constant(op.indices, DType.INT64), shape[axis]
    facts.require(
        indices.size > 0
        and indices.dtype.kind in "iu"
        and -extent <= indices.min() <= indices.max() < extent,
        f"Indices lie outside axis {axis}",
        op.indices,
        f"{-extent} to {extent - 1}",
    )
    facts.result((*shape[:axis], *indices.shape, *shape[axis + 1 :]))


def _expand(op: Move, facts: Facts) -> None:
    del op
    facts.broadcasts(facts.x.shape, facts.y.shape, "The input")


def _tile(op: Move, facts: Facts) -> None:
    repeats, shape = op.arguments["repeats"], facts.x.shape
    facts.require(
        len(repeats) == len(shape) and min(repeats, default=1) >= 1,
        "Every axis is repeated at least once",
        repeats,
    )
    facts.result(tuple(extent * count for extent, count in zip(shape, repeats, strict=True)))


def _depth_to_space(op: Move, facts: Facts) -> None:
    (block,), (crd,), shape = op.arguments["blocksize"], op.arguments["crd"], facts.x.shape
    facts.require(crd in (0, 1), "crd must be 0 or 1", crd)
    facts.require(
        len(shape) == 4 and block >= 1 and shape[1] % (block * block) == 0,
        "The block does not divide the channels of a tensor of 4 axes",
        f"{shape} in blocks of {block}",
    )
    n, c, h, w = shape
    facts.result((n, c // (block * block), h * block, w * block))


def _space_to_depth(op: Move, facts: Facts) -> None:
    (block,), shape = op.arguments["blocksize"], facts.x.shape
    facts.require(
        len(shape) == 4 and block >= 1 and shape[2] % block == 0 and shape[3] % block == 0,
        "The block does not divide the extents of a tensor of 4 axes",
        f"{shape} in blocks of {block}",
    )
    n, c, h, w = shape
    facts.result((n, c * block * block, h // block, w // block))


def _copy(op: Move, facts: Facts) -> None:
    del op
    facts.result(facts.x.shape)


_CHECKS: Mapping[MoveKind, Callable[[Move, Facts], None]] = {
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
