"""Pictures as SVG text: a few shapes, everything that comes from a model escaped."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

COLOURS = (
    "#4e79a7 #f28e2b #59a14f #e15759 #76b7b2 #edc948 "
    "#b07aa1 #9c755f #ff9da7 #86bcb6 #d37295 #8cd17d"
).split()
"""Of operations, by their number, over and over."""


def picture(width: float, height: float, title: str, shapes: Iterable[str]) -> str:
    """An image that scales with its page and keeps its proportions."""
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(title)}" '
        f'xmlns="http://www.w3.org/2000/svg">{"".join(shapes)}</svg>'
    )


def box(
    x: float, y: float, width: float, height: float, colour: str, hint: str = "", kind: str = ""
) -> str:
    """A filled rectangle; `hint` is shown under the mouse."""
    inside = f"<title>{escape(hint)}</title>" if hint else ""
    css = f' class="{kind}"' if kind else ""
    return (
        f'<rect x="{x:.2f}" y="{y:.2f}" width="{width:.2f}" height="{height:.2f}" '
        f'fill="{colour}"{css}>{inside}</rect>'
    )


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    """A line of a CSS class."""
    return f'<line x1="{x1:.2f}" y1="{y1:.2f}" x2="{x2:.2f}" y2="{y2:.2f}" class="{kind}"/>'


def path(points: Iterable[tuple[float, float]], kind: str) -> str:
    """A polygonal line of a CSS class."""
    joined = " ".join(f"{x:.2f},{y:.2f}" for x, y in points)
    return f'<polyline points="{joined}" class="{kind}"/>'


def dot(x: float, y: float, radius: float, colour: str, hint: str) -> str:
    """A circle; `hint` is shown under the mouse."""
    return (
        f'<circle cx="{x:.2f}" cy="{y:.2f}" r="{radius:g}" fill="{colour}">'
        f"<title>{escape(hint)}</title></circle>"
    )


def text(x: float, y: float, words: str, anchor: str = "start") -> str:
    """A line of text; `anchor` is start, middle or end."""
    return f'<text x="{x:.2f}" y="{y:.2f}" text-anchor="{anchor}">{escape(words)}</text>'


def colour_of(operation: int) -> str:
    """The colour of an operation in all pictures of a page."""
    return COLOURS[operation % len(COLOURS)]


def ticks(last: float, most: int = 8) -> list[int]:
    """Round positions from 0 to `last`, no more than `most` and one of them."""
    step = 1
    while last / step > most:
        step = step * 2 if str(step)[0] in "15" else step // 2 * 5
    return list(range(0, int(last) + 1, step))
