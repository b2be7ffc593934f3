"""Plans: which steps run through tiles together, and which core makes what."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from toolchain.accelerator.compile.groups import (
    Estimate,
    Flow,
    Growth,
    axes,
    tile_counts,
    tiles_of,
)
from toolchain.accelerator.compile.plan import Plan, Residence, Work
from toolchain.accelerator.compile.sharing import shares
from toolchain.errors import Code, CompileError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from toolchain.accelerator.compile.costs import Costs
    from toolchain.accelerator.compile.rules.base import Rule

CHANNELS, ROWS = 1, 2
"""Axes of results that users can forbid groups to be cut along."""

_LONGEST = 16
"""Most steps of a group with several tiles: edges grow with every window."""


def plans(steps: tuple[Rule, ...], costs: Costs) -> Iterator[Plan]:
    """Plans to try until one fits: all on the chip, then tiles with more and more room to spare."""
    flow = Flow(steps, costs)
    yield resident_plan(flow)
    for spare in (0.04, 0.1, 0.2, 0.35, 0.5):
        found = _groups(flow, 1 - spare)
        for promoted in (True, False):
            yield tiled_plan(flow, found, 1 - spare, promote=promoted)


def resident_plan(flow: Flow) -> Plan:
    """Everything on the chip, step by step."""
    facts = flow.costs.facts
    works = tuple(
        Work(step=number, group=0, tile=0, own=own)
        for number, own in enumerate(shares(flow, 0, len(flow.steps) - 1))
    )
    outside = {*facts.program.inputs, *facts.program.outputs}
    residence = {
        name: Residence.DDR if name in outside else Residence.CHIP for name in facts.program.tensors
    }
    return Plan(steps=tuple(flow.steps), works=works, residence=residence)


def _groups(flow: Flow, share: float) -> tuple[Estimate, ...]:
    """Groups that take fewest cycles, by dynamic programming over where they end.

    Raises:
        CompileError: A step fits into no tile.
    """
    best: list[tuple[float, Estimate | None]] = [(0.0, None)]
    for last in range(len(flow.steps)):
        candidates = [
            (best[found.group.first][0] + found.cycles, found)
            for found in _ending(flow, last, share)
        ]
        if not candidates:
            raise _no_tile(flow, last, share)
        best.append(min(candidates, key=lambda c: c[0]))
    chosen: list[Estimate] = []
    at = len(flow.steps)
    while at:
        found = best[at][1]
        if found is None:
            break
        chosen.append(found)
        at = found.group.first
    return tuple(reversed(chosen))


def _ending(flow: Flow, last: int, share: float) -> Iterator[Estimate]:
    """Groups with a last step: whole while they fit, else in as few tiles as they need."""
    fitting = 0
    for found in _growing(flow, last, 0, 1):
        fitted = _fitted(found, flow, share)
        if fitted is None:
            break
        fitting += 1
        yield fitted
    for axis in axes(flow, last)[: 3 if fitting == 0 else 1]:
        counts = iter(tile_counts(flow, last, axis))
        tiles = next(counts, None)
        length = fitting + 1
        longest = min(_longest(flow, axis), last + 1)
        while tiles is not None and length <= longest:
            for found in islice(_growing(flow, last, axis, tiles), longest):
                steps = last + 1 - found.group.first
                fitted = _fitted(found, flow, share) if steps >= length else None
                if steps >= length and fitted is None:
                    break
                if fitted is not None:
                    yield fitted
                    # More tiles are no gain once the next one is loaded beside each.
                    length += steps == length and fitted.waiting == 0
            tiles = next(counts, None)


def _longest(flow: Flow, axis: int) -> int:
    """Most steps that may run together through parts along an axis, as users allow."""
    modes = flow.costs.modes
    allowed = {CHANNELS: modes.slices, ROWS: modes.tiles}
    return _LONGEST if allowed.get(axis, True) else 1


def _growing(flow: Flow, last: int, axis: int, tiles: int) -> Iterator[Estimate]:
    """Groups with a last step and a number of tiles, from short to long."""
    growth = Growth(flow, last, axis, tiles, tiles // 2)
    while growth.group.first and last + 1 - growth.group.first < _LONGEST:
        growth.extend()
        if not growth.cuttable:
            return
        yield growth.estimate()


def _fitted(found: Estimate, flow: Flow, share: float) -> Estimate | None:
    """The estimate, if a share of the memories holds the group, in the way that there is room for.

    Best is room for the inputs of the next tile, and for its results beside those of this one.
    """
    machine = flow.costs.machine
    results, parameters = _demand(found, flow)
    room = share * machine.memory.bytes
    if machine.weight_buffer is None:
        room -= parameters
    elif parameters > share * machine.weight_buffer.bytes:
        return None
    again = results if found.serial else 0
    for memory, more in (
        (results + found.ahead + again, 0.0),
        (results + found.ahead, found.serial),
        (results, found.serial + found.waiting),
    ):
        if memory <= room:
            return replace(found, cycles=found.cycles + more, memory=memory, waiting=more)
    return None


def _demand(found: Estimate, flow: Flow) -> tuple[int, int]:
    """Bytes of results and of parameters; those of whole results come and go step by step."""
    parameters = found.parameters
    if found.group.tiles == 1 or not flow.keeps(found.group, parameters):
        parameters = min(parameters, 2 * flow.costs.pass_bytes)
    return found.memory, parameters


def _no_tile(flow: Flow, last: int, share: float) -> CompileError:
    """What the smallest tile of a step needs, beside what the machine has for it."""
    machine = flow.costs.machine
    tiles = [(axis, count) for axis in axes(flow, last) for count in tile_counts(flow, last, axis)]
    smallest = (found for at in ((0, 1), *tiles) for found in islice(_growing(flow, last, *at), 1))
    results, parameters = min((_demand(found, flow) for found in smallest), key=sum)
    room = f"{int(share * machine.memory.bytes)} bytes"
    if machine.weight_buffer is None:
        room += " for both"
    else:
        room += f" of results and {int(share * machine.weight_buffer.bytes)} of parameters"
    return CompileError(
        Code.LOWERING_FAILED,
        "A layer fits into the memory of the machine in no tile",
        where=flow.steps[last].name,
        got=f"at least {results} bytes of results and {parameters} of parameters at a time",
        allowed=f"{room} on {machine.name}, {share * 100:.0f} % of what it has",
        hint="choose a machine with more memory, or a model with smaller layers",
    )


def tiled_plan(flow: Flow, chosen: Sequence[Estimate], share: float, *, promote: bool) -> Plan:
    """The plan of groups, with what has room between them kept on the chip."""
    works: list[Work] = []
    cores = flow.costs.machine.cores
    for number, found in enumerate(chosen):
        group = found.group
        if group.tiles == 1:
            for step, own in enumerate(shares(flow, group.first, group.last), group.first):
                works.append(Work(step=step, group=number, tile=0, own=own))
            continue
        boxes = tiles_of(flow, group)
        for turn in range(0, group.tiles, cores):
            now = boxes[turn : turn + cores]
            for step in sorted({step for own in now for step in own}):
                own = {core: found[step] for core, found in enumerate(now) if step in found}
                works.append(Work(step=step, group=number, tile=turn // cores, own=own))
    # Without a way between cores, what a tile made on one of them has to reach others by the DDR.
    alone = cores > 1 and flow.costs.machine.interconnect is None
    residence = _residence(flow, chosen, share if promote and not alone else 0.0)
    return Plan(steps=tuple(flow.steps), works=tuple(works), residence=residence)


def _residence(flow: Flow, chosen: Sequence[Estimate], share: float) -> dict[str, Residence]:
    """Tensors within a group stay on the chip; between groups those that there is room for."""
    capacity = share * flow.costs.machine.memory.bytes
    separate = flow.costs.machine.weight_buffer is not None
    group_of = {
        step: number
        for number, found in enumerate(chosen)
        for step in range(found.group.first, found.group.last + 1)
    }
    demand = [
        found.memory + (0 if separate else min(found.parameters, 2 * flow.costs.pass_bytes))
        for found in chosen
    ]
    program = flow.costs.facts.program
    residence: dict[str, Residence] = {}
    crossing: list[tuple[int, int, int, str]] = []
    for name in program.tensors:
        maker = flow.maker.get(name)
        if maker is None or name in flow.outputs:
            residence[name] = Residence.DDR
            continue
        first = group_of[maker]
        last = max((group_of[n] for n in flow.readers[name]), default=first)
        if first == last:
            residence[name] = Residence.TILE if chosen[first].group.tiles > 1 else Residence.CHIP
        else:
            residence[name] = Residence.DDR
            held = flow.bytes(name, tuple((0, n) for n in flow.shape(name)))
            crossing.append((last - first, held, first, name))
    for length, held, first, name in sorted(crossing):
        life = range(first, first + length + 1)
        if all(demand[at] + held <= capacity for at in life):
            residence[name] = Residence.CHIP
            for at in life:
                demand[at] += held
    return residence
