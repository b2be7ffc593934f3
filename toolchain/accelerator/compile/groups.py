"""Groups of steps that run through tiles together: what a tile needs, and what it takes.

A group is a range of steps. Its last result is cut into tiles along one axis, and what every step
has to make for a tile follows backwards from it, edges of windows included: what two tiles need
is made twice. Nothing within the group leaves the chip.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from toolchain.accelerator.compile.boxes import Box, cut, hull, size, whole
from toolchain.accelerator.isa.operands import Engine

if TYPE_CHECKING:
    from toolchain.accelerator.compile.costs import Costs
    from toolchain.accelerator.compile.rules.base import Rule


_SERIAL = 0.05
"""Share of the work of other engines that does not pass beside that of the busiest."""


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
        ahead: More bytes, for the inputs of the next tile to be loaded beside a tile.
        waiting: More cycles if there is no room for that.
        serial: More cycles if there is no room for the results of two tiles, so that engines
            wait for each other.
        parameters: Bytes of the parameters of all steps.
    """

    group: Group
    cycles: float
    memory: int
    ahead: int
    waiting: float
    serial: float
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
        self._itemsizes = {
            name: tensor.dtype.numpy.itemsize
            for name, tensor in costs.facts.program.tensors.items()
        }
        self.parameters = [sum(p.array.nbytes for p in rule.parameters) for rule in steps]

    def leaves(self, name: str, last: int) -> bool:
        """True for a tensor that is read behind a step, or by the user."""
        readers = self.readers[name]
        return name in self.outputs or not readers or readers[-1] > last

    def last_reader(self, name: str, last: int) -> int:
        """The last step up to `last` that reads a tensor, which one does."""
        readers = self.readers[name]
        return readers[bisect_right(readers, last) - 1]

    def keeps(self, group: Group, parameters: int) -> bool:
        """True if the parameters of a group stay on the chip for all of its tiles.

        Those of a single step may be too many: they come in passes then, for every tile again.
        """
        return group.first != group.last or parameters <= self.costs.pass_bytes

    def bytes(self, name: str, box: Box) -> int:
        """Bytes of a part of a tensor."""
        return size(box) * self._itemsizes[name]

    def traffic(self, name: str, box: Box) -> int:
        """Bytes that a part of a tensor takes on the way to or from the DDR, in whole bursts."""
        shape, burst = self.shape(name), self.costs.machine.transfer.burst_bytes
        total = run = self.bytes(name, box)
        for axis in self.costs.orders[name]:
            if run <= burst:
                break
            extent = box[axis][1] - box[axis][0]
            # Indices of this axis follow each other only if all behind it are there in full.
            rest = self.costs.orders[name][self.costs.orders[name].index(axis) + 1 :]
            if all(box[a] == (0, shape[a]) for a in rest):
                break
            run //= extent
        return total // run * -(-run // burst) * burst

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of a tensor."""
        return self.costs.facts.shape(name)


class Growth:
    """A group that grows backwards from its last step, and what one of its tiles needs.

    Attributes:
        group: The group so far.
        boxes: What every step makes for the tile; steps that it does not need are left out.
        cuttable: False once a result leaves the group that cannot be cut as the last one is.
    """

    def __init__(self, flow: Flow, last: int, axis: int, tiles: int, tile: int) -> None:
        self._flow = flow
        self._tile = tile
        self._needed: dict[str, Box] = {}
        self._busy: dict[Engine, float] = defaultdict(float)
        self._stored = 0
        self.parameters = 0
        self.group = Group(first=last + 1, last=last, axis=axis, tiles=tiles)
        self.boxes: dict[int, Box] = {}
        self.cuttable = True

    def extend(self) -> None:
        """One more step in front."""
        self.add(self.next_box())

    def next_box(self) -> Box | None:
        """What the step in front of the group has to make for the tile; None for nothing.

        Results that leave the group are made in full, tile by tile.
        """
        rule = self._flow.steps[self.group.first - 1]
        parts = [self._needed[rule.output]] if rule.output in self._needed else []
        if self._flow.leaves(rule.output, self.group.last):
            parts += self._own_part(rule)
        return aligned(rule, hull(parts), self._flow) if parts else None

    def add(self, box: Box | None) -> None:
        """Let the step in front of the group, making a part of its result, be one of it."""
        number = self.group.first - 1
        self.group = replace(self.group, first=number)
        if box is None:
            return
        rule = self._flow.steps[number]
        self.boxes[number] = box
        costs = self._flow.costs
        self._busy[rule.engine] += costs.cycles(rule, box) / costs.engines(rule.engine)
        self.parameters += self._flow.parameters[number]
        if self._flow.leaves(rule.output, self.group.last):
            self._stored += self._flow.traffic(rule.output, box)
        for name, need in zip(rule.inputs, rule.needs(box), strict=True):
            if need is not None:
                known = self._needed.get(name)
                self._needed[name] = need if known is None else hull((known, need))

    def _own_part(self, rule: Rule) -> list[Box]:
        """The part of a result that leaves which falls to this tile."""
        axis, tiles = self.group.axis, self.group.tiles
        shape = self._flow.shape(rule.output)
        if tiles == 1:
            return [whole(shape)]
        rank = len(self._flow.shape(self._flow.steps[self.group.last].output))
        grain = rule.cuts.get(axis)
        if grain is None or len(shape) != rank or shape[axis] // grain < tiles:
            self.cuttable = False
            return [whole(shape)]
        return [cut(whole(shape), axis, tiles, grain)[self._tile]]

    def estimate(self) -> Estimate:
        """What the group takes, if all tiles are like this one."""
        flow, group = self._flow, self.group
        machine = flow.costs.machine
        loaded = sum(
            flow.traffic(name, need)
            for name, need in self._needed.items()
            if flow.maker.get(name, -1) < group.first
        )
        rate = min(
            machine.ddr.megabytes_per_second / machine.clock_mhz,
            machine.transfer.bytes_per_cycle * machine.transfer.count,
        )
        again = 1 if flow.keeps(group, self.parameters) else group.tiles
        moving = (group.tiles * (loaded + self._stored) + again * self.parameters) / rate
        longest = max(self._busy.values())
        others = sum(self._busy.values()) - longest
        computing = longest + _SERIAL * others
        waits = (len(self.boxes) + 1) * machine.sync_cycles
        alone = (loaded + self._stored) / rate / 2 + machine.ddr.latency_cycles
        busy = group.tiles * (computing + waits)
        memory, ahead = self._memory()
        return Estimate(
            group=group,
            cycles=max(busy, moving) + alone,
            memory=memory,
            ahead=ahead,
            waiting=min(busy, moving),
            serial=(1 - _SERIAL) * others * group.tiles if group.tiles > 1 else 0.0,
            parameters=self.parameters,
        )

    def _memory(self) -> tuple[int, int]:
        """Most bytes that live at one time, and those of the inputs of one more tile."""
        flow, first = self._flow, self.group.first
        changes: dict[int, int] = defaultdict(int)
        ahead = 0
        for name, need in self._needed.items():
            maker = flow.maker.get(name, -1)
            own = self.boxes.get(maker)
            held = flow.bytes(name, need if own is None else hull((need, own)))
            if maker < first:
                ahead += held if self.group.tiles > 1 else 0
                maker = first
            changes[maker] += held
            changes[flow.last_reader(name, self.group.last) + 1] -= held
        for number, box in self.boxes.items():
            name = flow.steps[number].output
            if name not in self._needed:
                held = flow.bytes(name, box)
                changes[number] += held
                changes[number + 1] -= held
        live = most = 0
        for number in sorted(changes):
            live += changes[number]
            most = max(most, live)
        return most, ahead


def grown_together(growths: Sequence[Growth], flow: Flow) -> None:
    """One more step in front of a group, for all of its tiles: together they make everything.

    What no tile needs, as the rows that a window steps over, is made beside what one does, so
    that every tensor can be compared in full.
    """
    boxes = [growth.next_box() for growth in growths]
    shape = flow.shape(flow.steps[growths[0].group.first - 1].output)
    closed = iter(_closed([box for box in boxes if box is not None], shape))
    for growth, box in zip(growths, boxes, strict=True):
        growth.add(None if box is None else next(closed))


def _closed(boxes: Sequence[Box], shape: tuple[int, ...]) -> list[Box]:
    """Boxes widened on every axis until there is no gap between, before or behind them."""
    found = [list(box) for box in boxes]
    for axis, extent in enumerate(shape):
        starts = sorted({box[axis][0] for box in boxes})
        for box in found:
            start, stop = box[axis]
            behind = starts[bisect_right(starts, start) :]
            box[axis] = (
                0 if start == starts[0] else start,
                max(stop, behind[0]) if behind else extent,
            )
    return [tuple(box) for box in found]


def tiles_of(flow: Flow, group: Group) -> list[dict[int, Box]]:
    """What every step of a group makes, for each of its tiles."""
    growths = [
        Growth(flow, group.last, group.axis, group.tiles, tile) for tile in range(group.tiles)
    ]
    while growths[0].group.first > group.first:
        grown_together(growths, flow)
    return [growth.boxes for growth in growths]


def aligned(rule: Rule, box: Box, flow: Flow) -> Box:
    """The box widened to where the rule may be cut; all of an axis along which it may not."""
    found = []
    for axis, ((start, stop), extent) in enumerate(zip(box, flow.shape(rule.output), strict=True)):
        grain = rule.cuts.get(axis, extent)
        first = start // grain * grain
        found.append((first, min(-(-stop // grain) * grain, extent)))
    return tuple(found)


def tile_counts(flow: Flow, last: int, axis: int) -> tuple[int, ...]:
    """Into how many tiles a result may be cut, few first."""
    rule = flow.steps[last]
    most = flow.shape(rule.output)[axis] // rule.cuts[axis]
    found: list[int] = []
    tiles = 2
    while tiles <= most:
        found.append(tiles)
        tiles = max(tiles + 1, tiles * 5 // 4)
    return tuple(found)


def axes(flow: Flow, last: int) -> tuple[int, ...]:
    """Axes along which a result may be cut, rows first, then the longest."""
    rule = flow.steps[last]
    shape = flow.shape(rule.output)
    return tuple(sorted(rule.cuts, key=lambda axis: (axis != 2, -shape[axis])))
