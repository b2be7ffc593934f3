"""Groups of steps that run through tiles together: what a tile needs, and what it takes.

A group is a range of steps. Its last result is cut into tiles along one axis, and what every step
has to make for a tile follows backwards from it, edges of windows included: what two tiles need
is made twice. Nothing within the group leaves the chip.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolchain.accelerator.compile.boxes import Box, cut, hull, size, whole
from toolchain.accelerator.isa.operands import Engine

if TYPE_CHECKING:
    from toolchain.accelerator.compile.costs import Costs
    from toolchain.accelerator.compile.rules.base import Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Steps that run through tiles together.

    Attributes:
        first: Number of the first step.
        last: Number of the last one.
        axis: Axis of the last result that is cut.
        tiles: Into how many parts.
    """

    first: int
    last: int
    axis: int
    tiles: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a group takes.

    Attributes:
        group: The group.
        cycles: Of one core, all tiles.
        memory: Most bytes that live at one time, without parameters.
        parameters: Bytes of the parameters of all steps.
    """

    group: Group
    cycles: float
    memory: int
    parameters: int


class Flow:
    """Who makes and reads what."""

    def __init__(self, steps: Sequence[Rule], costs: Costs) -> None:
        self.steps = steps
        self.costs = costs
        self.maker = {rule.output: number for number, rule in enumerate(steps)}
        self.readers: dict[str, list[int]] = defaultdict(list)
        for number, rule in enumerate(steps):
            for name in rule.inputs:
                self.readers[name].append(number)
        self.outputs = frozenset(costs.facts.program.outputs)

    def leaves(self, name: str, last: int) -> bool:
        """True for a tensor that is read behind a step, or by the user."""
        readers = self.readers[name]
        return name in self.outputs or not readers or readers[-1] > last

    def keeps(self, group: Group, parameters: int) -> bool:
        """True if the parameters of a group stay on the chip for all of its tiles.

        Those of a single step may be too many: they come in passes then, for every tile again.
        """
        return group.first != group.last or parameters <= self.costs.pass_bytes

    def bytes(self, name: str, box: Box) -> int:
        """Bytes of a part of a tensor."""
        return size(box) * self.costs.facts.dtype(name).numpy.itemsize

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of a tensor."""
        return self.costs.facts.shape(name)


def tile_boxes(group: Group, tile: int, flow: Flow) -> dict[int, Box]:
    """What every step of a group makes for a tile; steps that it does not need are left out.

    Results that leave the group are made in full: each tile makes its part of them, too.
    """
    needed: dict[str, list[Box]] = defaultdict(list)
    found: dict[int, Box] = {}
    for number in range(group.last, group.first - 1, -1):
        rule = flow.steps[number]
        boxes = needed[rule.output]
        if number == group.last or flow.leaves(rule.output, group.last):
            parts = cut(whole(flow.shape(rule.output)), *_way(rule, group))
            if tile < len(parts):
                boxes.append(parts[tile])
        if not boxes:
            continue
        found[number] = aligned(rule, hull(boxes), flow)
        for name, need in zip(rule.inputs, rule.needs(found[number]), strict=True):
            if need is not None:
                needed[name].append(need)
    return found


def _way(rule: Rule, group: Group) -> tuple[int, int, int]:
    """Axis, parts and grain for a result that leaves the group."""
    return group.axis, group.tiles, rule.cuts.get(group.axis, 1)


def aligned(rule: Rule, box: Box, flow: Flow) -> Box:
    """The box widened to where the rule may be cut; all of an axis along which it may not."""
    shape = flow.shape(rule.output)
    return tuple(
        (
            start // rule.cuts[axis] * rule.cuts[axis],
            min(-(-stop // rule.cuts[axis]) * rule.cuts[axis], extent),
        )
        if axis in rule.cuts
        else (0, extent)
        for axis, ((start, stop), extent) in enumerate(zip(box, shape, strict=True))
    )


def fits(flow: Flow, group: Group) -> bool:
    """True if every result that leaves the group can be cut as the last one is."""
    shape = flow.shape(flow.steps[group.last].output)
    for number in range(group.first, group.last + 1):
        rule = flow.steps[number]
        if not flow.leaves(rule.output, group.last):
            continue
        own = flow.shape(rule.output)
        if len(own) != len(shape) or group.axis not in rule.cuts:
            return False
        if own[group.axis] // rule.cuts[group.axis] < group.tiles:
            return False
    return True


def estimate(group: Group, flow: Flow) -> Estimate:
    """What a group takes, by a tile from its middle."""
    costs, machine = flow.costs, flow.costs.machine
    boxes = tile_boxes(group, group.tiles // 2, flow)
    busy: dict[Engine, float] = defaultdict(float)
    needed: dict[str, list[Box]] = defaultdict(list)
    parameters = 0
    for number, box in boxes.items():
        rule = flow.steps[number]
        busy[rule.engine] += costs.cycles(rule, box) / costs.engines(rule.engine)
        parameters += sum(p.array.nbytes for p in rule.parameters)
        for name, need in zip(rule.inputs, rule.needs(box), strict=True):
            if need is not None:
                needed[name].append(need)
    loaded = stored = 0
    for name, parts in needed.items():
        if flow.maker.get(name, -1) < group.first:
            loaded += flow.bytes(name, hull(parts))
    for number, box in boxes.items():
        name = flow.steps[number].output
        if flow.leaves(name, group.last):
            stored += flow.bytes(name, box)
    rate = min(
        machine.ddr.megabytes_per_second / machine.clock_mhz,
        machine.transfer.bytes_per_cycle * machine.transfer.count,
    )
    again = 1 if flow.keeps(group, parameters) else group.tiles
    moving = (group.tiles * (loaded + stored) + again * parameters) / rate
    computing = max(busy.values()) + 0.25 * (sum(busy.values()) - max(busy.values()))
    waits = (len(boxes) + 1) * machine.sync_cycles
    alone = (loaded + stored) / rate + machine.ddr.latency_cycles
    return Estimate(
        group=group,
        cycles=max(group.tiles * (computing + waits), moving) + alone,
        memory=_memory(group, boxes, needed, flow),
        parameters=parameters,
    )


def _memory(
    group: Group, boxes: Mapping[int, Box], needed: Mapping[str, Sequence[Box]], flow: Flow
) -> int:
    """Most bytes that live at one time; what is loaded lives from the beginning, and twice."""
    changes: dict[int, int] = defaultdict(int)
    ahead = 0
    for name, parts in needed.items():
        maker = flow.maker.get(name, -1)
        readers = [n for n in flow.readers[name] if n in boxes]
        own = boxes.get(maker)
        held = flow.bytes(name, hull(parts if own is None else (*parts, own)))
        if maker < group.first:
            if group.tiles > 1:
                ahead += held
            maker = group.first
        changes[maker] += held
        changes[readers[-1] + 1] -= held
    for number, box in boxes.items():
        name = flow.steps[number].output
        if name not in needed:
            held = flow.bytes(name, box)
            changes[number] += held
            changes[number + 1] -= held
    live = most = 0
    for number in sorted(changes):
        live += changes[number]
        most = max(most, live)
    return most + ahead


def ways(flow: Flow, first: int, last: int) -> Iterator[Group]:
    """Ways to cut the last result of a range of steps, from few tiles to many."""
    rule = flow.steps[last]
    shape = flow.shape(rule.output)
    order = sorted(rule.cuts, key=lambda axis: (axis != 2, -shape[axis]))
    for axis in order[:3] if first == last else order[:1]:
        most = shape[axis] // rule.cuts[axis]
        tiles = 2
        while tiles <= most:
            yield Group(first=first, last=last, axis=axis, tiles=tiles)
            tiles = max(tiles + 1, tiles * 5 // 4)
