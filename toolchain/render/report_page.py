"""The report of one target's build as a page with pictures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from toolchain.render import html
from toolchain.render.analysis import headline, layer_tables
from toolchain.render.figures import count, percent, plural, scores, size
from toolchain.render.machine.page import (
    machine_cards,
    machine_sections,
    model_note,
)
from toolchain.render.machine.tables import duration, summary_lines
from toolchain.render.problems import problem_lines, worth_showing
from toolchain.render.sections import Section, sections
from toolchain.render.tables import Table, table

if TYPE_CHECKING:
    from toolchain.core.reports import AccuracyReport
    from toolchain.render.machine.records import MachineStudy
    from toolchain.render.results import TargetResult

NO_MACHINE = (
    "Nothing was compiled for a model of a machine, so that there is no partition, schedule, "
    "memory map or roofline. What the program costs in operations and bytes is under Build."
)
_PRECISION = ("check", "analyze")
"""Stages whose sections are shown as precision, not with the build."""


def report_page(result: TargetResult, study: MachineStudy | None = None) -> str:
    """The page: summary, precision, the machine if there is one, and how it was built."""
    title = f"{result.target} ({result.platform})"
    if study is not None:
        title = f"{study.name}: {title}"
    found = sections(result)
    body = [
        html.heading_one(title),
        html.paragraph(_subtitle(study)),
        html.cards(_cards(result)),
        *_timing(study),
    ]
    parts: dict[str, Iterable[str]] = {
        "Precision": _precision(result, found),
        **({} if study is None else machine_sections(study)),
        "Build": _build(found),
        "Diagnostics": (html.bullets(_problems(result)),),
    }
    return html.document(title, (*body, *html.sections(parts)))


def _subtitle(study: MachineStudy | None) -> str:
    if study is None:
        return NO_MACHINE
    machine = study.machine
    cores = plural(machine.cores, "core")
    return f"compiled for {machine.name}: {machine.summary}, {cores} at {machine.clock_mhz} MHz"


def _timing(study: MachineStudy | None) -> Iterator[str]:
    if study is None:
        return
    yield html.note(model_note(study))
    if study.shown is not None:
        yield html.cards(machine_cards(study.shown))
        yield html.bullets(summary_lines(study.shown)[1:])
    if study.groups > 1:
        shapes = f"{study.groups} input shapes were compiled; this page shows those of the model"
        yield html.paragraph(f"{shapes}, and tc trace --group the others")


def _cards(result: TargetResult) -> dict[str, str]:
    cards: dict[str, str] = {}
    if result.check is not None:
        cards["check"] = "passed" if result.check.passed else "FAILED"
    if result.accuracy is not None:
        pair = (result.accuracy.float_score, result.accuracy.reference_score)
        cards[f"{result.accuracy.metric}: float, reference"] = ", ".join(scores(pair))
    quantized, cost = result.quantize, result.cost
    if quantized is not None and quantized.total_macs:
        cards["MACs on integers"] = percent(quantized.integer_macs / quantized.total_macs)
    if cost is not None:
        cards["MACs"] = count(cost.macs)
        cards["weights"] = size(cost.weight_bytes)
    if cost is not None and cost.estimates:
        first = cost.estimates[0]
        label = f"estimate, {plural(first.cores, 'core')}"
        cards[label] = duration(first.latency_us)
    return cards


def _precision(result: TargetResult, found: tuple[Section, ...]) -> Iterator[str]:
    """Scores, comparisons and the analysis, whichever were made."""
    if result.accuracy is not None:
        yield html.table(_accuracy(result.accuracy))
    for stage in found:
        if stage.stage not in _PRECISION:
            continue
        yield html.heading(f"{stage.stage} ({stage.status})")
        yield html.bullets(stage.lines)
        for each in stage.tables:
            yield html.folded(each.title, html.table(each, titled=False))
    if result.analysis is None:
        yield html.paragraph(
            "Layers were not compared with the float model: [analysis] of the config asks for it."
        )
        return
    for each in layer_tables(result.analysis, ranges=True):
        yield html.folded(
            each.title, html.paragraph(headline(result.analysis)), html.table(each, titled=False)
        )


def _accuracy(report: AccuracyReport) -> Table:
    values = (report.float_score, report.qdq_score, report.reference_score)
    agreed = "" if report.agreement is None else percent(report.agreement, 1)
    return table(
        f"Accuracy: {report.metric} on {plural(report.samples, 'sample')}",
        "float:number QDQ_model:number integer_reference:number agreement:number SQNR:number",
        [(*scores(values), agreed, f"{report.sqnr_db:.1f} dB")],
        "agreement: samples on which float model and integer reference choose the same",
    )


def _build(found: tuple[Section, ...]) -> Iterator[str]:
    """The stages that led to the integer program, and what it costs on any machine."""
    for stage in found:
        if stage.stage in _PRECISION:
            continue
        yield html.heading(f"{stage.stage} ({stage.status})")
        yield html.bullets(stage.lines)
        for each in (*stage.tables, *stage.appendix):
            yield html.folded(each.title, html.table(each, titled=False))


def _problems(result: TargetResult) -> list[str]:
    shown = worth_showing(result.diagnostics, everything=True)
    return [
        "; ".join(line.strip() for line in problem_lines(str(one.severity), one.problem) if line)
        for one in shown
    ]
