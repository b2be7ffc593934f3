"""From a plan to tasks: what is computed, loaded, stored and exchanged, on which buffers."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING

from toolchain.accelerator.compile.boxes import Box, cut, size
from toolchain.accelerator.compile.exchange import given
from toolchain.accelerator.compile.holding import Holding
from toolchain.accelerator.compile.parameters import (
    Held,
    Stored,
    held_parameters,
    parameter_loads,
)
from toolchain.accelerator.compile.passes import passes, rule_bytes
from toolchain.accelerator.compile.plan import Residence
from toolchain.accelerator.compile.tasks import (
    Access,
    Assignment,
    Buffer,
    Compute,
    Outside,
    Task,
    Transfer,
)
from toolchain.accelerator.isa.operands import EVERY_CORE, Engine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolchain.accelerator.compile.costs import Costs
    from toolchain.accelerator.compile.passes import Pass
    from toolchain.accelerator.compile.plan import Plan, Work
    from toolchain.accelerator.compile.regions import Regions
    from toolchain.accelerator.compile.rules.base import Rule

_PIECES = 4
"""Most transfers that load a part of a tensor: what reads it begins when the first is there."""

_LEAST_PIECE = 1024
"""Fewest bytes of one of them."""


def assign(
    plan: Plan, costs: Costs, regions: Regions, offsets: Sequence[tuple[int, ...]]
) -> Assignment:
    """The tasks of a plan, work by work.

    Args:
        plan: What is computed where and in which order.
        costs: The machine.
        regions: Where tensors lie in the DDR.
        offsets: Of every parameter of every step in the region of constants.
    """
    return _Assigner(plan, costs, regions, offsets).run()


class _Assigner:
    """What has been found so far, and which buffers have been filled."""

    def __init__(
        self, plan: Plan, costs: Costs, regions: Regions, offsets: Sequence[tuple[int, ...]]
    ) -> None:
        self._plan, self._costs, self._regions, self._offsets = plan, costs, regions, offsets
        self._holding = Holding(plan, costs)
        self._buffers = list(self._holding.buffers)
        self._tasks: list[Task] = []
        self._filled: set[Buffer] = set()
        self._kept: dict[tuple[object, ...], Held] = {}
        self._shared_loads = 0

    def run(self) -> Assignment:
        """Go through all works."""
        for work in self._plan.works:
            self._load_inputs(work)
            for now in passes(self._plan.steps[work.step], work, self._costs):
                held = self._load_parameters(work, now)
                # Cores take turns, so that none waits for what others would do before.
                for turn in zip_longest(*now.chunks.values()):
                    for core, box in zip(now.chunks, turn, strict=True):
                        if box is not None:
                            self._compute(work, core, box, now, held)
        return Assignment(tasks=tuple(self._tasks), buffers=tuple(self._buffers))

    def _compute(self, work: Work, core: int, box: Box, now: Pass, held: Held | None) -> None:
        """Compute a part, give it to the cores that need it, and store it."""
        rule = self._plan.steps[work.step]
        target = Access(self._holding.target(work), core, box)
        action = Compute(
            rule=rule,
            target=target,
            sources=self._sources(rule, work, core, box),
            parameters=None if held is None else Access(held.buffer, core, held.buffer.boxes[core]),
            rows=now.rows[core],
            offsets=() if held is None else held.offsets,
        )
        self._add(action, work.step, rule.engine, core)
        buffer = target.buffer
        for other, part in given(box, core, buffer, self._holding.made[buffer]):
            self._transfer(Access(buffer, core, part), Access(buffer, other, part), work.step, core)
        if self._plan.residence[buffer.name] is Residence.DDR:
            place = self._regions.tensors[buffer.name]
            self._transfer(target, Outside(place, box), work.step, core)

    def _sources(self, rule: Rule, work: Work, core: int, box: Box) -> tuple[Access | None, ...]:
        found: list[Access | None] = []
        for name, need in zip(rule.inputs, rule.needs(box), strict=True):
            buffer = self._holding.source(work, name)
            found.append(None if need is None or buffer is None else Access(buffer, core, need))
        return tuple(found)

    def _load_inputs(self, work: Work) -> None:
        """What a work reads from the DDR, unless one of the same tile has loaded it before."""
        for name in self._plan.steps[work.step].inputs:
            buffer = self._holding.source(work, name)
            if buffer is None or not buffer.loaded or buffer in self._filled:
                continue
            self._filled.add(buffer)
            place = self._regions.tensors[name]
            for core, box in buffer.boxes.items():
                for part in _pieces(box, buffer):
                    self._transfer(
                        Outside(place, part), Access(buffer, core, part), work.step, core
                    )

    def _load_parameters(self, work: Work, now: Pass) -> Held | None:
        """What holds the parameters of a pass; those of groups are loaded for all tiles at once."""
        rule = self._plan.steps[work.step]
        if not rule.parameters:
            return None
        key = (work.group, work.step, tuple(now.rows.items()))
        if key in self._kept:
            return self._kept[key]
        held = held_parameters(rule, now, self._costs)
        self._buffers.append(held.buffer)
        if self._stays(rule, work):
            self._kept[key] = held
        stored = Stored(place=self._regions.constants, offsets=self._offsets[work.step])
        for core, load in parameter_loads(rule, now, held, stored, self._costs):
            loader = self._loader() if core == EVERY_CORE else core
            self._add(load, work.step, Engine.TRANSFER, loader)
        return held

    def _stays(self, rule: Rule, work: Work) -> bool:
        several = self._holding.steps_in(work.group) > 1
        return several or rule_bytes(rule) <= self._costs.pass_bytes

    def _loader(self) -> int:
        """Who loads what all cores need: one after the other."""
        self._shared_loads += 1
        return (self._shared_loads - 1) % self._costs.machine.cores

    def _transfer(
        self, source: Access | Outside, target: Access | Outside, step: int, core: int
    ) -> None:
        self._add(Transfer(source, target), step, Engine.TRANSFER, core)

    def _add(self, action: Compute | Transfer, step: int, engine: Engine, core: int) -> None:
        position = len(self._tasks)
        self._tasks.append(
            Task(action=action, step=step, engine=engine, core=core, position=position)
        )


def _pieces(box: Box, buffer: Buffer) -> tuple[Box, ...]:
    """A part that is loaded, cut along its slowest axis."""
    if not box:
        return (box,)
    total = size(box) * buffer.dtype.numpy.itemsize
    axis = next((at for at in buffer.order if box[at][1] - box[at][0] > 1), 0)
    return cut(box, axis, max(1, min(_PIECES, total // _LEAST_PIECE)))
