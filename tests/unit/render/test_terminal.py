from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import pytest

from toolchain.core.diagnostics import Diagnostic, Severity
from toolchain.errors import Code, Problem
from toolchain.render.tables import table
from toolchain.render.terminal import (
    WIDTH_OF_A_FILE,
    console_on,
    show_build,
    show_diagnostics,
    show_problem,
    show_tables,
)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


def shown(results: Any, *, full: bool = False, stream: io.StringIO | None = None) -> str:
    out = stream or io.StringIO()
    show_build(console_on(out), results, full=full)
    return out.getvalue()


@pytest.mark.parametrize("columns", [80, 120])
def test_lines_keep_to_the_width(
    monkeypatch: pytest.MonkeyPatch, result: Any, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = shown([replace(result, accuracy=None)]).splitlines()
    assert max(map(len, lines)) <= columns


def test_a_file_gets_a_fixed_width() -> None:
    assert console_on(io.StringIO()).width == WIDTH_OF_A_FILE


def test_a_build_shows_everything(result: Any) -> None:
    text = shown([result])
    for piece in (
        "riscv (k1)",
        "optimize         cached",
        "fold_batch_norm",
        "proof: outputs moved by at most 2.4e-06",
        "Activations (30)  dtype int8, granularity per_tensor, method minmax",
        "Float islands (1)",
        "0.10 %",
        'op_types = ["Softmax"]',
        "data/net.npz",
        "check            failed",
        "FAILED",
        "accuracy  top1: float 97.50 %  qdq 97.25 %  reference 97.25 %  agreement 99.5 %",
        "warning[TC251]: 1 node runs in float",
        "hint: see the table of float islands",
    ):
        assert piece in text
    assert "fold_constants" not in text
    assert "Targets (" not in text


def test_long_tables_are_shortened_unless_full(result: Any) -> None:
    short, full = shown([result]), shown([result], full=True)
    assert "... 12 more rows, -v shows all" in short
    assert "layers.11/" in short
    assert "layers.12/" not in short
    assert "layers.23/" not in short
    assert "layers.24/" in short
    assert "more rows" not in full
    assert all(f"layers.{n}/" in full for n in range(30))


def test_several_targets_end_with_an_overview(result: Any) -> None:
    assert "Targets (2)" in shown([result, replace(result, target="npu")])


def test_colour_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch, result: Any) -> None:
    assert "\x1b[" not in shown([result])
    assert "\x1b[32m" in shown([result], stream=Terminal())
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[3" not in shown([result], stream=Terminal())


def test_text_is_never_markup() -> None:
    out = io.StringIO()
    show_tables(console_on(out), [table("T [b]", "a:name", [("[red]x[/red] :smile:",)])], full=True)
    assert "T [b]" in out.getvalue()
    assert "[red]x[/red] :smile:" in out.getvalue()


def test_a_problem_is_laid_out_and_never_broken() -> None:
    out = io.StringIO()
    long = "/layer" * 60
    problem = Problem(
        code=Code.UNKNOWN_KEY, message="Unknown key", where=long, got="a", allowed="b", hint="c"
    )
    show_problem(console_on(out), "error", problem)
    assert out.getvalue() == (
        f"error[TC102]: Unknown key\n  where: {long}\n  got: a\n  allowed: b\n\nhint: c\n"
    )


def warning(number: int, severity: Severity = Severity.WARNING) -> Diagnostic:
    problem = Problem(code=Code.NO_EFFECT, message=f"message {number}")
    return Diagnostic(severity=severity, stage="quantize", problem=problem)


def test_diagnostics_are_sorted_counted_and_shown_once() -> None:
    out = io.StringIO()
    found = [*(warning(n % 12) for n in range(24)), warning(99, Severity.ERROR)]
    show_diagnostics(console_on(out), found, full=False)
    lines = [line for line in out.getvalue().splitlines() if line]
    assert lines[0] == "error[TC109]: message 99"
    assert lines[-1] == "3 more diagnostics; -v shows all"
    assert len(lines) == 11


def test_information_is_for_those_who_ask() -> None:
    for full in (False, True):
        out = io.StringIO()
        show_diagnostics(console_on(out), [warning(1, Severity.INFO)], full=full)
        assert out.getvalue() == ("\ninfo[TC109]: message 1\n" if full else "")
