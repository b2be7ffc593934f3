"""Pictures as SVG text: a few shapes, everything that comes from a model escaped.

Colours are classes of the page's style sheet, so that pictures follow the light and the dark page.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

COLOURS = 12
"""Colours of operations, classes o0 to o11, by their number, over and over."""
_LETTER = 6.2
"""Pixels that a letter takes at most on average."""


def picture(width: float, height: float, title: str, shapes: Iterable[str]) -> str:
    """An image that scales with its page and keeps its proportions."""
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(title)}" '
        f'xmlns="http://www.w3.org/2000/svg">{"".join(shapes)}</svg>'
    )


def box(x: float, y: float, width: float, height: float, kind: str, hint: str = "") -> str:
    """A rectangle of a CSS class; `hint` is shown under the mouse."""
    inside = f"><title>{escape(hint)}</title></rect>" if hint else "/>"
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" '
        f'class="{kind}"{inside}'
    )


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    """A line of a CSS class."""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>'


def path(points: Iterable[tuple[float, float]], kind: str) -> str:
    """A polygonal line of a CSS class, which the class may fill."""
    joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{joined}" class="{kind}"/>'


def dot(x: float, y: float, radius: float, kind: str, hint: str) -> str:
    """A circle of a CSS class; `hint` is shown under the mouse."""
    return (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}" class="{kind}">'
        f"<title>{escape(hint)}</title></circle>"
    )


def text(x: float, y: float, words: str, anchor: str = "start", kind: str = "") -> str:
    """A line of text; `anchor` is start, middle or end."""
    css = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{css}>{escape(words)}</text>'


def colour_of(operation: int) -> str:
    """The colour of an operation in all pictures of a page, as a CSS class."""
    return f"o{operation % COLOURS}"


def room_for(words: str) -> float:
    """Pixels that a line of text needs at most."""
    return len(words) * _LETTER


def ticks(last: float, most: int = 8) -> list[int]:
    """Round positions from 0 to `last`, no more than `most` and one of them."""
    step = 1
    while last / step > most:
        step = step * 2 if str(step)[0] in "15" else step // 2 * 5
    return list(range(0, int(last) + 1, step))
