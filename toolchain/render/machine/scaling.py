"""How the time scales over the cores of a platform and over batches: a table and a picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from toolchain.render.figures import percent
from toolchain.render.machine.schedule import LEFT
from toolchain.render.machine.svg import box, line, picture, text
from toolchain.render.tables import Table, table

if TYPE_CHECKING:
    from toolchain.render.machine.records import Point

_WIDTH, _ROW, _TOP = 560, 24, 24
"""Pixels of the fastest bar, of a row, and above the first one."""


def scaling_table(points: Sequence[Point]) -> Table:
    """A row for each machine and batch; speedups are over the first row."""
    first = points[0] if points else None
    return table(
        f"Cores and batches ({len(points)})",
        "machine:name cores:number batch:number cycles:number bound:number gap:number "
        "frames_per_second:number speedup:number allowed:number reached:number",
        (
            (
                each.machine.name,
                str(each.machine.cores),
                str(each.batch),
                each.why if each.cycles is None else f"{each.cycles:,}",
                "" if each.bound is None else f"{each.bound:,}",
                f"{each.cycles / each.bound:.2f}" if each.cycles and each.bound else "",
                "" if each.frames_per_second is None else f"{each.frames_per_second:,.1f}",
                *_speedups(each, first),
            )
            for each in points
        ),
        "speedup: over the first row; allowed: by the bounds of both; reached: the part "
        "of that; large programs are not compiled for other machines only to be shown here",
    )


def scaling_picture(points: Sequence[Point]) -> str:
    """A bar of samples per second for each machine and batch, and a mark where its bound is."""
    rates = [
        rate
        for each in points
        for rate in (each.frames_per_second, each.bound_frames_per_second)
        if rate
    ]
    if len(points) < 2 or not rates:
        return ""
    scale = _WIDTH / max(rates)
    shapes = [
        text(LEFT, 13, "samples per second of the model"),
        line(LEFT + 220, 4, LEFT + 220, 16, "limit"),
        text(LEFT + 228, 13, "what its lower bound allows"),
    ]
    for number, each in enumerate(points):
        shapes += _bar(each, _TOP + number * _ROW, scale)
    return picture(LEFT + _WIDTH + 80, _TOP + _ROW * len(points) + 4, "scaling", shapes)


def _bar(each: Point, y: float, scale: float) -> Iterator[str]:
    yield text(LEFT - 8, y + 14, f"{each.machine.name}, batch {each.batch}", "end", "name")
    rate, most = each.frames_per_second, each.bound_frames_per_second
    if most is not None:
        yield line(LEFT + most * scale, y, LEFT + most * scale, y + _ROW - 3, "limit")
    if rate is None:
        yield text(LEFT + 4, y + 14, each.why)
        return
    yield box(LEFT, y + 2, rate * scale, _ROW - 7, "busy", f"{rate:,.1f} samples per second")
    inside = rate * scale > 70
    x = LEFT + rate * scale
    if inside:
        yield text(x - 6, y + 14, f"{rate:,.1f}", "end", "on")
    if not inside:
        yield text(LEFT + max(rate, most or 0) * scale + 6, y + 14, f"{rate:,.1f}")


def _speedups(each: Point, first: Point | None) -> tuple[str, str, str]:
    """Over the first, what the bounds allow, and the part of that which is reached."""
    if first is None:
        return ("", "", "")
    rates = (each.frames_per_second, first.frames_per_second)
    bounds = (each.bound_frames_per_second, first.bound_frames_per_second)
    speedup = rates[0] / rates[1] if rates[0] and rates[1] else None
    allowed = bounds[0] / bounds[1] if bounds[0] and bounds[1] else None
    return (
        "" if speedup is None else f"{speedup:.2f}",
        "" if allowed is None else f"{allowed:.2f}",
        percent(speedup / allowed, 1) if speedup and allowed else "",
    )
