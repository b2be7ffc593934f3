"""From a plan to tasks: what is computed, loaded, stored and exchanged, on which buffers."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from itertools import count
from typing import TYPE_CHECKING

from toolchain.accelerator.compile.boxes import Box, common, cut, hull, size, without
from toolchain.accelerator.compile.chunks import chunks
from toolchain.accelerator.compile.costs import stored_type
from toolchain.accelerator.compile.image import packed
from toolchain.accelerator.compile.plan import Residence
from toolchain.accelerator.compile.tasks import (
    Access,
    Buffer,
    Compute,
    Outside,
    Task,
    Transfer,
)
from toolchain.accelerator.isa.operands import EVERY_CORE, Engine, Space
from toolchain.core.dtypes import DType

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from toolchain.accelerator.compile.costs import Costs
    from toolchain.accelerator.compile.plan import Plan, Work
    from toolchain.accelerator.compile.rules.base import Parameter, Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Regions:
    """Where tensors and parameters lie in the DDR.

    Attributes:
        tensors: Inputs, outputs, and what is stored in between.
        parameters: Offset of every parameter of every step in the region of constants.
    """

    tensors: Mapping[str, Outside]
    parameters: Sequence[tuple[int, ...]]


@dataclass(slots=True, kw_only=True)
class Assignment:
    """Tasks in the order of works, and their buffers."""

    tasks: list[Task] = field(default_factory=list)
    buffers: list[Buffer] = field(default_factory=list)


class Assigner:
    """Builds the tasks of one plan."""

    def __init__(self, plan: Plan, costs: Costs, regions: Regions) -> None:
        self._plan, self._costs, self._regions = plan, costs, regions
        self._holding: dict[tuple[str, int, int], Buffer] = {}
        self._found = Assignment()
        self._positions = count()
        self._loaders = count()
        self._piece = costs.piece_bytes
        self._kept: dict[object, Buffer] = {}
        self._own: dict[Buffer, dict[int, list[Box]]] = {}
        self._places: dict[Buffer, tuple[int, ...]] = {}
        self._made: dict[int, set[str]] = defaultdict(set)
        for work in plan.works:
            self._made[work.group].add(plan.steps[work.step].output)

    def assign(self) -> Assignment:
        """All tasks."""
        self._hold()
        for work in self._plan.works:
            self._work(work)
        return self._found

    # What is held where

    def _key(self, name: str, work: Work, *, reading: bool) -> tuple[str, int, int]:
        """Which buffer a work finds or puts a tensor in."""
        match self._plan.residence[name]:
            case Residence.CHIP:
                return (name, -1, -1)
            case Residence.TILE:
                return (name, work.group, work.tile)
        made = name in self._made[work.group]
        return (
            (name, work.group, work.tile)
            if made or not reading
            else (f"{name} loaded", work.group, work.tile)
        )

    def _hold(self) -> None:
        """A buffer for everything, as large as the largest part that a core makes or needs."""
        parts: dict[tuple[str, int, int], dict[int, list[Box]]] = defaultdict(
            lambda: defaultdict(list)
        )
        names: dict[tuple[str, int, int], str] = {}
        made: dict[tuple[str, int, int], dict[int, list[Box]]] = defaultdict(
            lambda: defaultdict(list)
        )
        for work in self._plan.works:
            rule = self._plan.steps[work.step]
            for core, own in work.own.items():
                key = self._key(rule.output, work, reading=False)
                parts[key][core].append(own)
                made[key][core].append(own)
                names[key] = rule.output
                for name, need in zip(rule.inputs, rule.needs(own), strict=True):
                    if need is not None:
                        key = self._key(name, work, reading=True)
                        parts[key][core].append(need)
                        names[key] = name
        for key, by_core in parts.items():
            name = names[key]
            dtype = stored_type(self._costs.facts.dtype(name))
            boxes = {core: hull(found) for core, found in by_core.items()}
            buffer = Buffer(
                name=name,
                size=max(size(box) for box in boxes.values()) * dtype.numpy.itemsize,
                space=Space.MEMORY,
                boxes=boxes,
                dtype=dtype,
                order=self._costs.orders[name],
                loaded=key[0] != name,
            )
            self._holding[key] = buffer
            self._own[buffer] = made[key]
            self._found.buffers.append(buffer)

    # Tasks of one work

    def _work(self, work: Work) -> None:
        rule = self._plan.steps[work.step]
        self._load_inputs(rule, work)
        target = self._holding[self._key(rule.output, work, reading=False)]
        for rows, parts in self._passes(rule, work):
            parameters = self._load_parameters(rule, work, rows)
            lanes = list(parts.values())
            cores = list(parts)
            for turn in range(max(map(len, lanes))):
                for core, lane in zip(cores, lanes, strict=True):
                    if turn < len(lane):
                        self._compute(rule, work, core, lane[turn], target, parameters, rows)

    def _passes(self, rule: Rule, work: Work):
        """Parts of all cores, pass by pass: each with the rows of parameters of every core."""
        along = next((p.along for p in rule.parameters if p.along is not None), None)
        own = dict(work.own)
        total = _total(rule)
        limit = self._costs.pass_bytes
        slices: dict[int, tuple[Box, ...]] = {core: (box,) for core, box in own.items()}
        if along is not None and total > limit:
            for core, box in own.items():
                share = (box[along][1] - box[along][0]) / self._extent(rule, along)
                grain = max(rule.cuts.get(along, 1), self._costs.machine.convolution.array.outputs)
                if rule.cuts.get(along, 1) > 1:
                    grain = rule.cuts[along]
                slices[core] = cut(box, along, -(-int(total * share) // limit), grain)
        for index in range(max(map(len, slices.values()))):
            now = {core: s[index] for core, s in slices.items() if index < len(s)}
            rows = {
                core: tuple(parameter.rows(box) for parameter in rule.parameters)
                for core, box in now.items()
            }
            yield rows, {core: chunks(rule, box, self._costs) for core, box in now.items()}

    def _extent(self, rule: Rule, axis: int) -> int:
        return self._costs.facts.shape(rule.output)[axis]

    def _compute(
        self,
        rule: Rule,
        work: Work,
        core: int,
        box: Box,
        target: Buffer,
        parameters: Buffer | None,
        rows: Mapping[int, tuple[tuple[int, int], ...]],
    ) -> None:
        sources = tuple(
            None
            if need is None
            else Access(self._holding[self._key(name, work, reading=True)], core, need)
            for name, need in zip(rule.inputs, rule.needs(box), strict=True)
        )
        into = Access(target, core, box)
        held = None if parameters is None else Access(parameters, core)
        reads = tuple(a for a in (*sources, held) if a is not None)
        places = () if parameters is None else self._places[parameters]
        action = Compute(rule, box, into, sources, held, rows[core], places)
        self._add(action, work.step, rule.engine, core, reads, (into,))
        self._exchange(work.step, core, box, target)
        self._store(work.step, core, box, target)

    def _exchange(self, step: int, core: int, box: Box, buffer: Buffer) -> None:
        """What other cores need of a part and do not make themselves, into their memories.

        What several cores make is given by the first of them.
        """
        made = self._own[buffer]
        for other, held in buffer.boxes.items():
            shared = None if other == core else common(box, held)
            rest = () if shared is None else (shared,)
            for maker in {other, *(each for each in made if each < core)}:
                for own in made.get(maker, ()):
                    rest = tuple(part for each in rest for part in without(each, own))
            for part in rest:
                source, target = Access(buffer, core, part), Access(buffer, other, part)
                action = Transfer(source, target)
                self._add(action, step, Engine.TRANSFER, core, (source,), (target,))

    def _store(self, step: int, core: int, box: Box, buffer: Buffer) -> None:
        place = self._regions.tensors.get(buffer.name)
        if place is None or self._plan.residence[buffer.name] is not Residence.DDR:
            return
        source = Access(buffer, core, box)
        target = _outside(place, box)
        action = Transfer(source, target)
        self._add(action, step, Engine.TRANSFER, core, (source,), (self._ddr(buffer.name, box),))

    def _ddr(self, name: str, box: Box) -> Access:
        """A part of a tensor in the DDR, for the order of stores and loads."""
        key = (f"{name} outside", -1, -1)
        if key not in self._holding:
            self._holding[key] = Buffer(name=name, size=0, space=Space.WORK)
        return Access(self._holding[key], 0, box)

    # Loads

    def _load_inputs(self, rule: Rule, work: Work) -> None:
        for name, *_ in zip(rule.inputs, strict=True):
            key = self._key(name, work, reading=True)
            buffer = self._holding.get(key)
            if buffer is None or not buffer.loaded or buffer.first >= 0:
                continue
            buffer.first = 0
            place = self._regions.tensors[name]
            for core, box in buffer.boxes.items():
                for part in self._pieces(box, buffer):
                    target = Access(buffer, core, part)
                    source = _outside(place, part)
                    reads = () if place.space is Space.INPUT else (self._ddr(name, part),)
                    action = Transfer(source, target)
                    self._add(action, work.step, Engine.TRANSFER, core, reads, (target,))

    def _pieces(self, box: Box, buffer: Buffer) -> tuple[Box, ...]:
        total = size(box) * buffer.dtype.numpy.itemsize
        axis = next((a for a in buffer.order if box[a][1] - box[a][0] > 1), 0)
        return cut(box, axis, max(1, min(4, total // 1024))) if box else (box,)

    def _load_parameters(
        self, rule: Rule, work: Work, rows: Mapping[int, tuple[tuple[int, int], ...]]
    ) -> Buffer | None:
        """A buffer with the same places of parameters in every core, and what fills it."""
        if not rule.parameters:
            return None
        key = (work.group, work.step, tuple(rows.items()))
        if key in self._kept:
            return self._kept[key]
        sizes = {
            core: [_row_bytes(p) * (b - a) for p, (a, b) in zip(rule.parameters, own, strict=True)]
            for core, own in rows.items()
        }
        places, end = packed([max(column) for column in zip(*sizes.values(), strict=True)])
        buffer = Buffer(
            name=f"{rule.name} parameters", size=end, space=self._costs.parameter_space, loaded=True
        )
        self._found.buffers.append(buffer)
        if len(self._made[work.group]) > 1 or _total(rule) <= self._costs.pass_bytes:
            self._kept[key] = buffer
        self._places[buffer] = places
        machine = self._costs.machine
        same = len(set(rows.values())) == 1 and len(rows) == machine.cores
        same = same and machine.interconnect is not None  # the way into all memories at once
        for core, own in rows.items():
            if same and core != min(rows):
                break
            for index, (parameter, (start, _)) in enumerate(zip(rule.parameters, own, strict=True)):
                first = self._regions.parameters[work.step][index] + start * _row_bytes(parameter)
                self._load_bytes(
                    work.step,
                    EVERY_CORE if same and len(rows) > 1 else core,
                    (first, sizes[core][index]),
                    (buffer, places[index], tuple(rows)),
                )
        return buffer

    def _load_bytes(
        self,
        step: int,
        core: int,
        source: tuple[int, int],
        target: tuple[Buffer, int, tuple[int, ...]],
    ) -> None:
        (first, length), (buffer, place, every) = source, target
        into = tuple(Access(buffer, c) for c in (every if core == EVERY_CORE else (core,)))
        most = self._piece
        for start in range(0, length, most):
            piece = min(most, length - start)
            outside = Outside(Space.CONSTANTS, first + start, DType.UINT8, (piece,), (0,))
            action = Transfer(outside, Access(buffer, core), place + start)
            loader = core
            if core == EVERY_CORE:
                loader = next(self._loaders) % self._costs.machine.cores
            self._add(action, step, Engine.TRANSFER, loader, (), into)

    def _add(
        self,
        action: Compute | Transfer,
        step: int,
        engine: Engine,
        core: int,
        reads: tuple[Access, ...],
        writes: tuple[Access, ...],
    ) -> None:
        position = next(self._positions)
        self._found.tasks.append(
            Task(
                action=action,
                step=step,
                engine=engine,
                core=core,
                reads=reads,
                writes=writes,
                position=position,
            )
        )


def _total(rule: Rule) -> int:
    return sum(parameter.array.nbytes for parameter in rule.parameters)


def _row_bytes(parameter: Parameter) -> int:
    return parameter.array.nbytes // parameter.array.shape[0]


def _outside(place: Outside, box: Box) -> Outside:
    return replace(place, box=box)
