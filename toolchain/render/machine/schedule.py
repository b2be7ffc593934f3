"""The timeline as a picture: a lane for each queue, a box for each instruction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from toolchain.accelerator.cycles.records import queue_name
from toolchain.render.machine.svg import box, colour_of, line, picture, text, ticks

if TYPE_CHECKING:
    from toolchain.accelerator.cycles.records import Step, Timeline
    from toolchain.accelerator.isa.operands import Queue

LEFT, WIDTH, LANE, TOP = 170, 1030, 22, 24
"""Pixels: of the names, of all cycles, of a lane, and above the first one."""
_FINE = 0.25
"""Pixels; what is narrower, and belongs to one operation, is drawn together."""


def schedule_picture(segments: Sequence[Timeline]) -> str:
    """All segments, one behind the other."""
    queues = sorted({queue for each in segments for queue in each.busy})
    rows = {queue: TOP + LANE * number for number, queue in enumerate(queues)}
    total = max(1, sum(each.cycles for each in segments))
    height = TOP + LANE * len(rows) + 4
    shapes = [*axis(total, height), *_names(rows)]
    start = 0
    for each in segments:
        shapes += _boxes(each, rows, WIDTH / total, start)
        start += each.cycles
    return picture(LEFT + WIDTH + 10, height, "schedule", shapes)


def axis(total: int, height: float) -> Iterator[str]:
    """Cycles along the upper edge."""
    for cycle in ticks(total):
        x = LEFT + cycle * WIDTH / total
        yield line(x, TOP - 6, x, height, "grid")
        yield text(x, TOP - 10, f"{cycle:,}", "middle")


def _names(rows: Mapping[Queue, float]) -> Iterator[str]:
    for queue, y in rows.items():
        yield text(LEFT - 8, y + LANE - 7, queue_name(queue), "end")
        yield line(LEFT, y + LANE, LEFT + WIDTH, y + LANE, "grid")


def _boxes(found: Timeline, rows: Mapping[Queue, float], scale: float, start: int) -> Iterator[str]:
    for first, last in _joined(found.steps, _FINE / scale):
        x = LEFT + (start + first.begin) * scale
        width = max(_FINE, (last.end - first.begin) * scale)
        y = rows[first.queue] + 3
        hint = _hint(first, last, found)
        yield box(x, y, width, LANE - 5, colour_of(first.operation), hint)


def _joined(steps: Sequence[Step], fine: float) -> Iterator[tuple[Step, Step]]:
    """First and last of neighbours of one operation between which nothing could be seen."""
    first = last = None
    for step in steps:
        if (
            first is not None
            and last is not None
            and (step.queue, step.operation) == (first.queue, first.operation)
            and step.begin - last.end < fine
            and (step.cycles < 4 * fine or last.cycles < 4 * fine)
        ):
            last = step
            continue
        if first is not None and last is not None:
            yield first, last
        first = last = step
    if first is not None and last is not None:
        yield first, last


def _hint(first: Step, last: Step, found: Timeline) -> str:
    what = first.kind if first is last else f"{last.index - first.index + 1} instructions"
    lines = [
        found.operations[first.operation],
        f"{what}, cycles {first.begin:,} to {last.end:,}",
    ]
    if first is last and first.traffic.bytes:
        lines.append(f"{first.traffic.bytes:,} bytes")
    if first.cause is not None:
        lines.append(f"waited {first.stalled:,} for {queue_name(first.cause.queue)}")
    return "\n".join(lines)
