"""The timeline as a picture: a lane for each queue, a box for each instruction.

A program of thousands of instructions gives no more boxes than can be told apart: neighbours that
are too narrow are drawn as one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from toolchain.accelerator.cycles.operations import operation_times
from toolchain.accelerator.cycles.records import queue_name
from toolchain.render.machine.svg import box, colour_of, line, picture, room_for, text, ticks

if TYPE_CHECKING:
    from toolchain.accelerator.cycles.records import Step, Timeline
    from toolchain.accelerator.isa.operands import Queue

LEFT, WIDTH, LANE, TOP = 150, 1030, 24, 34
"""Pixels: of the names, of all cycles, of a lane, and above the first one."""
MOST = 2500
"""Boxes of instructions that a picture has at most."""
_FINE = 0.5
"""Pixels; the narrowest box, and what is narrower is drawn together with its neighbours."""


def schedule_picture(segments: Sequence[Timeline]) -> str:
    """All segments, one behind the other: operations by their ends, then every queue."""
    queues = sorted({queue for each in segments for queue in each.busy})
    rows = {queue: float(TOP + LANE * number) for number, queue in enumerate(queues, start=1)}
    total = max(1, sum(each.cycles for each in segments))
    height = TOP + LANE * (len(rows) + 1) + 4
    shapes = [*axis(total, height, segments[0].machine.clock_mhz), *_names(rows)]
    groups = _groups(segments, WIDTH / total)
    start = 0
    for each, joined in zip(segments, groups, strict=True):
        shapes += _ends(each, WIDTH / total, start)
        shapes += (_box(group, each, rows, WIDTH / total, start) for group in joined)
        start += each.cycles
    return picture(LEFT + WIDTH + 20, height, "schedule", shapes)


def axis(total: int, height: float, clock_mhz: int) -> Iterator[str]:
    """Cycles along the upper edge, and the time that they are at the clock of the model."""
    yield text(LEFT - 8, TOP - 20, "cycles", "end")
    yield text(LEFT - 8, TOP - 8, "microseconds", "end")
    for cycle in ticks(total):
        x = LEFT + cycle * WIDTH / total
        yield line(x, TOP - 5, x, height, "grid")
        yield text(x, TOP - 20, f"{cycle:,}", "middle")
        yield text(x, TOP - 8, f"{cycle / clock_mhz:.4g}", "middle")


def _names(rows: Mapping[Queue, float]) -> Iterator[str]:
    yield text(LEFT - 8, TOP + LANE - 8, "done, in order", "end")
    for queue, y in rows.items():
        yield line(LEFT, y, LEFT + WIDTH, y, "grid")
        yield text(LEFT - 8, y + LANE - 8, queue_name(queue), "end")


def _ends(found: Timeline, scale: float, start: int) -> Iterator[str]:
    """Operations in the order in which they end, each by how much it puts off the end."""
    before = start
    for each in sorted(operation_times(found), key=lambda each: (each.end, each.number)):
        x, width = LEFT + before * scale, each.cycles * scale
        before += each.cycles
        if width < _FINE:
            continue
        hint = f"{each.name}\nputs off the end by {each.cycles:,} cycles, to {before:,}"
        yield box(x, TOP + 3, width, LANE - 5, colour_of(each.number), hint)
        yield from _label(each.name, x, TOP + LANE - 8, width)


def _label(name: str, x: float, y: float, width: float) -> Iterator[str]:
    """As much of the end of a path as fits, or nothing."""
    parts = name.strip("/").split("/")
    for first in range(len(parts)):
        words = "/".join(parts[first:])
        if room_for(words) + 6 < width:
            yield text(x + width / 2, y, words, "middle", "in")
            return


def _groups(segments: Sequence[Timeline], scale: float) -> list[list[tuple[Step, ...]]]:
    """Steps that are drawn as one box, as fine as there may be boxes."""
    fine = _FINE
    while True:
        found = [list(joined(each.steps, fine / scale)) for each in segments]
        if sum(map(len, found)) <= MOST or fine > WIDTH:
            return found
        fine *= 2


def joined(steps: Sequence[Step], fine: float) -> Iterator[tuple[Step, ...]]:
    """Neighbours of a queue between which nothing could be seen; `fine` in cycles.

    Those of one operation are joined where one of them is narrow, others where all are.
    """
    for _, lane in groupby(steps, lambda step: step.queue):
        group: list[Step] = []
        for step in lane:
            if group and not _belongs(step, group, fine):
                yield tuple(group)
                group = []
            group.append(step)
        yield tuple(group)


def _belongs(step: Step, group: Sequence[Step], fine: float) -> bool:
    first, last = group[0], group[-1]
    if step.begin - last.end >= fine:
        return False
    same = first.operation == last.operation == step.operation
    if same and (step.cycles < 4 * fine or last.cycles < 4 * fine):
        return True
    return step.end - first.begin < 2 * fine


def _box(
    group: Sequence[Step], found: Timeline, rows: Mapping[Queue, float], scale: float, start: int
) -> str:
    first, last = group[0], group[-1]
    x = LEFT + (start + first.begin) * scale
    width = max(_FINE, (last.end - first.begin) * scale)
    busy: Counter[int] = Counter()
    for step in group:
        busy[step.operation] += step.cycles
    operation = min(busy, key=lambda number: (-busy[number], number))
    hint = _hint(group, operation, found, start)
    return box(x, rows[first.queue] + 3, width, LANE - 5, colour_of(operation), hint)


def _hint(group: Sequence[Step], operation: int, found: Timeline, start: int) -> str:
    first, last = group[0], group[-1]
    others = len({step.operation for step in group}) - 1
    what = first.kind if first is last else f"{len(group)} instructions"
    lines = [
        found.operations[operation] + (f" and {others} more" if others else ""),
        f"{what}, cycles {start + first.begin:,} to {start + last.end:,}",
    ]
    moved = sum(step.traffic.bytes for step in group)
    if moved:
        lines.append(f"{moved:,} bytes")
    if first is last and first.cause is not None:
        lines.append(f"waited {first.stalled:,} for {queue_name(first.cause.queue)}")
    return "\n".join(lines)
