"""What stage hooks must have done besides returning the right type."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from toolchain.errors import CompileError
from toolchain.program.validation import check_program

if TYPE_CHECKING:
    from toolchain.plugin.declared import Findings
    from toolchain.plugin.requests import CheckResult
    from toolchain.program.records import Program


def unwritten(destination: Path) -> Findings:
    """The model that the request asked for, if it is not there."""
    if not destination.is_file():
        yield "", "no file written", f"a model at the request's destination, {destination.name}"


def broken_program(program: Program) -> Findings:
    """Names and tensors of a program that do not fit each other."""
    try:
        check_program(program)
    except CompileError as error:
        for problem in error.problems:
            yield problem.where or "", problem.got or "", problem.message


def contradictory(result: CheckResult) -> Findings:
    """A check that says something else than its rows."""
    report = result.report
    failed = sum(not row.passed for row in report.rows)
    if report.passed and failed:
        yield "report.passed", "True", f"False, because {failed} rows did not pass"
