"""Which buffers hold the tensors of a plan: once for all, once per tile, or as they are loaded."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from toolchain.accelerator.compile.boxes import Box, hull, size
from toolchain.accelerator.compile.costs import stored_type
from toolchain.accelerator.compile.plan import Residence
from toolchain.accelerator.compile.tasks import Buffer
from toolchain.accelerator.isa.operands import Space

if TYPE_CHECKING:
    from toolchain.accelerator.compile.costs import Costs
    from toolchain.accelerator.compile.plan import Plan, Work


@dataclass(frozen=True, slots=True)
class _Key:
    """What tells buffers of tensors from each other; group and tile -1: for all of them."""

    name: str
    group: int = -1
    tile: int = -1
    loaded: bool = False


@dataclass(slots=True)
class _Parts:
    """Parts of a tensor that each core makes, and those that it needs."""

    made: dict[int, list[Box]] = field(default_factory=lambda: defaultdict(list))
    all: dict[int, list[Box]] = field(default_factory=lambda: defaultdict(list))


class Holding:
    """A buffer for everything, as large as the largest part that a core makes or needs.

    Attributes:
        buffers: All of them.
        made: The parts of a buffer that each core makes itself.
    """

    def __init__(self, plan: Plan, costs: Costs) -> None:
        """Find all buffers of a plan."""
        self._plan = plan
        self._results: dict[int, set[str]] = defaultdict(set)
        for work in plan.works:
            self._results[work.group].add(plan.steps[work.step].output)
        self._found = {key: _buffer(key, parts, costs) for key, parts in self._parts().items()}
        self.buffers = tuple(buffer for buffer, _ in self._found.values())
        self.made: Mapping[Buffer, Mapping[int, Sequence[Box]]] = dict(self._found.values())

    def target(self, work: Work) -> Buffer:
        """Where a work puts what it makes."""
        return self._found[self._written(work)][0]

    def source(self, work: Work, name: str) -> Buffer | None:
        """Where a work finds an input; None for one of which it needs nothing."""
        found = self._found.get(self._read(work, name))
        return None if found is None else found[0]

    def steps_in(self, group: int) -> int:
        """How many steps a group has."""
        return len(self._results[group])

    def _parts(self) -> Mapping[_Key, _Parts]:
        found: dict[_Key, _Parts] = defaultdict(_Parts)
        for work in self._plan.works:
            rule = self._plan.steps[work.step]
            for core, own in work.own.items():
                parts = found[self._written(work)]
                parts.made[core].append(own)
                parts.all[core].append(own)
                for name, need in zip(rule.inputs, rule.needs(own), strict=True):
                    if need is not None:
                        found[self._read(work, name)].all[core].append(need)
        return found

    def _written(self, work: Work) -> _Key:
        name = self._plan.steps[work.step].output
        if self._plan.residence[name] is Residence.CHIP:
            return _Key(name)
        return _Key(name, work.group, work.tile)

    def _read(self, work: Work, name: str) -> _Key:
        residence = self._plan.residence[name]
        if residence is Residence.CHIP:
            return _Key(name)
        loaded = residence is Residence.DDR and name not in self._results[work.group]
        return _Key(name, work.group, work.tile, loaded)


def _buffer(key: _Key, parts: _Parts, costs: Costs) -> tuple[Buffer, Mapping[int, Sequence[Box]]]:
    dtype = stored_type(costs.facts.dtype(key.name))
    boxes = {core: hull(found) for core, found in parts.all.items()}
    buffer = Buffer(
        name=key.name,
        size=max(size(box) for box in boxes.values()) * dtype.numpy.itemsize,
        space=Space.MEMORY,
        boxes=boxes,
        dtype=dtype,
        order=costs.orders[key.name],
        loaded=key.loaded,
    )
    return buffer, parts.made
