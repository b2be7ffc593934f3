"""A build as neutral sections, one per stage, for the terminal and for Markdown alike."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from toolchain.core.check_report import LevelStatus
from toolchain.render import cost, tables
from toolchain.render.analysis import headline, verdict
from toolchain.render.divergence import divergence_lines
from toolchain.render.figures import count, percent, plural, real, scores, size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolchain.core.check_report import CheckLevel, CheckReport
    from toolchain.core.reports import AccuracyReport, OptimizeReport, QuantReport
    from toolchain.render.results import TargetResult
    from toolchain.render.tables import Table


class Status(StrEnum):
    """How a stage ended."""

    DONE = "done"
    CACHED = "cached"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """What one stage has to show.

    Attributes:
        stage: Name of the stage.
        status: How it ended.
        lines: Sentences, the most important first.
        tables: Details.
        appendix: Details for where there is room: the page, and the terminal if all is asked for.
    """

    stage: str
    status: Status
    lines: tuple[str, ...]
    tables: tuple[Table, ...] = field(default=())
    appendix: tuple[Table, ...] = field(default=())


def sections(result: TargetResult) -> tuple[Section, ...]:
    """The stages that ran, in their order."""
    made = (_optimize, _quantize, _mixed, _compile, _machine, _cost, _check, _analyze)
    found = (section(result) for section in made)
    return tuple(section for section in found if section is not None)


def accuracy_line(report: AccuracyReport) -> str:
    """The scores of all three models in one line."""
    values = (report.float_score, report.qdq_score, report.reference_score)
    pairs = zip(("float", "qdq", "reference"), scores(values), strict=True)
    shown = "  ".join(f"{name} {score}" for name, score in pairs)
    agreed = "" if report.agreement is None else f"agreement {percent(report.agreement, 1)}  "
    return (
        f"accuracy  {report.metric}: {shown}  {agreed}"
        f"SQNR {report.sqnr_db:.1f} dB  ({plural(report.samples, 'sample')})"
    )


def _status(result: TargetResult, stage: str) -> Status:
    return Status.CACHED if stage in result.cached else Status.DONE


def _optimize(result: TargetResult) -> Section | None:
    report = result.optimize
    if report is None:
        return None
    changed = tables.passes(report.passes)
    return Section(
        stage="optimize",
        status=_status(result, "optimize"),
        lines=(_simplified(report), _proof(report)),
        tables=tuple(table for table in (tables.surgery(report.surgery), changed) if table.rows),
    )


def _simplified(report: OptimizeReport) -> str:
    opset = f"opset {report.opset_before} -> {report.opset_after}"
    if not report.passes:
        return f"no passes, {opset}"
    before, after = report.passes[0].nodes_before, report.passes[-1].nodes_after
    return f"{before} -> {after} nodes, {opset}"


def _proof(report: OptimizeReport) -> str:
    if not report.samples or not report.proof:
        return "proof: none was asked for"
    worst = max(report.proof, key=lambda row: row.max_difference)
    return (
        f"proof: outputs moved by at most {real(worst.max_difference)} "
        f"(largest magnitude {real(worst.max_magnitude)}) on {plural(report.samples, 'sample')}"
    )


def _quantize(result: TargetResult) -> Section | None:
    report = result.quantize
    if report is None:
        return None
    lines = [_on_integers(report)]
    if result.calibration is not None:
        sweep = result.calibration
        lines.append(
            f"calibration: {plural(sweep.samples, 'sample')}, {plural(sweep.values, 'value')}, "
            f"{plural(sweep.forwards, 'forward run')}"
            + (f" and {sweep.own_forwards} of its own" if sweep.own_forwards else "")
        )
    lines += [f"algorithm: {summary}" for summary in report.algorithms]
    shown = tables.quantization(report)
    if report.islands:
        shown += (tables.islands(report.islands, report.total_macs),)
    return Section(
        stage="quantize",
        status=_status(result, "quantize"),
        lines=tuple(lines),
        tables=shown,
    )


def _on_integers(report: QuantReport) -> str:
    nodes = report.integer_nodes + len(report.islands)
    share = report.integer_macs / report.total_macs if report.total_macs else 0.0
    return (
        f"{report.integer_nodes} of {plural(nodes, 'node')} on integers, "
        f"{percent(share)} of {count(report.total_macs)} MACs"
    )


def _mixed(result: TargetResult) -> Section | None:
    if not result.effects:
        return None
    rules = len({effect.rule for effect in result.effects})
    return Section(
        stage="mixed-precision",
        status=_status(result, "mixed-precision"),
        lines=(f"{plural(rules, 'rule')} took effect in {plural(len(result.effects), 'place')}",),
        tables=(tables.effects(result.effects),),
    )


def _compile(result: TargetResult) -> Section | None:
    if not result.files:
        return None
    total = sum(row.size_bytes for row in result.files)
    return Section(
        stage="compile",
        status=_status(result, "compile"),
        lines=(f"{plural(len(result.files), 'file')}, {size(total)}",),
        tables=(tables.files(result.files),),
    )


def _machine(result: TargetResult) -> Section | None:
    if not result.machine:
        return None
    return Section(stage="machine", status=_status(result, "compile"), lines=result.machine)


def _cost(result: TargetResult) -> Section | None:
    report = result.cost
    if report is None:
        return None
    return Section(
        stage="cost",
        status=_status(result, "compile"),
        lines=cost.summary(report),
        tables=(cost.most_expensive(report),),
        appendix=(cost.grounds(report),) if report.estimates else (),
    )


def _check(result: TargetResult) -> Section | None:
    report = result.check
    if report is None:
        return None
    return Section(
        stage="check",
        status=_status(result, "check") if report.passed else Status.FAILED,
        lines=(
            _compared(report),
            *map(_executed, report.levels),
            *(line for level in report.levels for line in _parting(level)),
        ),
        tables=(tables.checks(report.rows),) if report.rows else (),
    )


def _analyze(result: TargetResult) -> Section | None:
    report = result.analysis
    if report is None:
        return None
    return Section(
        stage="analyze",
        status=_status(result, "analyze"),
        lines=(headline(report), *verdict(report)),
    )


def _executed(level: CheckLevel) -> str:
    if level.status is LevelStatus.MISSING:
        reasons = "; ".join(problem.message for problem in level.missing)
        return f"{level.name}: not executed ({reasons})"
    scale = f"{plural(level.tensors, 'tensor')}, {plural(level.samples, 'sample')}"
    if level.status is LevelStatus.EQUAL:
        return f"{level.name}: {level.elements} elements equal to the reference ({scale})"
    if level.status is LevelStatus.TOLERATED:
        return (
            f"{level.name}: {level.different} of {level.elements} elements differ from the "
            f"reference, and it is {level.demand} as asked ({scale})"
        )
    return f"{level.name}: differs from the reference ({scale})"


def _parting(level: CheckLevel) -> Iterator[str]:
    if level.first is not None:
        yield f"A is the reference, B is {level.name}"
        yield from divergence_lines(level.first)


def _compared(report: CheckReport) -> str:
    passed = sum(row.passed for row in report.rows)
    return (
        f"{passed} of {plural(len(report.rows), 'comparison')} passed "
        f"on {plural(report.samples, 'sample')}"
    )
