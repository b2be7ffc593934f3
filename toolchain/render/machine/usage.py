"""How engines spend their cycles, as pictures: in total, and over the run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from toolchain.render.figures import percent
from toolchain.render.machine.schedule import LEFT, TOP, WIDTH, axis
from toolchain.render.machine.svg import box, line, path, picture, text

if TYPE_CHECKING:
    from toolchain.accelerator.cycles.records import Timeline
    from toolchain.accelerator.cycles.summary import EngineUse, Summary
    from toolchain.accelerator.isa.operands import Engine

_ROW, _STRIP, _PARTS = 26, 46, 206
"""Pixels of an engine in total and over the run; equal parts of the run."""


def usage_picture(found: Summary) -> str:
    """A bar for each kind of engine: working, waiting, nothing to do."""
    shapes: list[str] = []
    for number, (kind, words) in enumerate(_KINDS.items()):
        x = LEFT + number * 150
        shapes += [box(x, 4, 11, 11, kind), text(x + 16, 14, words)]
    for number, use in enumerate(found.engines):
        shapes += _bar(use, 24 + number * _ROW)
    return picture(LEFT + WIDTH + 20, 28 + _ROW * len(found.engines), "use of engines", shapes)


_KINDS = {"busy": "working", "wait": "waiting for others", "idle": "nothing to do"}


def _bar(use: EngineUse, y: float) -> Iterator[str]:
    parts = {"busy": use.busy, "wait": sum(use.stalled.values()), "idle": use.idle}
    yield text(LEFT - 8, y + 15, f"{use.count} x {use.engine.name.lower()}", "end")
    x = float(LEFT)
    for kind, cycles in parts.items():
        share = cycles / use.available if use.available else 0.0
        width = share * WIDTH
        hint = f"{use.engine.name.lower()} {_KINDS[kind]}: {percent(share, 1)}"
        yield box(x, y, width, _ROW - 6, kind, hint)
        if width > 44:
            css = {"busy": "on", "wait": "in"}.get(kind, "")
            yield text(x + width / 2, y + 14, percent(share, 1), "middle", css)
        x += width


def activity_picture(segments: Sequence[Timeline]) -> str:
    """A strip for each kind of engine: the part of them that works, over the run."""
    total = max(1, sum(each.cycles for each in segments))
    engines = sorted({queue.engine for each in segments for queue in each.busy})
    height = TOP + _STRIP * len(engines) + 4
    shapes = [*axis(total, height, segments[0].machine.clock_mhz)]
    for number, engine in enumerate(engines):
        base = TOP + _STRIP * (number + 1) - 4
        top = base - _STRIP + 10
        shapes += [line(LEFT, y, LEFT + WIDTH, y, "grid") for y in (top, base)]
        shapes.append(text(LEFT - 36, base - _STRIP / 2 + 10, engine.name.lower(), "end"))
        shapes += [text(LEFT - 4, top + 4, "100%", "end"), text(LEFT - 4, base + 3, "0", "end")]
        shares = busy_shares(segments, engine, _PARTS)
        width = WIDTH / _PARTS
        corners = [
            (LEFT + (part + side) * width, base - share * (base - top))
            for part, share in enumerate(shares)
            for side in (0, 1)
        ]
        shapes.append(path([(LEFT, base), *corners, (LEFT + WIDTH, base)], "busy"))
    return picture(LEFT + WIDTH + 20, height, "use of engines over the run", shapes)


def busy_shares(segments: Sequence[Timeline], engine: Engine, parts: int) -> list[float]:
    """Share of a kind of engine that works in equal parts of the run, 0 to 1."""
    total = max(1, sum(each.cycles for each in segments))
    count = len({queue for each in segments for queue in each.busy if queue.engine is engine})
    busy = [0.0] * parts
    start = 0
    for each in segments:
        for step in each.steps:
            if step.queue.engine is not engine:
                continue
            # In parts of the run; a step covers the rest of one, whole ones, and a bit of another.
            begin, end = ((start + c) * parts / total for c in (step.begin, step.end))
            for part in range(int(begin), min(parts, int(end) + 1)):
                busy[part] += max(0.0, min(end, part + 1) - max(begin, part))
        start += each.cycles
    return [min(1.0, cycles / count) for cycles in busy]
