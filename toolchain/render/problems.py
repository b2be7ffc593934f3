"""Problems and diagnostics as lines of text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolchain.core.diagnostics import Severity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from toolchain.core.diagnostics import Diagnostic
    from toolchain.errors import Problem


def problem_lines(label: str, problem: Problem) -> tuple[str, ...]:
    """`label[CODE]: message`, the place and the values indented, the hint behind a blank line."""
    lines = [f"{label}[{problem.code}]: {problem.message}"]
    for name in ("where", "got", "allowed"):
        text = getattr(problem, name)
        if text is not None:
            lines.append(f"  {name}: {text}")
    if problem.hint is not None:
        lines += ["", f"hint: {problem.hint}"]
    return tuple(lines)


def worth_showing(found: Iterable[Diagnostic], *, everything: bool) -> tuple[Diagnostic, ...]:
    """Each diagnostic once, the gravest first; mere information only with `everything`."""
    order = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}
    once = dict.fromkeys(found)
    shown = (one for one in once if everything or one.severity is not Severity.INFO)
    return tuple(sorted(shown, key=lambda one: order[one.severity]))
