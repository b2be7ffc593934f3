"""Tables and sections as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolchain.render.problems import problem_lines, worth_showing
from toolchain.render.sections import accuracy_line, sections
from toolchain.render.tables import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolchain.core.diagnostics import Diagnostic
    from toolchain.render.results import TargetResult
    from toolchain.render.tables import Table

_SPECIAL = str.maketrans({c: f"\\{c}" for c in "\\|*_`<>[]"})


def escape(text: str) -> str:
    """`text` so that Markdown shows it letter by letter."""
    return text.translate(_SPECIAL)


def table(shown: Table) -> str:
    """A table under its title in bold, with its note behind it."""
    rule = " | ".join("---:" if c.kind is Kind.NUMBER else "---" for c in shown.columns)
    head = " | ".join(escape(column.name) for column in shown.columns)
    rows = [" | ".join(escape(cell) for cell in row) for row in shown.rows]
    note = f", {escape(shown.note)}" if shown.note else ""
    lines = [f"**{escape(shown.title)}**{note}", "", *(f"| {r} |" for r in (head, rule, *rows))]
    return "\n".join(lines)


def build_page(result: TargetResult, machine: Sequence[str] = ()) -> str:
    """The report of one target's build: a heading per stage, its lines as a list, its tables.

    `machine` are blocks about the machine that it was compiled for, which come behind the stages.
    """
    blocks = [f"# {escape(f'{result.target} ({result.platform})')}"]
    for section in sections(result):
        blocks.append(f"## {escape(section.stage)} ({section.status})")
        blocks.append("\n".join(f"- {escape(line)}" for line in section.lines))
        blocks += [table(one) for one in (*section.tables, *section.appendix)]
    if result.accuracy is not None:
        blocks += ["## accuracy", escape(accuracy_line(result.accuracy))]
    blocks += machine
    shown = worth_showing(result.diagnostics, everything=True)
    if shown:
        blocks += ["## diagnostics", "\n".join(_diagnostic(one) for one in shown)]
    return "\n\n".join(blocks) + "\n"


def _diagnostic(found: Diagnostic) -> str:
    lines = problem_lines(str(found.severity), found.problem)
    return "- " + "\n  ".join(escape(line.strip()) for line in lines if line)
