"""On-chip memory as a picture: what lies where, and how long."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import accumulate
from typing import TYPE_CHECKING

from toolchain.accelerator.isa.operands import EVERY_CORE, Space, View
from toolchain.render.machine.schedule import LEFT, TOP, WIDTH, axis
from toolchain.render.machine.svg import box, colour_of, line, picture, text

if TYPE_CHECKING:
    from toolchain.accelerator.cycles.records import Timeline
    from toolchain.accelerator.isa.code import Code
    from toolchain.accelerator.isa.instructions import Instruction

HEIGHT = 240
"""Pixels of all bytes."""
MOST = 700
"""Boxes that a picture has at most: what holds most bytes for most cycles."""


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
    height = TOP + HEIGHT + 6
    shapes = [*axis(total, height, segments[0][1].machine.clock_mhz), *_addresses(size)]
    starts = accumulate((found.cycles for _, found in segments), initial=0)
    everything = [
        (each, found, start)
        for (code, found), start in zip(segments, starts, strict=False)
        for each in tenures(code, found, space, core)
    ]
    largest = sorted(everything, key=lambda item: -_area(item[0]))[:MOST]
    for each, found, start in sorted(largest, key=lambda item: item[2] + item[0].begin):
        shapes.append(_box(each, found, start, total, size))
    if len(everything) > MOST:
        note = f"{len(everything) - MOST:,} smaller ones of {len(everything):,} are left out"
        shapes.append(text(LEFT + WIDTH, TOP + 12, note, "end"))
    return picture(LEFT + WIDTH + 20, height, f"{space.name.lower()} of core {core}", shapes)


def _box(each: Tenure, found: Timeline, start: int, total: int, size: int) -> str:
    x, cycles = LEFT + (start + each.begin) * WIDTH / total, each.end - each.begin
    extent = max(0.5, (each.behind - each.first) * HEIGHT / size)
    y = TOP + HEIGHT - each.behind * HEIGHT / size
    hint = (
        f"{found.operations[each.operation]}\nbytes {each.first:,} to {each.behind:,}\n"
        f"cycles {start + each.begin:,} to {start + each.end:,}"
    )
    pixels = max(0.5, cycles * WIDTH / total)
    return box(x, y, pixels, extent, colour_of(each.operation), hint)


def _area(each: Tenure) -> int:
    return (each.behind - each.first) * (each.end - each.begin)


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
        yield line(LEFT, y, LEFT + WIDTH, y, "grid")
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
