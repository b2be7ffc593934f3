"""Movements that are more than to choose and to reorder: joined, repeated, blocks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from toolchain.accelerator.compile.boxes import Box, common, whole
from toolchain.accelerator.compile.rules.base import (
    Facts,
    Operands,
    Parameter,
    Rule,
    all_of,
    copied,
    every_axis,
    names,
)
from toolchain.accelerator.compile.rules.indices import part
from toolchain.accelerator.compile.rules.selection import choosing_rule
from toolchain.accelerator.compile.views import Patch, broadcast, permuted, split_axes
from toolchain.accelerator.isa.instructions import Instruction
from toolchain.program.records import Move, MoveKind


def move_rule(op: Move, facts: Facts) -> Rule:
    """Movements that no lens can follow."""
    return choosing_rule(op, facts) or _OTHERS[op.kind](op, facts)


def _concat(op: Move, facts: Facts) -> Rule:
    (axis,) = op.arguments["axis"]
    rank = len(facts.shape(op.outputs[0]))
    return Joined(
        facts=facts,
        name=op.name,
        engine=facts.moving,
        output=op.outputs[0],
        inputs=names(op, facts),
        parameters=tuple(
            Parameter(role=str(at), array=np.ascontiguousarray(facts.program.constants[name]))
            for at, name in enumerate(op.inputs)
            if name in facts.program.constants
        ),
        cuts=every_axis(facts.shape(op.outputs[0])),
        axis=axis % rank,
        parts=op.inputs,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined(Rule):
    """Parts of a concatenation.

    Attributes:
        axis: Where parts follow each other.
        parts: Tensors, and constants, which are parameters by their number.
    """

    axis: int
    parts: tuple[str, ...]

    def _places(self, box: Box) -> list[tuple[Box | None, int]]:
        """What is needed of every part, and where its axis begins in the result."""
        found: list[tuple[Box | None, int]] = []
        begin = 0
        for name in self.parts:
            own = all_of(self.facts, name)
            start, stop = box[self.axis]
            asked = (*box[: self.axis], (start - begin, stop - begin), *box[self.axis + 1 :])
            found.append((common(asked, own), begin))
            begin += own[self.axis][1]
        return found

    def needs(self, box: Box) -> tuple[Box | None, ...]:
        """What lies in the part."""
        return tuple(
            need
            for (need, _), name in zip(self._places(box), self.parts, strict=True)
            if name in self.inputs
        )

    def instructions(self, at: Operands) -> tuple[Instruction, ...]:
        """A copy for every part of which there is any."""
        found = []
        sources = iter(at.sources)
        for number, (need, begin) in enumerate(self._places(at.box)):
            constant = at.parameters.get(str(number))
            source = (
                next(sources)
                if constant is None
                else Patch(box=whole(constant.shape), view=constant)
            )
            if need is None or source is None:
                continue
            start, stop = need[self.axis]
            into = part(at.target, self.axis, start + begin - at.box[self.axis][0], stop - start)
            found.append(copied(into, source.crop(need).view))
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
        return (copied(at.target, broadcast(at.source().view, at.target.shape)),)


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
        return (copied(space, depth) if self.to_space else copied(depth, space),)


_OTHERS: Mapping[MoveKind, Callable[[Move, Facts], Rule]] = {
    MoveKind.CONCAT: _concat,
    MoveKind.EXPAND: _expand,
    MoveKind.DEPTH_TO_SPACE: _depth_to_space,
    MoveKind.SPACE_TO_DEPTH: _space_to_depth,
}
