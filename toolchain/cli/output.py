"""Where a command's words go: data to stdout, everything else to stderr."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console

    from toolchain.core.progress import Progress
    from toolchain.errors import Problem
    from toolchain.render.results import TargetResult
    from toolchain.render.tables import Table


class Format(StrEnum):
    """What a command writes to stdout."""

    TEXT = "text"
    JSON = "json"


FormatOption = Annotated[
    Format, typer.Option("--format", help="json writes all data to stdout, and no tables.")
]
VerboseOption = Annotated[
    bool, typer.Option("--verbose", "-v", help="Show whole tables, and tracebacks of errors.")
]
QuietOption = Annotated[
    bool, typer.Option("--quiet", "-q", help="Show the result and errors only.")
]


class Output:
    """One command's way to speak: tables and bars for people, or JSON for programs."""

    def __init__(
        self, form: Format = Format.TEXT, *, verbose: bool = False, quiet: bool = False
    ) -> None:
        """Speak as the options say."""
        self._json = form is Format.JSON
        self._verbose = verbose
        self._quiet = quiet

    def tables(self, shown: Iterable[Table]) -> None:
        """Show tables, in text mode."""
        if self._talks:
            from toolchain.render.terminal import show_tables

            show_tables(self._console(), shown, full=self._verbose)

    def lines(self, texts: Iterable[str]) -> None:
        """Show sentences, in text mode."""
        if self._talks:
            console = self._console()
            for text in texts:
                console.print(text, soft_wrap=True)

    def build(self, results: Sequence[TargetResult]) -> None:
        """Show the report of a build, in text mode."""
        if self._talks:
            from toolchain.render.terminal import show_build

            show_build(self._console(), results, full=self._verbose)

    def warn(self, problems: Iterable[Problem]) -> None:
        """Show what stops nothing, in text mode."""
        if self._talks:
            from toolchain.render.terminal import show_problem

            for problem in problems:
                show_problem(self._console(), "warning", problem)

    def progress(self) -> Progress:
        """Bars on a terminal, silence elsewhere."""
        from toolchain.render.progress import progress_on

        return progress_on(self._console(), quiet=self._quiet)

    def answer(self, data: object, line: str) -> None:
        """End the command with its result: `data` as JSON, or `line` in text mode."""
        if self._json:
            from toolchain.render.jsonout import dumps

            line = dumps(data)
        sys.stdout.write(f"{line}\n")

    @property
    def _talks(self) -> bool:
        return not (self._json or self._quiet)

    def _console(self) -> Console:
        from toolchain.render.terminal import console_on

        return console_on(sys.stderr)
