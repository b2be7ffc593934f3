"""The roofline as a picture: MACs per cycle over MACs per byte, both by powers of ten."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil, floor, log10
from typing import TYPE_CHECKING

from toolchain.accelerator.cycles.summary import operation_roofline
from toolchain.render.machine.svg import colour_of, dot, line, path, picture, room_for, text

if TYPE_CHECKING:
    from toolchain.accelerator.cycles.records import OperationTime
    from toolchain.accelerator.cycles.summary import Roofline, Summary

LEFT, WIDTH, HEIGHT, BELOW = 76, 720, 380, 48
"""Pixels: of the figures, of the picture itself, and below it."""
MOST = 600
"""Dots of operations: those that take longest."""
_NAMED = 8
"""Operations whose names are written beside their dots, where there is room."""
_STEPS = 80
"""Pieces of the roof that no name may cover."""

Box = tuple[float, float, float, float]


class _Scale:
    """Where a point of the picture lies; powers of ten around all that is drawn."""

    def __init__(self, roofs: list[Roofline]) -> None:
        xs = [roof.ridge for roof in roofs] + [r.intensity for r in roofs if r.intensity]
        ys = [float(roof.macs_per_cycle) for roof in roofs] + [_reached(roof) for roof in roofs]
        self.x = floor(log10(min(xs))), ceil(log10(max(xs)) + 0.1)
        self.y = floor(log10(min(ys))), ceil(log10(max(ys)) + 0.1)

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Pixels of a point."""
        (left, right), (low, high) = self.x, self.y
        across, up = (log10(x) - left) / (right - left), (log10(y) - low) / (high - low)
        return LEFT + across * WIDTH, 10 + (1 - up) * HEIGHT


def roofline_picture(found: Summary) -> str:
    """Operations that multiply and transfer as dots, the whole program as the large one."""
    slowest = sorted(found.operations, key=lambda op: (-op.cycles, op.number))[:MOST]
    each = [(op, operation_roofline(op, found)) for op in slowest]
    drawn = [(op, roof) for op, roof in each if roof.macs and roof.bytes]
    roofs = [roof for _, roof in drawn]
    if found.roofline.macs and found.roofline.bytes:
        roofs.append(found.roofline)
    if not roofs:
        return ""
    scale = _Scale(roofs)
    shapes = [*_grid(scale), *_roof(found.roofline, scale)]
    shapes += (_dot(roof, scale, 4.5, colour_of(op.number), op.name) for op, roof in drawn)
    if found.roofline.macs and found.roofline.bytes:
        shapes.append(_dot(found.roofline, scale, 8, "whole", "the whole program"))
    labels = list(_roof_labels(found.roofline, scale))
    shapes += (label for label, _ in labels)
    shapes += _labels(drawn, found.roofline, scale, [spot for _, spot in labels])
    return picture(LEFT + WIDTH + 36, HEIGHT + BELOW + 10, "roofline", shapes)


def _grid(scale: _Scale) -> Iterator[str]:
    (left, right), (low, high) = scale.x, scale.y
    for power in range(left, right + 1):
        x, bottom = scale.at(10.0**power, 10.0**low)
        yield line(x, 10, x, bottom, "grid")
        yield text(x, bottom + 16, _power(power), "middle")
    for power in range(low, high + 1):
        x, y = scale.at(10.0**left, 10.0**power)
        yield line(x, y, x + WIDTH, y, "grid")
        yield text(x - 6, y + 4, _power(power), "end")
    yield text(LEFT + WIDTH / 2, HEIGHT + BELOW, "MACs per byte over the DDR", "middle")
    yield (
        f'<text transform="translate(16 {10 + HEIGHT / 2:g}) rotate(-90)" text-anchor="middle">'
        "MACs per cycle</text>"
    )


def _power(exponent: int) -> str:
    return f"{10**exponent:,}" if exponent >= 0 else f"{10.0**exponent:g}"


def _roof(roof: Roofline, scale: _Scale) -> Iterator[str]:
    """Along the bandwidth up to the ridge, then flat, cut off at the lower edge."""
    (left, right), (low, _) = scale.x, scale.y
    bandwidth, peak = float(roof.bytes_per_cycle), float(roof.macs_per_cycle)
    first = max(10.0**left, 10.0**low / bandwidth)
    corners = [(first, first * bandwidth), (roof.ridge, peak), (10.0**right, peak)]
    yield path((scale.at(x, y) for x, y in corners if x >= first), "roof")


def _roof_labels(roof: Roofline, scale: _Scale) -> Iterator[tuple[str, Box]]:
    """What the roof is made of, and the place that it takes."""
    (left, right), (low, _) = scale.x, scale.y
    bandwidth, peak = float(roof.bytes_per_cycle), float(roof.macs_per_cycle)
    words = f"arrays: {peak:,.0f} MACs per cycle"
    x, y = scale.at(10.0**right, peak)
    yield text(x - 4, y - 7, words, "end"), (x - room_for(words), y - 17, x, y)
    words = f"DDR: {bandwidth:.3g} bytes per cycle"
    first = max(10.0**left, 10.0**low / bandwidth)
    x, y = scale.at(first * 2, first * 2 * bandwidth)
    yield text(x + 12, y + 4, words), (x, y - 8, x + 12 + room_for(words), y + 8)


def _along_the_roof(roof: Roofline, scale: _Scale) -> Iterator[Box]:
    """Places that its line takes, piece by piece."""
    left, right = scale.x
    for step in range(_STEPS):
        intensity = 10.0 ** (left + (right - left) * step / _STEPS)
        reached = min(intensity * float(roof.bytes_per_cycle), float(roof.macs_per_cycle))
        x, y = scale.at(intensity, reached)
        yield (x, y - 2, x + WIDTH / _STEPS, y + 2)


def _dot(roof: Roofline, scale: _Scale, radius: float, colour: str, name: str) -> str:
    x, y = scale.at(roof.intensity or 1.0, _reached(roof))
    hint = f"{name}\n{roof.intensity:.4g} MACs per byte\n{_reached(roof):.4g} MACs per cycle"
    return dot(x, y, radius, colour, hint)


def _labels(
    drawn: list[tuple[OperationTime, Roofline]], whole: Roofline, scale: _Scale, taken: list[Box]
) -> Iterator[str]:
    """Names of the program and of the slowest operations, where none covers another."""
    named = [("whole program", whole)] if whole.macs and whole.bytes else []
    named += [(op.name, roof) for op, roof in drawn[:_NAMED]]
    points = [scale.at(roof.intensity or 1.0, _reached(roof)) for _, roof in named]
    taken += _along_the_roof(whole, scale)
    dots = [*points, *(scale.at(roof.intensity or 1.0, _reached(roof)) for _, roof in drawn)]
    taken += [(x - 6, y - 6, x + 6, y + 6) for x, y in dots]
    for (name, _), (x, y) in zip(named, points, strict=True):
        words = name if len(name) <= 28 else f"...{name[-25:]}"
        length = room_for(words)
        for place in ((x + 11, y + 4), (x - 11 - length, y + 4), (x + 8, y - 8), (x + 8, y + 17)):
            spot = (place[0], place[1] - 10, place[0] + length, place[1] + 3)
            inside = spot[0] > LEFT and spot[2] < LEFT + WIDTH and spot[1] > 10
            if inside and not any(_overlap(spot, other) for other in taken):
                taken.append(spot)
                yield text(*place, words, kind="name")
                break


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _reached(roof: Roofline) -> float:
    return roof.macs / roof.cycles
