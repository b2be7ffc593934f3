"""What stage hooks must have done besides returning the right type."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolchain.errors import CompileError, ModelError
from toolchain.plugin.plans import beyond_facts, misplaced
from toolchain.program.validation import check_program

if TYPE_CHECKING:
    from pathlib import Path

    from toolchain.core.quant import QuantPlan
    from toolchain.plugin.declared import Findings
    from toolchain.plugin.requests import CheckResult, LowerRequest, PlanRequest
    from toolchain.program.records import Program


def unusable_model(destination: Path) -> Findings:
    """The model that a request asked for, if it is missing or no model."""
    from toolchain.graph.view import read_view

    wanted = f"a model at the request's destination, {destination.name}"
    if not destination.is_file():
        yield "", "no file written", wanted
        return
    try:
        read_view(destination)
    except ModelError as error:
        yield "", error.problems[0].message, wanted


def unusable_plan(request: PlanRequest, plan: QuantPlan) -> Findings:
    """What the graph does not have, and what the target's facts do not have."""
    found = list(misplaced(plan, request.graph))
    return (
        iter(found) if found else beyond_facts(plan, request.graph, request.target, request.fixed)
    )


def broken_program(request: LowerRequest, program: Program) -> Findings:
    """Names and tensors that do not fit each other, and outputs that are not the model's."""
    try:
        check_program(program)
    except CompileError as error:
        for problem in error.problems:
            found = f"{problem.message}: {problem.got}" if problem.got else problem.message
            yield problem.where or "", found, "a program whose names and tensors fit each other"
    for port in ("inputs", "outputs"):
        wanted = {value.name for value in getattr(request.graph, port)}
        for name in sorted(wanted ^ set(getattr(program, port))):
            yield port, name, f"those of the model: {', '.join(sorted(wanted))}"


def contradictory(result: CheckResult) -> Findings:
    """A check that says something else than its rows."""
    report = result.report
    failed = sum(not row.passed for row in report.rows)
    if report.passed and failed:
        yield "report.passed", "True", f"False, because {failed} rows did not pass"
