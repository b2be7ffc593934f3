"""On-chip memory as a picture: what lies where, and how long."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, TypeAlias

from toolchain.accelerator.isa.operands import EVERY_CORE, Space, View
from toolchain.render.machine.schedule import LEFT, TOP, WIDTH, axis
from toolchain.render.machine.svg import box, colour_of, line, picture, text

if TYPE_CHECKING:
    from toolchain.accelerator.cycles.records import Timeline
    from toolchain.accelerator.isa.code import Code
    from toolchain.accelerator.isa.instructions import Instruction

    Segments: TypeAlias = Sequence[tuple[Code, Timeline]]

HEIGHT = 240
"""Pixels of all bytes."""
_CUT, _SPACED, _LABELS = 18, 16, 4
"""Pixels of a range that is cut short, and between labels; labels that a range has at most."""
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


def memory_picture(segments: Segments, space: Space, core: int, size: int) -> str:
    """Addresses from below to above, cycles from left to right; what is never used is cut short.

    Args:
        segments: What was executed, and when.
        space: A memory of the chip.
        core: Whose; of one that all share, 0.
        size: Its bytes.
    """
    total = max(1, sum(found.cycles for _, found in segments))
    held = list(_held(segments, space, core))
    scale = _Addresses([each for each, _ in held], size)
    height = TOP + HEIGHT + 6
    shapes = [*axis(total, height, segments[0][1].machine.clock_mhz), *scale.shapes()]
    largest = sorted(held, key=lambda item: -_area(item[0]))[:MOST]
    for each, name in sorted(largest, key=lambda item: item[0].begin):
        shapes.append(_box(each, name, total, scale))
    if len(held) > MOST:
        note = f"{len(held) - MOST:,} smaller ones of {len(held):,} are left out"
        shapes.append(text(LEFT + WIDTH, TOP + 12, note, "end"))
    return picture(LEFT + WIDTH + 20, height, f"{space.name.lower()} of core {core}", shapes)


def most_at_once(segments: Segments, space: Space, core: int) -> int:
    """Most bytes of a memory that hold something which is read later."""
    living: list[Tenure] = []
    most = 0
    for each, _ in sorted(_held(segments, space, core), key=lambda item: item[0].begin):
        living = [other for other in living if other.end > each.begin]
        living.append(each)
        most = max(most, sum(behind - first for first, behind in _united(living)))
    return most


def _held(segments: Segments, space: Space, core: int) -> Iterator[tuple[Tenure, str]]:
    """Tenures of all segments, one behind the other, with the names of their operations."""
    start = 0
    for code, found in segments:
        for each in tenures(code, found, space, core):
            each.begin, each.end = each.begin + start, each.end + start
            yield each, found.operations[each.operation]
        start += found.cycles


class _Addresses:
    """Heights of addresses; ranges that nothing ever lies in are as high as a line of text."""

    def __init__(self, held: Iterable[Tenure], size: int) -> None:
        self._pieces: list[tuple[int, int, bool]] = []
        end = 0
        for first, behind in _united(held):
            self._add(end, first, size)
            self._pieces.append((first, behind, True))
            end = behind
        self._add(end, size, size)
        cut = sum(not whole for _, _, whole in self._pieces)
        shown = sum(behind - first for first, behind, whole in self._pieces if whole)
        self._scale = (HEIGHT - cut * _CUT) / max(1, shown)

    def _add(self, first: int, behind: int, size: int) -> None:
        """A range that is not used; small ones are shown as they are."""
        if behind > first:
            self._pieces.append((first, behind, (behind - first) * 20 < size))

    def at(self, address: int) -> float:
        """Pixels from above."""
        y = float(TOP + HEIGHT)
        for first, behind, whole in self._pieces:
            extent = (behind - first) * self._scale if whole else _CUT
            if address <= behind:
                return y - extent * (address - first) / (behind - first)
            y -= extent
        return y

    def shapes(self) -> Iterator[str]:
        """Labels where ranges begin, where there is room, and what is cut short."""
        above = float(TOP + HEIGHT + 20)
        for first, behind, whole in self._pieces:
            y = self.at(first)
            if not whole:
                yield box(LEFT, y - _CUT, WIDTH, _CUT, "idle")
                words = f"{(behind - first) / 1024:,.4g} KiB are never used"
                yield text(LEFT + WIDTH / 2, y - _CUT / 2 + 4, words, "middle")
            for part in range(_LABELS):
                address = first + (behind - first) * part // _LABELS
                y = self.at(address)
                if (whole or not part) and above - y >= (_SPACED if not part else 2 * _SPACED):
                    yield from _label(address, y)
                    above = y
        if above - TOP >= _SPACED:
            yield from _label(self._pieces[-1][1], TOP)


def _label(address: int, y: float) -> Iterator[str]:
    yield line(LEFT, y, LEFT + WIDTH, y, "grid")
    yield text(LEFT - 8, y + 4, f"{address / 1024:,.4g} KiB", "end")


def _box(each: Tenure, name: str, total: int, scale: _Addresses) -> str:
    y, bottom = scale.at(each.behind), scale.at(each.first)
    hint = f"{name}\nbytes {each.first:,} to {each.behind:,}\ncycles {each.begin:,} to {each.end:,}"
    x, pixels = LEFT + each.begin * WIDTH / total, (each.end - each.begin) * WIDTH / total
    return box(x, y, max(0.5, pixels), max(0.5, bottom - y), colour_of(each.operation), hint)


def _area(each: Tenure) -> int:
    return (each.behind - each.first) * (each.end - each.begin)


def _united(held: Iterable[Tenure]) -> list[tuple[int, int]]:
    """Ranges of addresses in which anything lies, rising and apart from each other."""
    ranges: list[tuple[int, int]] = []
    for first, behind in sorted((each.first, each.behind) for each in held):
        if ranges and first <= ranges[-1][1]:
            ranges[-1] = (ranges[-1][0], max(behind, ranges[-1][1]))
        else:
            ranges.append((first, behind))
    return ranges


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


def used_memories(segments: Segments) -> list[tuple[Space, int]]:
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


def _within(tenure: Tenure, first: int, behind: int) -> bool:
    return first <= tenure.first and tenure.behind <= behind


def _lies(view: View, space: Space, core: int) -> bool:
    return view.space is space and view.core in (core, EVERY_CORE)


def _sources(instruction: Instruction) -> Iterator[View]:
    for field in fields(instruction):
        value = getattr(instruction, field.name)
        if isinstance(value, View) and field.name != "target":
            yield value
