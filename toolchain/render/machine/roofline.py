"""The roofline as a picture: MACs per cycle over MACs per byte, both by powers of ten."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil, floor, log10
from typing import TYPE_CHECKING

from toolchain.accelerator.cycles.summary import operation_roofline
from toolchain.render.machine.svg import colour_of, dot, line, path, picture, text

if TYPE_CHECKING:
    from toolchain.accelerator.cycles.summary import Roofline, Summary

LEFT, WIDTH, HEIGHT, BELOW = 70, 560, 320, 46
"""Pixels: of the figures, of the picture itself, and below it."""


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
    each = [(op, operation_roofline(op, found)) for op in found.operations]
    drawn = [(op, roof) for op, roof in each if roof.macs and roof.bytes]
    roofs = [roof for _, roof in drawn]
    if found.roofline.macs and found.roofline.bytes:
        roofs.append(found.roofline)
    if not roofs:
        return ""
    scale = _Scale(roofs)
    shapes = [*_grid(scale), _roof(found.roofline, scale)]
    shapes += (_dot(roof, scale, 4, colour_of(op.number), op.name) for op, roof in drawn)
    if found.roofline.macs and found.roofline.bytes:
        shapes.append(_dot(found.roofline, scale, 8, "#222", "the whole program"))
    return picture(LEFT + WIDTH + 20, HEIGHT + BELOW + 10, "roofline", shapes)


def _grid(scale: _Scale) -> Iterator[str]:
    (left, right), (low, high) = scale.x, scale.y
    for power in range(left, right + 1):
        x, bottom = scale.at(10.0**power, 10.0**low)
        yield line(x, 10, x, bottom, "grid")
        yield text(x, bottom + 16, f"{10.0**power:g}", "middle")
    for power in range(low, high + 1):
        x, y = scale.at(10.0**left, 10.0**power)
        yield line(x, y, x + WIDTH, y, "grid")
        yield text(x - 6, y + 4, f"{10.0**power:g}", "end")
    yield text(LEFT + WIDTH / 2, HEIGHT + BELOW, "MACs per byte of the DDR", "middle")
    yield text(LEFT + 4, 22, "MACs per cycle")


def _roof(roof: Roofline, scale: _Scale) -> str:
    """Along the bandwidth up to the ridge, then flat, cut off at the lower edge."""
    (left, right), (low, _) = scale.x, scale.y
    bandwidth = float(roof.bytes_per_cycle)
    first = max(10.0**left, 10.0**low / bandwidth)
    corners = [(first, first * bandwidth), (roof.ridge, float(roof.macs_per_cycle))]
    corners.append((10.0**right, float(roof.macs_per_cycle)))
    return path((scale.at(x, y) for x, y in corners if x >= first), "roof")


def _dot(roof: Roofline, scale: _Scale, radius: float, colour: str, name: str) -> str:
    x, y = scale.at(roof.intensity or 1.0, _reached(roof))
    hint = f"{name}\n{roof.intensity:.4g} MACs per byte\n{_reached(roof):.4g} MACs per cycle"
    return dot(x, y, radius, colour, hint)


def _reached(roof: Roofline) -> float:
    return roof.macs / roof.cycles
