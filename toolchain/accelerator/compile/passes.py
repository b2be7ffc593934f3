"""Passes of a work: its parameters come a part at a time, where they are many."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolchain.accelerator.compile.boxes import Box, cut
from toolchain.accelerator.compile.chunks import chunks

if TYPE_CHECKING:
    from toolchain.accelerator.compile.costs import Costs
    from toolchain.accelerator.compile.plan import Work
    from toolchain.accelerator.compile.rules.base import Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """What every core does with a part of the parameters.

    Attributes:
        rows: First row of every parameter that a core needs, and the one behind the last.
        chunks: What each core computes, part by part.
    """

    rows: Mapping[int, tuple[tuple[int, int], ...]]
    chunks: Mapping[int, tuple[Box, ...]]


def passes(rule: Rule, work: Work, costs: Costs) -> Iterator[Pass]:
    """One, or as many as keep the parameters of each below what may be loaded as one.

    The parts of all cores take about as many passes, however they are shared.
    """
    slices = {core: _slices(rule, own, costs) for core, own in work.own.items()}
    for index in range(max(map(len, slices.values()))):
        now = {core: found[index] for core, found in slices.items() if index < len(found)}
        yield Pass(
            rows={
                core: tuple(parameter.rows(box) for parameter in rule.parameters)
                for core, box in now.items()
            },
            chunks={core: chunks(rule, box, costs) for core, box in now.items()},
        )


def _slices(rule: Rule, own: Box, costs: Costs) -> tuple[Box, ...]:
    """The part of a core, cut along the axis that its parameters follow."""
    along = next((p.along for p in rule.parameters if p.along is not None), None)
    total = rule_bytes(rule)
    if along is None or total <= costs.pass_bytes:
        return (own,)
    start, stop = own[along]
    extent = costs.facts.shape(rule.output)[along]
    share = (stop - start) / extent
    count = -(-int(total * share) // costs.pass_bytes)
    return cut(own, along, count, _grain(rule, along, total / extent, costs))


def _grain(rule: Rule, along: int, width: float, costs: Costs) -> int:
    """Channels in whole steps of the array, unless half of the memory does not hold so many.

    Those of groups stay together.
    """
    grain = rule.cuts.get(along, 1)
    if grain > 1:
        return grain
    grain = costs.machine.convolution.array.outputs
    while grain > 1 and grain * width > costs.parameter_memory // 2:
        grain //= 2
    return grain


def rule_bytes(rule: Rule) -> int:
    """Bytes of all parameters of a step."""
    return sum(parameter.array.nbytes for parameter in rule.parameters)
