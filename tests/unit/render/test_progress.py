from __future__ import annotations

import io

import pytest

from toolchain.core.progress import SilentProgress
from toolchain.render.progress import RichProgress, progress_on
from toolchain.render.terminal import console_on


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TTY_COMPATIBLE", raising=False)
    monkeypatch.setenv("TERM", "xterm")


def test_bars_need_a_terminal() -> None:
    assert isinstance(progress_on(console_on(io.StringIO()), quiet=False), SilentProgress)
    assert isinstance(progress_on(console_on(Terminal()), quiet=True), SilentProgress)
    assert isinstance(progress_on(console_on(Terminal()), quiet=False), RichProgress)


def test_nested_tasks_show_their_labels_and_counts() -> None:
    stream = Terminal()
    progress = RichProgress(console_on(stream))
    with progress.task("outer", 2) as outer:
        with progress.task("inner", 3) as inner:
            inner()
            inner(2)
        outer()
    assert "outer" in stream.getvalue()
    with progress.task("again", 1) as again:
        again()
    assert "again" in stream.getvalue()


def test_a_bar_closes_when_its_task_fails() -> None:
    stream = Terminal()
    progress = RichProgress(console_on(stream))
    with pytest.raises(ValueError, match="broken"), progress.task("fails", 2):
        raise ValueError("broken")
    assert stream.getvalue().endswith("\r\x1b[2K\x1b[?25h\r")  # erased, cursor shown again
