"""Pages that need nothing else: no network, no script, one style for light, dark and paper."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

from toolchain.render.style import STYLE

if TYPE_CHECKING:
    from toolchain.render.tables import Table

MOST_ROWS = 400
"""Rows of a table on a page; how many are missing is said below it."""


def document(title: str, body: Iterable[str]) -> str:
    """A whole page; `body` is HTML, `title` text."""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n<body>\n"
        + "\n".join(body)
        + "\n</body></html>\n"
    )


def sections(parts: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """Parts of the page under headings, with links to them in front; without those that are empty.

    `parts` has the blocks of every section by its title.
    """
    whole = {title: "\n".join(filter(None, blocks)) for title, blocks in parts.items()}
    there = {title: inside for title, inside in whole.items() if inside}
    links = (f'<a href="#{_anchor(title)}">{escape(title)}</a>' for title in there)
    return (
        f"<nav>{' '.join(links)}</nav>",
        *(
            f'<section id="{_anchor(title)}"><h2>{escape(title)}</h2>\n{inside}</section>'
            for title, inside in there.items()
        ),
    )


def _anchor(title: str) -> str:
    return escape("-".join(title.lower().split()))


def heading_one(title: str) -> str:
    """The heading of the page."""
    return f"<h1>{escape(title)}</h1>"


def heading(title: str) -> str:
    """A heading within a section."""
    return f"<h3>{escape(title)}</h3>"


def paragraph(text: str) -> str:
    """A line of text."""
    return f"<p>{escape(text)}</p>"


def note(text: str) -> str:
    """A line of text that nobody should overlook."""
    return f'<p class="note">{escape(text)}</p>'


def bullets(lines: Iterable[str]) -> str:
    """Lines as a list; nothing for none."""
    items = "".join(f"<li>{escape(line.strip())}</li>" for line in lines)
    return f"<ul>{items}</ul>" if items else ""


def cards(facts: Mapping[str, str]) -> str:
    """Figures to see first, by label."""
    inside = "".join(
        f"<div><dt>{escape(label)}</dt><dd>{escape(value)}</dd></div>"
        for label, value in facts.items()
    )
    return f"<dl>{inside}</dl>"


def figure(image: str, caption: str, *, small: bool = False) -> str:
    """A picture as SVG over a line that says what it shows; nothing without a picture."""
    if not image:
        return ""
    kind = ' class="small"' if small else ""
    inside = f'<div class="scroll">{image}</div>'
    return f"<figure{kind}>{inside}<figcaption>{escape(caption)}</figcaption></figure>"


def folded(title: str, *inside: str) -> str:
    """What is there for those who ask; nothing where there is nothing inside."""
    content = "\n".join(filter(None, inside))
    return f"<details><summary>{escape(title)}</summary>{content}</details>" if content else ""


def table(shown: Table, *, titled: bool = True) -> str:
    """A table under its title; nothing without rows. Long ones end after `MOST_ROWS`."""
    if not shown.rows:
        return ""

    def cells(tag: str, texts: Sequence[str]) -> str:
        return "".join(
            f'<{tag} class="{column.kind}">{escape(cell)}</{tag}>'
            for column, cell in zip(shown.columns, texts, strict=True)
        )

    head = cells("th", [column.name for column in shown.columns])
    rows = "\n".join(f"<tr>{cells('td', row)}</tr>" for row in shown.rows[:MOST_ROWS])
    rest = len(shown.rows) - MOST_ROWS
    said = [shown.note] if shown.note else []
    said += [f"{rest:,} more rows are not on this page"] if rest > 0 else []
    return (
        (heading(shown.title) if titled else "")
        + f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody>'
        + "</table></div>"
        + "".join(f'<p class="small">{escape(each)}</p>' for each in said)
    )
