"""Which core makes what: every result is cut along one axis, chosen by what it takes in cycles.

Cutting samples or rows needs the edges of neighbours; cutting channels needs everything of the
input, but only a part of the weights in each memory. What a core needs of the others it gets over
the link between the cores; constants come from the DDR once, whoever needs them.
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from toolchain.accelerator.compile.boxes import Box, common, cut, size, whole

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from toolchain.accelerator.compile.costs import Costs
    from toolchain.accelerator.compile.rules.base import Rule


def shares(steps: Sequence[Rule], costs: Costs) -> tuple[Mapping[int, Box], ...]:
    """The part of every result that each core makes."""
    made: dict[str, Mapping[int, Box]] = {}
    found = []
    for rule in steps:
        best = min(
            candidates(rule, whole(costs.facts.shape(rule.output)), costs),
            key=lambda own: (_cycles(rule, own, made, costs), len(own)),
        )
        made[rule.output] = best
        found.append(best)
    return tuple(found)


def candidates(rule: Rule, box: Box, costs: Costs) -> list[Mapping[int, Box]]:
    """One core alone, or all along one axis."""
    found: list[Mapping[int, Box]] = [{0: box}]
    cores = costs.machine.cores
    if cores == 1 or costs.machine.interconnect is None:
        return found
    for axis, grain in rule.cuts.items():
        for step in {grain, _whole_arrays(rule, axis, grain, costs)}:
            parts = cut(box, axis, cores, step)
            if len(parts) > 1:
                found.append(dict(enumerate(parts)))
    return found


def _whole_arrays(rule: Rule, axis: int, grain: int, costs: Costs) -> int:
    """Channels of convolutions in whole steps of the array."""
    along = any(p.along == axis for p in rule.parameters)
    return max(grain, costs.machine.convolution.array.outputs) if along and grain == 1 else grain


def _cycles(
    rule: Rule, own: Mapping[int, Box], made: Mapping[str, Mapping[int, Box]], costs: Costs
) -> float:
    """Computing of the busiest core, and what has to come from the others before."""
    engines = costs.engines(rule.engine)
    computing = max(costs.cycles(rule, part) for part in own.values()) / engines
    link = costs.machine.interconnect
    if link is None:
        return computing
    missing = 0
    for core, part in own.items():
        for name, need in zip(rule.inputs, rule.needs(part), strict=True):
            if need is None or name not in made:
                continue
            here = made[name].get(core)
            have = None if here is None else common(need, here)
            bytes_each = costs.facts.dtype(name).numpy.itemsize
            missing += (size(need) - (0 if have is None else size(have))) * bytes_each
    waits = costs.machine.sync_cycles if missing else 0
    return computing + waits + ceil(missing / (link.bytes_per_cycle * costs.machine.cores))
