"""Who computes what, and where it lies: parts of a compiled model, and regions of its memories."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from toolchain.accelerator.container.records import HostSegment, MachineSegment
from toolchain.accelerator.cycles.operations import operation_times
from toolchain.accelerator.isa.operands import Space
from toolchain.program.cost import program_costs
from toolchain.render.figures import count, percent, plural, size
from toolchain.render.machine.memory import most_at_once, used_memories
from toolchain.render.tables import Table, table

if TYPE_CHECKING:
    from toolchain.core.machine import Machine, OnChipMemory
    from toolchain.render.machine.records import MachineStudy


def part_line(study: MachineStudy) -> str:
    """The share of the machine, in one sentence."""
    parts = study.variant.segments
    host = [each.program for each in parts if isinstance(each, HostSegment)]
    inside = sum(len(code.operations) for code, _ in study.segments)
    outside = sum(len(each.operations) for each in host)
    macs = sum(each.macs for _, found in study.segments for each in operation_times(found))
    left = sum(cost.macs for program in host for cost in program_costs(program))
    share = percent(macs / (macs + left) if macs + left else 0.0)
    computing = sum(isinstance(each, MachineSegment) for each in parts)
    return (
        f"{inside} of {plural(inside + outside, 'operation')} and {share} of the MACs on "
        f"{study.machine.name}, in {plural(computing, 'part')}; a CPU computes "
        f"{plural(len(host), 'part')}, whose time no model here knows"
    )


def part_table(study: MachineStudy) -> Table:
    """Every part in the order of execution."""
    return table(
        f"Parts ({len(study.variant.segments)})",
        "part:number executor:word operations:number instructions:number MACs:number "
        "cycles:number first:name last:name",
        _part_rows(study),
    )


def _part_rows(study: MachineStudy) -> Iterator[tuple[str, ...]]:
    runs = iter(study.segments)
    for number, part in enumerate(study.variant.segments):
        if isinstance(part, MachineSegment):
            _, found = next(runs)
            names: tuple[str, ...] = found.operations
            macs = sum(each.macs for each in operation_times(found))
            steps, cycles = f"{len(found.steps):,}", f"{found.cycles:,}"
            executor = study.machine.name
        else:
            names = tuple(op.name for op in part.program.operations)
            macs = sum(cost.macs for cost in program_costs(part.program))
            steps, cycles, executor = "", "", "CPU"
        ends = (names[0], names[-1]) if names else ("", "")
        yield (str(number), executor, str(len(names)), steps, count(macs), cycles, *ends)


def reason_table(study: MachineStudy) -> Table:
    """Why operations are left to the CPU."""
    rows = [
        (str(number), op.name, type(op).__name__, part.reasons.get(op.name, ""))
        for number, part in enumerate(study.variant.segments)
        if isinstance(part, HostSegment)
        for op in part.program.operations
    ]
    return table(
        f"Left to the CPU ({len(rows)})", "part:number operation:name kind:word reason:text", rows
    )


_REGIONS = {
    Space.CONSTANTS: "weights and tables, shared by all batches and cores",
    Space.INPUT: "inputs",
    Space.OUTPUT: "outputs",
    Space.WORK: "what lies between operations and does not stay on the chip",
}


def region_table(study: MachineStudy) -> Table:
    """Regions of the DDR, and memories of the chip, with what the code holds in them."""
    return table(
        "Memories and regions",
        "where:word region:word held:number size:number used:number what:text",
        (*_regions(study), *_on_chip(study)),
        "of the chip: the most at once that is read later",
    )


def _regions(study: MachineStudy) -> Iterator[tuple[str, ...]]:
    sizes: dict[Space, int] = {}
    for code, _ in study.segments:
        for space, needed in code.sizes.items():
            sizes[space] = max(needed, sizes.get(space, 0))
    if study.segments:
        sizes[Space.CONSTANTS] = study.constants
    for space, what in _REGIONS.items():
        if sizes.get(space):
            yield ("DDR", space.name.lower(), size(sizes[space]), "", "", what)


def _on_chip(study: MachineStudy) -> Iterator[tuple[str, ...]]:
    sizes = memories(study.machine)
    for space, core in used_memories(study.segments):
        if space in sizes:
            where = f"core {core}" if space.per_core else "all cores"
            held, there = most_at_once(study.segments, space, core), sizes[space].bytes
            share = percent(held / there, 1)
            yield (where, space.name.lower(), _kib(held), _kib(there), share, "")


def _kib(length: int) -> str:
    return f"{length / 1024:,.1f} KiB"


def memories(machine: Machine) -> dict[Space, OnChipMemory]:
    """The memories that the chip has."""
    found = {
        Space.MEMORY: machine.memory,
        Space.WEIGHTS: machine.weight_buffer,
        Space.SHARED: machine.shared_memory,
    }
    return {space: memory for space, memory in found.items() if memory is not None}


def ground_table(machine: Machine) -> Table:
    """What every figure of the machine rests on."""
    rows = [("published", path, text) for path, text in machine.sources.items()]
    rows += [("assumed", path, text) for path, text in machine.assumptions.items()]
    return table(f"Grounds of the model ({len(rows)})", "kind:word figure:name what:text", rows)
