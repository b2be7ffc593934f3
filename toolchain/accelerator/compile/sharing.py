"""Which core makes what: every result is cut along one axis, chosen by what it takes in cycles.

Cutting samples or rows needs the edges of neighbours; cutting channels needs everything of the
input, but only a part of the weights in each memory. What a core needs of the others it gets over
the link between the cores, which takes time to come about. So several steps in a row may be cut
into rows together, each core making the edges that it needs of the steps in between itself.
Constants come from the DDR once, whoever needs them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, TypeAlias

from toolchain.accelerator.compile.boxes import Box, common, cut, whole
from toolchain.accelerator.compile.groups import Growth, grown_together

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolchain.accelerator.compile.costs import Costs
    from toolchain.accelerator.compile.groups import Flow
    from toolchain.accelerator.compile.rules.base import Rule

Share: TypeAlias = Mapping[int, Box]
"""What each core makes of a result."""

_ROWS = 2
"""The axis of rows, along which steps are cut together."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Choice:
    """How the steps up to one are shared.

    Attributes:
        cycles: What they take.
        first: First step of the last run without an exchange.
        shares: Of the steps of that run.
        before: How the steps before it are shared.
    """

    cycles: float
    first: int
    shares: tuple[Share, ...]
    before: _Choice | None

    def of(self, step: int) -> Share:
        """What each core makes of a step."""
        choice: _Choice | None = self
        while choice is not None and choice.first > step:
            choice = choice.before
        return {} if choice is None or not choice.shares else choice.shares[step - choice.first]

    def all(self) -> tuple[Share, ...]:
        """What each core makes of every step, in their order."""
        runs: list[tuple[Share, ...]] = []
        choice: _Choice | None = self
        while choice is not None:
            runs.append(choice.shares)
            choice = choice.before
        return tuple(share for run in reversed(runs) for share in run)


def shares(flow: Flow, first: int, last: int) -> tuple[Share, ...]:
    """The part of every result of some steps that each core makes, by dynamic programming."""
    if flow.costs.machine.interconnect is None:
        return _by_samples(flow, first, last) or tuple(
            {0: whole(flow.shape(flow.steps[number].output))} for number in range(first, last + 1)
        )
    best = [_Choice(cycles=0.0, first=first, shares=(), before=None)]
    for number in range(first, last + 1):
        found = [
            _Choice(
                cycles=best[start - first].cycles + _cycles(run, start, best[start - first], flow),
                first=start,
                shares=run,
                before=best[start - first],
            )
            for start, run in _runs(flow, first, number)
        ]
        best.append(min(found, key=lambda choice: choice.cycles))
    return best[-1].all()


def _by_samples(flow: Flow, first: int, last: int) -> tuple[Share, ...] | None:
    """Each core its own samples, without ever needing anything of the others; None: impossible."""
    cores = flow.costs.machine.cores
    made: dict[str, Share] = {}
    for number in range(first, last + 1):
        rule = flow.steps[number]
        parts = cut(whole(flow.shape(rule.output)), 0, cores, rule.cuts.get(0, 1))
        if 0 not in rule.cuts or len(parts) < cores or cores == 1:
            return None
        made[rule.output] = dict(enumerate(parts))
        for core, part in enumerate(parts):
            for name, need in zip(rule.inputs, rule.needs(part), strict=True):
                if need is not None and name in made and common(need, made[name][core]) != need:
                    return None
    return tuple(made[flow.steps[number].output] for number in range(first, last + 1))


def _runs(flow: Flow, first: int, last: int) -> Iterator[tuple[int, tuple[Share, ...]]]:
    """Runs of steps that end with `last`: one in every way, or several cut into rows together."""
    rule = flow.steps[last]
    for share in candidates(rule, whole(flow.shape(rule.output)), flow.costs):
        yield last, (share,)
    cores = flow.costs.machine.cores
    shape = flow.shape(rule.output)
    if len(shape) <= _ROWS or _ROWS not in rule.cuts:
        return
    if shape[_ROWS] // rule.cuts[_ROWS] < cores:
        return
    growths = [Growth(flow, last, _ROWS, cores, core) for core in range(cores)]
    while growths[0].group.first > max(first, last + 1 - flow.costs.knobs.run):
        grown_together(growths, flow)
        start = growths[0].group.first
        if not growths[0].cuttable:
            return
        if start < last:
            yield (
                start,
                tuple(
                    {core: g.boxes[step] for core, g in enumerate(growths) if step in g.boxes}
                    for step in range(start, last + 1)
                ),
            )


def candidates(rule: Rule, box: Box, costs: Costs) -> list[Share]:
    """One core alone, or all along one axis."""
    found: list[Share] = [{0: box}]
    cores = costs.machine.cores
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


def _cycles(run: tuple[Share, ...], start: int, before: _Choice, flow: Flow) -> float:
    """Computing of the busiest core in every step, and what has to come from others before."""
    costs = flow.costs
    total = 0.0
    missing = 0
    made = {flow.steps[start + at].output: share for at, share in enumerate(run)}
    for at, share in enumerate(run):
        rule = flow.steps[start + at]
        busiest = max((costs.cycles(rule, part) for part in share.values()), default=0)
        total += busiest / costs.engines(rule.engine)
        for core, part in share.items():
            for name, need in zip(rule.inputs, rule.needs(part), strict=True):
                maker = flow.maker.get(name)
                if need is None or maker is None:
                    continue
                here = (made[name] if name in made else before.of(maker)).get(core)
                have = None if here is None else common(need, here)
                if have != need:
                    missing += flow.bytes(name, need) - (flow.bytes(name, have) if have else 0)
    return total + costs.knobs.exchange * _exchange(missing, costs)


def _exchange(missing: int, costs: Costs) -> float:
    """What cores wait for each other: synchronisation on both ends, a busy engine, and bytes."""
    if not missing:
        return 0.0
    machine = costs.machine
    if machine.interconnect is None:
        return inf
    rate = machine.interconnect.bytes_per_cycle * machine.cores
    ahead = costs.piece_bytes * machine.clock_mhz * machine.cores
    waiting = ahead / machine.ddr.megabytes_per_second / 2
    return 2 * machine.sync_cycles + waiting + missing / rate
