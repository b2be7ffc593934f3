"""How the part of a core is cut for its engines: by rows or channels, of about equal work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolchain.accelerator.compile.boxes import Box, cut
from toolchain.accelerator.compile.costs import Costs

if TYPE_CHECKING:
    from toolchain.accelerator.compile.rules.base import Rule

_SYNCS = 2
"""A chunk is worth the synchronisation that it takes if it takes so many times longer."""

_LOSS = 1.04
"""What cutting may cost in steps of the arrays that are not full, for others to begin earlier."""


def chunks(rule: Rule, own: Box, costs: Costs) -> tuple[Box, ...]:
    """Parts of `own`, in the order in which they are computed.

    As many as there are engines, or more: what reads them begins when the first ones are there.
    Rows, if that keeps the arrays about as full as channels do.
    """
    engines = costs.engines(rule.engine)
    total = costs.cycles(rule, own)
    least = _SYNCS * max(costs.machine.sync_cycles, 1)
    most = min(costs.knobs.chunks, total // engines // least)
    if total < 2 * least:
        return (own,)
    found: list[tuple[int, tuple[Box, ...]]] = [(total, (own,))]
    for axis, grain in _axes(rule, own):
        for count in sorted({engines, engines * max(1, most // 2), engines * max(1, most)}):
            parts = cut(own, axis, count, grain)
            if len(parts) > 1:
                found.append((_span([costs.cycles(rule, part) for part in parts], engines), parts))
    limit = _LOSS * min(span for span, _ in found)
    return max((parts for span, parts in found if span <= limit), key=len)


def _axes(rule: Rule, own: Box) -> list[tuple[int, int]]:
    """Axes to cut along with their grains: rows, samples, columns, channels."""
    rank = len(own)
    ranked = (2, 0, 3, 1, *range(4, rank)) if rank > 2 else range(rank)
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
