"""Sections, tables and problems on a terminal, or as plain text where there is none."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TextIO

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.segment import Segment, Segments
from rich.table import Table as RichTable
from rich.text import Text

from toolchain.render import tables
from toolchain.render.figures import plural
from toolchain.render.problems import problem_lines, worth_showing
from toolchain.render.sections import Status, accuracy_line, sections
from toolchain.render.tables import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import JustifyMethod

    from toolchain.core.diagnostics import Diagnostic
    from toolchain.errors import Problem
    from toolchain.render.results import TargetResult
    from toolchain.render.sections import Section
    from toolchain.render.tables import Column, Table

WIDTH_OF_A_FILE = 120
"""Characters per line where the output is no terminal and COLUMNS is not set."""
_BROKEN = 16
"""Characters that a column of names or texts has at least, if it needs them."""
HEAD, TAIL = 12, 6
"""Rows that a shortened table keeps at its beginning and at its end."""
DIAGNOSTICS = 10
"""Diagnostics that are shown unless all are asked for."""

_STYLES = {
    Status.DONE: "green",
    Status.CACHED: "cyan",
    Status.FAILED: "bold red",
    "passed": "green",
    "FAILED": "bold red",
    "SNR": "bold red",
    "cosine": "bold red",
    "SNR cosine": "bold red",
    "error": "bold red",
    "warning": "bold yellow",
    "info": "bold cyan",
}


def console_on(stream: TextIO) -> Console:
    """A console that writes to `stream`; honours NO_COLOR, COLUMNS and the terminal's width."""
    console = Console(file=stream, highlight=False, markup=False, emoji=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = WIDTH_OF_A_FILE
    return console


def show_build(console: Console, results: Sequence[TargetResult], *, full: bool) -> None:
    """Every target's stages and what they had to say; `full` shortens nothing."""
    for result in results:
        console.print(Text(f"\n{result.target} ({result.platform})", style="bold"))
        for section in sections(result):
            _show_section(console, section, full=full)
        if result.accuracy is not None:
            console.print(Text(accuracy_line(result.accuracy), style="bold"), soft_wrap=True)
        show_diagnostics(console, result.diagnostics, full=full)
    if len(results) > 1:
        show_tables(console, (tables.overview(results), tables.sweeps(results)), full=full)


def show_tables(console: Console, shown: Iterable[Table], *, full: bool) -> None:
    """Tables, one below the other with blank lines around; `full` shows all rows."""
    for table in shown:
        console.print()
        _show_table(console, table, full=full)
    console.print()


def show_problem(console: Console, label: str, problem: Problem) -> None:
    """One problem; lines are not broken, so that names can be copied."""
    first, *rest = problem_lines(label, problem)
    head = Text(first)
    head.stylize(_STYLES.get(label, "bold"), 0, len(label))
    for line in (head, *map(Text, rest)):
        if line.plain.startswith("hint:"):
            line.stylize("bold cyan", 0, len("hint:"))
        console.print(line, soft_wrap=True)


def show_diagnostics(console: Console, found: Iterable[Diagnostic], *, full: bool) -> None:
    """Warnings and errors of the stages, and with `full` what is mere information."""
    shown = worth_showing(found, everything=full)
    limit = len(shown) if full else DIAGNOSTICS
    for one in shown[:limit]:
        console.print()
        show_problem(console, str(one.severity), one.problem)
    if len(shown) > limit:
        more = plural(len(shown) - limit, "more diagnostic")
        console.print(Text(f"\n{more}; -v shows all", style="dim"))


def _show_section(console: Console, section: Section, *, full: bool) -> None:
    label = Text(f"{section.stage:<17}")
    label.append(f"{section.status:<8}", style=_STYLES[section.status])
    indent = 25
    for number, line in enumerate(section.lines):
        start = label if number == 0 else Text(" " * indent)
        wrapped = Text(line).wrap(console, max(console.width - indent, 30))
        for part, text in enumerate(wrapped):
            console.print((start if part == 0 else Text(" " * indent)) + text, soft_wrap=True)
    shown = (*section.tables, *section.appendix) if full else section.tables
    if shown:
        show_tables(console, shown, full=full)


def _show_table(console: Console, table: Table, *, full: bool) -> None:
    title = Text(table.title, style="bold")
    if table.note:
        title.append(f"  {table.note}", style="dim not bold")
    console.print(Padding(title, (0, 0, 0, 2), expand=False))
    shown = RichTable(
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
        show_edge=False,
        header_style="dim",
    )
    needed = 0
    for index, column in enumerate(table.columns):
        longest = max((len(row[index]) for row in table.rows), default=0)
        needed += 2 + _add_column(shown, column, longest)
    left_out = 0 if full else max(len(table.rows) - HEAD - TAIL, 0)
    for number, row in enumerate(table.rows):
        if left_out and number == HEAD:
            shown.add_row(Text("...", style="dim"))
        if not left_out or number < HEAD or number >= HEAD + left_out:
            shown.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in row))
    _show_whole(console, shown, needed)
    if left_out:
        more = Text(f"... {plural(left_out, 'more row')}, -v shows all", style="dim")
        console.print(Padding(more, (0, 0, 0, 2), expand=False))


def _show_whole(console: Console, shown: RichTable, needed: int) -> None:
    """Show a table in lines as long as it needs: a number that is cut would be another one."""
    padded = Padding(shown, (0, 0, 0, 2), expand=False)
    if needed <= console.width:
        console.print(padded)
        return
    for line in console.render_lines(padded, console.options.update_width(needed), pad=False):
        console.print(Segments([*line, Segment.line()]), soft_wrap=True, end="")


def _add_column(shown: RichTable, column: Column, longest: int) -> int:
    """Add a column; how many characters it needs at least."""
    broken = column.kind in (Kind.NAME, Kind.TEXT)
    justify: JustifyMethod = "right" if column.kind is Kind.NUMBER else "left"
    shown.add_column(
        column.name,
        justify=justify,
        no_wrap=not broken,
        overflow="fold",
        min_width=min(longest, _BROKEN) if broken else None,
    )
    return max(min(longest, _BROKEN) if broken else longest, len(column.name))
