"""On-chip memory as a picture: what lies where, and how long."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from toolchain.accelerator.isa.operands import EVERY_CORE, Space, View
from toolchain.render.machine.schedule import LEFT, TOP, WIDTH, axis
from toolchain.render.machine.svg import box, colour_of, picture, text

if TYPE_CHECKING:
    from toolchain.accelerator.cycles.records import Timeline
    from toolchain.accelerator.isa.code import Code
    from toolchain.accelerator.isa.instructions import Instruction

HEIGHT = 260
"""Pixels of all bytes."""


@dataclass(slots=True)
class Tenure:
    """Bytes of a memory from the instruction that writes them to the last that reads them.

    Attributes:
        operation: Number of the operation that writes.
        first: First byte.
        behind: The one behind the last.
        begin: Cycle in which writing begins.
        end: In which the last reading ends.
    """

    operation: int
    first: int
    behind: int
    begin: int
    end: int


def memory_picture(
    segments: Sequence[tuple[Code, Timeline]], space: Space, core: int, size: int
) -> str:
    """Addresses from below to above, cycles from left to right.

    Args:
        segments: What was executed, and when.
        space: A memory of the chip.
        core: Whose; of one that all share, 0.
        size: Its bytes.
    """
    total = max(1, sum(found.cycles for _, found in segments))
    height = TOP + HEIGHT + 4
    shapes = [*axis(total, height), *_addresses(size)]
    start = 0
    for code, found in segments:
        for each in tenures(code, found, space, core):
            x, width = LEFT + (start + each.begin) * WIDTH / total, each.end - each.begin
            extent = (each.behind - each.first) * HEIGHT / size
            y = TOP + HEIGHT - each.behind * HEIGHT / size
            hint = (
                f"{found.operations[each.operation]}\nbytes {each.first:,} to {each.behind:,}\n"
                f"cycles {start + each.begin:,} to {start + each.end:,}"
            )
            pixels = max(0.25, width * WIDTH / total)
            shapes.append(box(x, y, pixels, max(0.25, extent), colour_of(each.operation), hint))
        start += found.cycles
    return picture(LEFT + WIDTH + 10, height, f"{space.name.lower()} of core {core}", shapes)


def tenures(code: Code, found: Timeline, space: Space, core: int) -> list[Tenure]:
    """What is written into a memory, in the order of beginnings.

    A tenure ends with another write to its bytes: of another operation to any of them, of its own
    to all of them, for tiles of one tensor may lie between each other.
    """
    living: list[Tenure] = []
    all_of_them: list[Tenure] = []
    for step in sorted(found.steps, key=lambda step: (step.begin, step.queue, step.index)):
        instruction = code.queues[step.queue][step.index]
        for view in _sources(instruction):
            if _lies(view, space, core):
                first, behind = view.span
                for each in living:
                    if each.first < behind and first < each.behind:
                        each.end = max(each.end, step.end)
        if _lies(instruction.target, space, core):
            first, behind = instruction.target.span
            living = [
                each
                for each in living
                if each.behind <= first
                or behind <= each.first
                or (each.operation == step.operation and not _within(each, first, behind))
            ]
            new = Tenure(step.operation, first, behind, step.begin, step.completed)
            living.append(new)
            all_of_them.append(new)
    return all_of_them


def used_memories(segments: Sequence[tuple[Code, Timeline]]) -> list[tuple[Space, int]]:
    """Memories of the chip that are written, by kind and core."""
    targets = [
        instruction.target
        for code, _ in segments
        for instructions in code.queues.values()
        for instruction in instructions
    ]
    cores = {queue.core for code, _ in segments for queue in code.queues}
    return sorted(
        {
            (view.space, core)
            for view in targets
            if view.space.on_chip
            for core in (cores if view.core == EVERY_CORE else (view.core,))
        }
    )


def _addresses(size: int) -> Iterator[str]:
    for part in range(5):
        y = TOP + HEIGHT - part * HEIGHT / 4
        yield text(LEFT - 8, y + 4, f"{part * size / 4 / 1024:g} KiB", "end")


def _within(tenure: Tenure, first: int, behind: int) -> bool:
    return first <= tenure.first and tenure.behind <= behind


def _lies(view: View, space: Space, core: int) -> bool:
    return view.space is space and view.core in (core, EVERY_CORE)


def _sources(instruction: Instruction) -> Iterator[View]:
    for field in fields(instruction):
        value = getattr(instruction, field.name)
        if isinstance(value, View) and field.name != "target":
            yield value
