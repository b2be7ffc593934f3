"""How the part of a core is cut for its engines: by rows or channels, of about equal work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolchain.accelerator.compile.boxes import Box, cut
from toolchain.accelerator.compile.costs import Costs

if TYPE_CHECKING:
    from toolchain.accelerator.compile.rules.base import Rule

_MOST_PER_ENGINE = 4
_LEAST_CYCLES = 160
"""A chunk is worth the synchronisation that it takes: a few times `sync_cycles`."""


def chunks(rule: Rule, own: Box, costs: Costs) -> tuple[Box, ...]:
    """Parts of `own`, in the order in which they are computed.

    Rows first: what reads them may begin as soon as the first ones are there. Channels where they
    keep the arrays so much fuller that it pays.
    """
    engines = costs.engines(rule.engine)
    total = costs.cycles(rule, own)
    per_engine = max(1, min(_MOST_PER_ENGINE, total // engines // _LEAST_CYCLES))
    if total < 2 * _LEAST_CYCLES:
        return (own,)
    best: tuple[float, tuple[Box, ...]] = (float(total), (own,))
    for axis, grain in _axes(rule, own):
        for count in {engines, engines * per_engine}:
            parts = cut(own, axis, count, grain)
            if len(parts) < 2:
                continue
            cycles = [costs.cycles(rule, part) for part in parts]
            span = _span(cycles, engines) + cycles[0] / 8
            if span < best[0] * 0.97:
                best = (span, parts)
    return best[1]


def _axes(rule: Rule, own: Box) -> list[tuple[int, int]]:
    """Axes to cut along with their grains, rows first, then columns, samples and channels."""
    rank = len(own)
    ranked = (
        [axis for axis in (2, 0, 3, 1, *range(4, rank)) if axis < rank]
        if rank > 2
        else [*range(rank)]
    )
    return [
        (axis, rule.cuts[axis])
        for axis in ranked
        if axis in rule.cuts and own[axis][1] - own[axis][0] > rule.cuts[axis]
    ]


def _span(cycles: list[int], engines: int) -> int:
    """When the last of equal engines is done that take the parts in order."""
    busy = [0] * engines
    for each in cycles:
        at = busy.index(min(busy))
        busy[at] += each
    return max(busy)
