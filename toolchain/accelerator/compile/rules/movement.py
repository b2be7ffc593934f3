"""Operations that only move elements."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise, product
from math import prod
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from toolchain.accelerator.compile.boxes import Box, common
from toolchain.accelerator.compile.rules.base import (
    Facts,
    Operands,
    Rule,
    all_of,
    every_axis,
)
from toolchain.accelerator.compile.rules.indices import Indices, chosen, part, pieces
from toolchain.accelerator.compile.views import broadcast, merged_pair, permuted, split_axes
from toolchain.accelerator.isa.instructions import Copy, Fill, Instruction
from toolchain.accelerator.isa.operands import View
from toolchain.program.records import Move, MoveKind

if TYPE_CHECKING:
    from toolchain.program.records import Resize


def move_rules(op: Move, facts: Facts) -> tuple[Rule, ...]:
    """A rule for every result."""
    if op.kind is MoveKind.SPLIT:
        (axis,) = op.arguments["axis"]
        starts = np.cumsum([0, *op.arguments["sizes"]])
        return tuple(
            _indexed(op, facts, at, {axis: np.arange(start, stop)})
            for at, (start, stop) in enumerate(pairwise(starts))
        )
    if op.kind in _SEPARABLE:
        return (_indexed(op, facts, 0, _SEPARABLE[op.kind](op, facts)),)
    return (_OTHERS[op.kind](op, facts),)


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


def _copy(target: View, source: View) -> Instruction:
    target, source = merged_pair(target, source)
    return Copy(operation=0, target=target, source=source)


# Slices, padding, repetition, gathering


def _indexed(op: Move, facts: Facts, at: int, found: Mapping[int, Indices]) -> Rule:
    return Indexed(
        facts=facts,
        name=op.name,
        engine=facts.moving,
        output=op.outputs[at],
        inputs=op.inputs,
        cuts=every_axis(facts.shape(op.outputs[at])),
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


def _no_indices(op: Move, facts: Facts) -> Mapping[int, Indices]:
    del op, facts
    return {}


_Separable: TypeAlias = Callable[[Move, Facts], Mapping[int, Indices]]

_SEPARABLE: Mapping[MoveKind, _Separable] = {
    MoveKind.SLICE: _slice,
    MoveKind.PAD: _pad,
    MoveKind.TILE: _tile,
    MoveKind.COPY: _no_indices,
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
            found.append(_copy(split_axes(target, factors), chosen(at.source().view, picks)))
        return tuple(found)


# Other ways to move


def _gather(op: Move, facts: Facts) -> Rule:
    (axis,) = op.arguments["axis"]
    assert op.indices is not None
    indices = facts.program.constants[op.indices].astype(np.int64)
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
                _copy(
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
            found.append(_copy(permuted(target, kept), permuted(read, others)))
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


def _transpose(op: Move, facts: Facts) -> Rule:
    return Transposed(
        facts=facts,
        name=op.name,
        engine=facts.moving,
        output=op.outputs[0],
        inputs=op.inputs,
        cuts=every_axis(facts.shape(op.outputs[0])),
        perm=op.arguments["perm"],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Transposed(Rule):
    """Parts of a transposition."""

    perm: tuple[int, ...]

    def needs(self, box: Box) -> tuple[Box | None, ...]:
        """The same ranges on other axes."""
        found = list(box)
        for bounds, axis in zip(box, self.perm, strict=True):
            found[axis] = bounds
        return (tuple(found),)

    def instructions(self, at: Operands) -> tuple[Instruction, ...]:
        """One copy."""
        return (_copy(at.target, permuted(at.source().view, self.perm)),)


def _concat(op: Move, facts: Facts) -> Rule:
    (axis,) = op.arguments["axis"]
    rank = len(facts.shape(op.outputs[0]))
    return Joined(
        facts=facts,
        name=op.name,
        engine=facts.moving,
        output=op.outputs[0],
        inputs=op.inputs,
        cuts=every_axis(facts.shape(op.outputs[0])),
        axis=axis % rank,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined(Rule):
    """Parts of a concatenation."""

    axis: int

    def _places(self, box: Box) -> list[tuple[Box | None, int]]:
        """What is needed of every input, and where its axis begins in the result."""
        found: list[tuple[Box | None, int]] = []
        start = 0
        for name in self.inputs:
            own = all_of(self.facts, name)
            moved = (*box[: self.axis], tuple(b - start for b in box[self.axis]))
            asked = (*moved, *box[self.axis + 1 :])
            found.append((common(asked, own), start))  # type: ignore[arg-type]
            start += own[self.axis][1]
        return found

    def needs(self, box: Box) -> tuple[Box | None, ...]:
        """What lies in the part."""
        return tuple(need for need, _ in self._places(box))

    def instructions(self, at: Operands) -> tuple[Instruction, ...]:
        """A copy for every input."""
        found = []
        for (need, start), source in zip(self._places(at.box), at.sources, strict=True):
            if need is None:
                continue
            first = need[self.axis][0] + start - at.box[self.axis][0]
            length = need[self.axis][1] - need[self.axis][0]
            found.append(_copy(part(at.target, self.axis, first, length), source.crop(need).view))
        return tuple(found)


def _expand(op: Move, facts: Facts) -> Rule:
    return Repeated(
        facts=facts,
        name=op.name,
        engine=facts.moving,
        output=op.outputs[0],
        inputs=op.inputs,
        cuts=every_axis(facts.shape(op.outputs[0])),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeated(Rule):
    """Parts of a broadcast."""

    def needs(self, box: Box) -> tuple[Box | None, ...]:
        """The same part, or the one index of an axis that is repeated."""
        shape = self.facts.shape(self.inputs[0])
        last = box[len(box) - len(shape) :]
        return (tuple((0, 1) if n == 1 else b for n, b in zip(shape, last, strict=True)),)

    def instructions(self, at: Operands) -> tuple[Instruction, ...]:
        """One copy of repeated elements."""
        return (_copy(at.target, broadcast(at.source().view, at.target.shape)),)


def _reshape(op: Move, facts: Facts) -> Rule:
    source, target = facts.shape(op.inputs[0]), facts.shape(op.outputs[0])
    same = bool(source and target) and source[0] == target[0]
    return Reshaped(
        facts=facts,
        name=op.name,
        engine=facts.moving,
        output=op.outputs[0],
        inputs=op.inputs,
        cuts={0: 1} if same else {},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reshaped(Rule):
    """A reshape as a copy between the finest axes that both shapes are made of."""

    def needs(self, box: Box) -> tuple[Box | None, ...]:
        """All of it, or what the first axis is cut to."""
        own = all_of(self.facts, self.inputs[0])
        return ((box[0], *own[1:]) if self.cuts else own,)

    def instructions(self, at: Operands) -> tuple[Instruction, ...]:
        """One copy."""
        source, target = at.source().view, at.target
        first, second = refined(source.shape, target.shape)
        return (_copy(split_axes(target, second), split_axes(source, first)),)


def refined(
    a: tuple[int, ...], b: tuple[int, ...]
) -> tuple[tuple[tuple[int, ...], ...], tuple[tuple[int, ...], ...]]:
    """Extents into which the axes of two shapes of equal size split, the same for both."""
    every = sorted({*_edges(a), *_edges(b)})

    def split(shape: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
        factors: list[tuple[int, ...]] = []
        step = 1
        for extent in reversed(shape):
            inside = [edge for edge in every if step <= edge <= step * extent]
            own = [y // x for x, y in pairwise(inside)]
            factors.append(tuple(reversed(own)) if own else (1,))
            step *= extent
        return tuple(reversed(factors))

    return split(a), split(b)


def splits_evenly(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    """True if there are axes that both shapes are made of."""
    every = sorted({*_edges(a), *_edges(b)})
    return not any(later % earlier for earlier, later in pairwise(every))


def _edges(shape: tuple[int, ...]) -> list[int]:
    """Elements from one index to the next of every axis, and of all."""
    return [prod(shape[axis:]) for axis in range(len(shape) + 1)]


def _depth_to_space(op: Move, facts: Facts) -> Rule:
    (block,), (crd,) = op.arguments["blocksize"], op.arguments["crd"]
    shape = facts.shape(op.outputs[0])
    return Blocks(
        facts=facts,
        name=op.name,
        engine=facts.moving,
        output=op.outputs[0],
        inputs=op.inputs,
        cuts={0: 1, 2: block, 3: block} if len(shape) == 4 else {},
        block=block,
        to_space=True,
        crd=bool(crd),
    )


def _space_to_depth(op: Move, facts: Facts) -> Rule:
    (block,) = op.arguments["blocksize"]
    return Blocks(
        facts=facts,
        name=op.name,
        engine=facts.moving,
        output=op.outputs[0],
        inputs=op.inputs,
        cuts={0: 1, 2: 1, 3: 1},
        block=block,
        to_space=False,
        crd=False,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocks(Rule):
    """Channels to blocks of positions, or back."""

    block: int
    to_space: bool
    crd: bool

    def needs(self, box: Box) -> tuple[Box | None, ...]:
        """All channels of the same positions."""
        shape, block = self.facts.shape(self.inputs[0]), self.block
        if self.to_space:
            rest = tuple((a // block, -(-b // block)) for a, b in box[2:])
        else:
            rest = tuple((a * block, b * block) for a, b in box[2:])
        return ((box[0], (0, shape[1]), *rest),)

    def instructions(self, at: Operands) -> tuple[Instruction, ...]:
        """One copy."""
        b = self.block
        deep, wide = at.source().view, at.target
        if not self.to_space:
            deep, wide = wide, deep
        n, c, h, w = wide.shape
        space = split_axes(wide, ((n,), (c,), (h // b, b), (w // b, b)))
        channels = (c, b, b) if self.crd else (b, b, c)
        depth = split_axes(deep, ((n,), channels, (h // b,), (w // b,)))
        # Both as (n, c, h, block, w, block).
        depth = permuted(depth, (0, 1, 4, 2, 5, 3) if self.crd else (0, 3, 4, 1, 5, 2))
        return (_copy(space, depth) if self.to_space else _copy(depth, space),)


_OTHERS: Mapping[MoveKind, Callable[[Move, Facts], Rule]] = {
    MoveKind.GATHER: _gather,
    MoveKind.TRANSPOSE: _transpose,
    MoveKind.CONCAT: _concat,
    MoveKind.EXPAND: _expand,
    MoveKind.RESHAPE: _reshape,
    MoveKind.DEPTH_TO_SPACE: _depth_to_space,
    MoveKind.SPACE_TO_DEPTH: _space_to_depth,
}
