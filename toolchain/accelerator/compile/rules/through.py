"""Rules that read tensors through lenses, and the copies of what cannot be read so."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from toolchain.accelerator.compile.rules.base import Facts, Operands, Rule, copied
from toolchain.accelerator.compile.views import Patch, split_axes

if TYPE_CHECKING:
    from toolchain.accelerator.compile.boxes import Box
    from toolchain.accelerator.compile.rules.lenses import Lens
    from toolchain.accelerator.isa.instructions import Instruction
    from toolchain.program.records import Move


@dataclass(frozen=True, slots=True)
class Glass:
    """How a tensor is read that is nowhere itself.

    Attributes:
        source: The tensor that is read instead.
        lens: What is seen of it.
        full: Axes of it that must be there in full.
    """

    source: str
    lens: Lens
    full: frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Through(Rule):
    """A rule that finds inputs in other tensors.

    Attributes:
        inner: The rule as if its inputs were there.
        glasses: For each of its inputs; None for those that are.
    """

    inner: Rule
    glasses: tuple[Glass | None, ...]

    def needs(self, box: Box) -> tuple[Box | None, ...]:
        """Where the parts lie that the rule needs."""
        return tuple(
            need if need is None or glass is None else glass.lens.needs(need, glass.full)
            for need, glass in zip(self.inner.needs(box), self.glasses, strict=True)
        )

    def instructions(self, at: Operands) -> tuple[Instruction, ...]:
        """Those of the rule."""
        sources: list[Patch | None] = []
        needs = self.inner.needs(at.box)
        for need, glass, patch in zip(needs, self.glasses, at.sources, strict=True):
            if need is None or glass is None or patch is None:
                sources.append(patch)
            else:
                sources.append(glass.lens.seen(patch, need))
        return self.inner.instructions(replace(at, sources=tuple(sources)))


def through(rule: Rule, glasses: tuple[Glass | None, ...]) -> Rule:
    """A rule that reads some of its inputs through glasses; itself without any."""
    if not any(glasses):
        return rule
    inputs = tuple(
        name if glass is None else glass.source
        for name, glass in zip(rule.inputs, glasses, strict=True)
    )
    return Through(
        facts=rule.facts,
        name=rule.name,
        output=rule.output,
        inputs=inputs,
        engine=rule.engine,
        parameters=rule.parameters,
        cuts=rule.cuts,
        inner=rule,
        glasses=glasses,
    )


def rearranging(op: Move, at: int, source: str, lens: Lens, facts: Facts) -> Rule:
    """A copy of what a movement's result sees of a tensor."""
    return Rearranging(
        facts=facts,
        name=op.name,
        engine=facts.moving,
        output=op.outputs[at],
        inputs=(source,),
        cuts=dict(enumerate(lens.grains)),
        lens=lens,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rearranging(Rule):
    """Parts of a tensor seen through a lens, copied."""

    lens: Lens

    def needs(self, box: Box) -> tuple[Box | None, ...]:
        """Where they lie."""
        return (self.lens.needs(box),)

    def instructions(self, at: Operands) -> tuple[Instruction, ...]:
        """One copy."""
        source, factors = self.lens.atoms(at.source(), at.box)
        return (copied(split_axes(at.target, factors), source),)
