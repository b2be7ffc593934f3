"""Movements that choose indices of axes: slices, splits, padding, repetition, gathering."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from toolchain.accelerator.compile.boxes import Box
from toolchain.accelerator.compile.rules.base import Facts, Operands, Rule, copied, every_axis
from toolchain.accelerator.compile.rules.indices import Indices, chosen, part, pieces
from toolchain.accelerator.compile.views import permuted, split_axes
from toolchain.accelerator.isa.instructions import Fill, Instruction
from toolchain.program.records import Move, MoveKind

if TYPE_CHECKING:
    from toolchain.accelerator.isa.operands import View
    from toolchain.program.records import Resize


def choosing_rule(op: Move, facts: Facts) -> Rule | None:
    """The rule of a movement that chooses indices as no lens does; None for other movements."""
    if op.kind is MoveKind.GATHER:
        return _gather(op, facts)
    if op.kind in _SEPARABLE:
        return _indexed(op, facts, _SEPARABLE[op.kind](op, facts))
    return None


def nearest_rule(op: Resize, facts: Facts) -> Rule:
    """Resize to the nearest element."""
    constants = facts.program.constants
    chosen_by = {
        axis: constants[low].astype(np.int64) for axis, low in zip(op.axes, op.low, strict=True)
    }
    return Indexed(
        facts=facts,
        name=op.name,
        engine=facts.moving,
        output=op.outputs[0],
        inputs=op.inputs,
        cuts=every_axis(facts.shape(op.outputs[0])),
        indices=_complete(chosen_by, facts.shape(op.inputs[0])),
    )


def _indexed(op: Move, facts: Facts, found: Mapping[int, Indices]) -> Rule:
    return Indexed(
        facts=facts,
        name=op.name,
        engine=facts.moving,
        output=op.outputs[0],
        inputs=op.inputs,
        cuts=every_axis(facts.shape(op.outputs[0])),
        indices=_complete(found, facts.shape(op.inputs[0])),
        fill=int(op.fill),
    )


def _complete(found: Mapping[int, Indices], source: tuple[int, ...]) -> tuple[Indices, ...]:
    """Indices of all axes; those that nothing is said of stay as they are."""
    return tuple(found.get(axis, np.arange(extent)) for axis, extent in enumerate(source))


def _slice(op: Move, facts: Facts) -> Mapping[int, Indices]:
    shape = facts.shape(op.inputs[0])
    arguments = (op.arguments[key] for key in ("axes", "starts", "ends", "steps"))
    return {
        axis: np.arange(shape[axis])[start:stop:step]
        for axis, start, stop, step in zip(*arguments, strict=True)
    }


def _pad(op: Move, facts: Facts) -> Mapping[int, Indices]:
    shape, pads = facts.shape(op.inputs[0]), op.arguments["pads"]
    found: dict[int, Indices] = {}
    for axis, extent in enumerate(shape):
        begin, end = pads[axis], pads[len(shape) + axis]
        kept = np.arange(extent)[-min(begin, 0) or None : min(end, 0) or None]
        widths = (max(begin, 0), max(end, 0))
        if op.mode == "constant":
            found[axis] = np.pad(kept, widths, constant_values=-1)
        elif op.mode == "reflect":
            found[axis] = np.pad(kept, widths, mode="reflect")
        elif op.mode == "edge":
            found[axis] = np.pad(kept, widths, mode="edge")
        else:
            found[axis] = np.pad(kept, widths, mode="wrap")
    return found


def _tile(op: Move, facts: Facts) -> Mapping[int, Indices]:
    shape = facts.shape(op.inputs[0])
    repeats = op.arguments["repeats"]
    return {
        axis: np.tile(np.arange(extent), repeat)
        for axis, (extent, repeat) in enumerate(zip(shape, repeats, strict=True))
    }


_Separable: TypeAlias = Callable[[Move, Facts], Mapping[int, Indices]]

_SEPARABLE: Mapping[MoveKind, _Separable] = {
    MoveKind.SLICE: _slice,
    MoveKind.PAD: _pad,
    MoveKind.TILE: _tile,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Indexed(Rule):
    """Parts of a result whose indices are chosen on every axis by itself."""

    indices: tuple[Indices, ...]
    fill: int = 0

    def needs(self, box: Box) -> tuple[Box | None, ...]:
        """From the first to the last index chosen on every axis."""
        found = []
        for (start, stop), own in zip(box, self.indices, strict=True):
            used = own[start:stop]
            used = used[used >= 0]
            if not len(used):
                return (None,)
            found.append((int(used.min()), int(used.max()) + 1))
        return (tuple(found),)

    def instructions(self, at: Operands) -> tuple[Instruction, ...]:
        """A copy for every combination of pieces, behind a fill if there is any."""
        parts = []
        origin = [0] * len(at.box) if at.sources[0] is None else [b[0] for b in at.source().box]
        for (start, stop), own, begin in zip(at.box, self.indices, origin, strict=True):
            used = own[start:stop]
            parts.append(pieces(np.where(used < 0, -1, used - begin)))
        filled = any(piece.first < 0 for axis in parts for piece in axis)
        found: list[Instruction] = []
        if filled:
            found.append(Fill(operation=0, target=at.target, value=self.fill))
        for picks in product(*parts):
            if any(pick.first < 0 for pick in picks):
                continue
            target = at.target
            for axis, pick in enumerate(picks):
                target = part(target, axis, pick.start, pick.length)
            factors = tuple(tuple(extent for extent, _ in pick.steps) for pick in picks)
            found.append(copied(split_axes(target, factors), chosen(at.source().view, picks)))
        return tuple(found)


def _gather(op: Move, facts: Facts) -> Rule:
    (axis,) = op.arguments["axis"]
    indices = facts.program.constants[str(op.indices)].astype(np.int64)
    extent = facts.shape(op.inputs[0])[axis]
    return Gathered(
        facts=facts,
        name=op.name,
        engine=facts.moving,
        output=op.outputs[0],
        inputs=op.inputs,
        cuts=every_axis(facts.shape(op.outputs[0])),
        axis=axis,
        indices=np.where(indices < 0, indices + extent, indices).reshape(-1),
        rank=indices.ndim,
        counts=indices.shape,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered(Rule):
    """Parts of what constant indices choose along one axis, which has any number of axes then.

    Attributes:
        axis: The axis of the source.
        indices: Indices, flat.
        rank: Axes that they have.
        counts: Their shape.
    """

    axis: int
    indices: Indices
    rank: int
    counts: tuple[int, ...]

    def _used(self, box: Box) -> tuple[tuple[tuple[int, ...], int], ...]:
        """Where in the part, and which index, for all indices of a part."""
        ranges = [range(a, b) for a, b in box[self.axis : self.axis + self.rank]]
        table = self.indices.reshape(self.counts)
        return tuple(
            (tuple(i - r.start for i, r in zip(at, ranges, strict=True)), int(table[at]))
            for at in product(*ranges)
        )

    def needs(self, box: Box) -> tuple[Box | None, ...]:
        """From the first to the last index chosen."""
        used = [index for _, index in self._used(box)]
        chosen_range = (min(used), max(used) + 1)
        return ((*box[: self.axis], chosen_range, *box[self.axis + self.rank :]),)

    def instructions(self, at: Operands) -> tuple[Instruction, ...]:
        """A copy for every index, or one for all that lie evenly."""
        source = at.source()
        begin = source.box[self.axis][0]
        if self.rank == 1:
            start, stop = at.box[self.axis]
            return tuple(
                copied(
                    split_axes(
                        part(at.target, self.axis, piece.start, piece.length),
                        tuple(
                            tuple(e for e, _ in piece.steps) if axis == self.axis else (n,)
                            for axis, n in enumerate(at.target.shape)
                        ),
                    ),
                    _picked(source.view, self.axis, piece.first, piece.steps),
                )
                for piece in pieces(self.indices[start:stop] - begin)
            )
        found = []
        for place, index in self._used(at.box):
            target = at.target
            for offset, where in enumerate(place):
                target = part(target, self.axis + offset, where, 1)
            kept = (*range(self.axis), *range(self.axis + self.rank, len(target.shape)))
            read = part(source.view, self.axis, index - begin, 1)
            others = tuple(a for a in range(len(read.shape)) if a != self.axis)
            found.append(copied(permuted(target, kept), permuted(read, others)))
        return tuple(found)


def _picked(view: View, axis: int, first: int, steps: tuple[tuple[int, int], ...]) -> View:
    """Elements of one axis in a regular pattern, the axis as its steps."""
    stride = view.strides[axis]
    return replace(
        view,
        offset=view.offset + first * stride,
        shape=(*view.shape[:axis], *(n for n, _ in steps), *view.shape[axis + 1 :]),
        strides=(*view.strides[:axis], *(s * stride for _, s in steps), *view.strides[axis + 1 :]),
    )
