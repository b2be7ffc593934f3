"""Progress bars on a terminal."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from toolchain.core.progress import SilentProgress

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from toolchain.core.progress import Advance
    from toolchain.core.progress import Progress as CoreProgress


class RichProgress:
    """One line per open task; all lines vanish when the last task ends."""

    def __init__(self, console: Console) -> None:
        """Draw on `console`."""
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )

    @contextmanager
    def task(self, label: str, total: int) -> Iterator[Advance]:
        """A bar of `total` steps, closed when the context ends; tasks may be nested."""
        if not self._bars.tasks:
            self._bars.start()
        bar = self._bars.add_task(label, total=total)
        try:
            yield self._advance(bar)
        finally:
            self._bars.remove_task(bar)
            if not self._bars.tasks:
                self._bars.stop()

    def _advance(self, bar: TaskID) -> Advance:
        def advance(steps: int = 1, /) -> None:
            self._bars.advance(bar, steps)

        return advance


def progress_on(console: Console, *, quiet: bool) -> CoreProgress:
    """Bars where `console` is a terminal and nobody asked for quiet, else silence."""
    return SilentProgress() if quiet or not console.is_terminal else RichProgress(console)
