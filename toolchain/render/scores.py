"""An evaluation as a table, and as CSV for spreadsheets."""

from __future__ import annotations

import csv
import io
from dataclasses import fields
from typing import TYPE_CHECKING

from toolchain.core.scores import ScoreReport, ScoreRow
from toolchain.render.figures import percent, plural, real, scores
from toolchain.render.tables import Table, table

if TYPE_CHECKING:
    from collections.abc import Callable

SHORT = 30
"""Samples below which a note says that intervals are rough."""


def score_table(report: ScoreReport) -> Table:
    """All forms of all targets in one table."""
    shown = scores([row.score for row in report.rows])
    share = _is_share(report)
    note = (
        f"{plural(report.samples, 'sample')}; {percent(report.confidence, 0)} intervals by paired "
        f"bootstrap ({report.resamples} resamples, seed {report.seed})"
    )
    if any(row.p_value is not None for row in report.rows):
        note += ", p by exact McNemar test"
    if report.samples < SHORT:
        note += "; so few samples make rough intervals"
    return table(
        f"Evaluation: {report.metric}",
        "target:word form:word score:number difference:number interval:number p:number "
        "agreement:number SQNR:number samples/s:number",
        (_cells(row, score, share=share) for row, score in zip(report.rows, shown, strict=True)),
        note,
    )


def score_csv(report: ScoreReport) -> str:
    """The rows with all digits, a heading above them, metric and sample count in every row."""
    names = [field.name for field in fields(ScoreRow)]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["metric", "samples", *names])
    for row in report.rows:
        values = [getattr(row, name) for name in names]
        cells = ["" if value is None else value for value in values]
        writer.writerow([report.metric, report.samples, *cells])
    return out.getvalue().removesuffix("\n")


def score_line(report: ScoreReport) -> str:
    """The result in one line: what each target's reference loses."""
    by_form = {(row.target, row.form): row for row in report.rows}
    shown = [
        f"{target} {_signed(row.difference, share=_is_share(report))}"
        for (target, form), row in by_form.items()
        if form == "reference"
    ]
    return f"{report.metric}: reference against float: {', '.join(shown)}"


def _is_share(report: ScoreReport) -> bool:
    return all(0.0 <= row.score <= 1.0 for row in report.rows)


def _cells(row: ScoreRow, score: str, *, share: bool) -> tuple[str, ...]:
    own = row.form == "float"
    interval = "-"
    if row.low is not None and row.high is not None:
        ends = [_signed(end, share=share).removesuffix(" %") for end in (row.low, row.high)]
        interval = f"{ends[0]} .. {ends[1]}"
    return (
        row.target,
        row.form,
        score,
        _signed(row.difference, share=share),
        interval,
        _or_dash(row.p_value, lambda value: f"{value:.3f}"),
        _or_dash(row.agreement, lambda value: percent(value, 1)),
        "-" if own else f"{row.sqnr_db:.1f} dB",
        f"{row.samples_per_second:.1f}",
    )


def _signed(value: float | None, *, share: bool) -> str:
    """A difference with its sign; of shares in percentage points."""
    if value is None:
        return "-"
    return f"{value * 100:+.2f} %" if share else f"{'+' if value >= 0 else ''}{real(value)}"


def _or_dash(value: float | None, show: Callable[[float], str]) -> str:
    return "-" if value is None else show(value)
