"""Report records to neutral tables of text, which every kind of output can show."""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from toolchain.render.figures import count, percent, real, scores, size

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from toolchain.core.check_report import CheckRow
    from toolchain.core.reports import (
        FileRow,
        FloatRow,
        PassRow,
        QuantReport,
        QuantRow,
        RuleEffect,
        SurgeryRow,
    )
    from toolchain.render.results import TargetResult


class Kind(StrEnum):
    """What the cells of a column hold, which decides how they are laid out."""

    NAME = "name"
    """Identifiers, broken anywhere where space is short."""
    WORD = "word"
    """Short words, never broken."""
    NUMBER = "number"
    """Figures, to the right, never broken."""
    TEXT = "text"
    """Sentences, broken between words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column: its heading, and what its cells hold."""

    name: str
    kind: Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of text under a title.

    Attributes:
        title: What the rows are.
        columns: Headings.
        rows: One cell per column each.
        note: What holds for all rows; empty for nothing.
    """

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


def table(title: str, columns: str, rows: Iterable[Sequence[str]], note: str = "") -> Table:
    """A table whose columns are given as "value:name  scale:number"; "_" stands for a blank."""
    pairs = (text.split(":") for text in columns.split())
    return Table(
        title=title,
        columns=tuple(Column(name=n.replace("_", " "), kind=Kind(kind)) for n, kind in pairs),
        rows=tuple(tuple(row) for row in rows),
        note=note,
    )


def factored(whole: Table, *names: str) -> Table:
    """The table without those of the columns `names` that say the same in every row.

    The note says it once instead, which leaves the width to what differs.
    """
    same = [
        index
        for index, column in enumerate(whole.columns)
        if column.name in names and len({row[index] for row in whole.rows}) == 1
    ]
    kept = [index for index in range(len(whole.columns)) if index not in same]
    said = [f"{whole.columns[index].name} {whole.rows[0][index]}" for index in same]
    return Table(
        title=whole.title,
        columns=tuple(whole.columns[index] for index in kept),
        rows=tuple(tuple(row[index] for index in kept) for row in whole.rows),
        note=", ".join((*said, *filter(None, (whole.note,)))),
    )


def quantization(report: QuantReport) -> tuple[Table, ...]:
    """How every tensor is stored, one table per role that occurs."""
    titles = {
        "activation": "Activations",
        "weight": "Weights",
        "bias": "Biases",
        "conversion": "Conversions",
    }
    roles = dict.fromkeys((*titles, *(row.role for row in report.rows)))
    groups = ((role, [row for row in report.rows if row.role == role]) for role in roles)
    return tuple(_stored(titles.get(role, role), rows) for role, rows in groups if rows)


def _stored(title: str, rows: Sequence[QuantRow]) -> Table:
    several = any(row.granularity != "per_tensor" for row in rows)
    return factored(
        table(
            f"{title} ({len(rows)})",
            "value:name dtype:word granularity:word scale:number zero_point:number "
            "minimum:number maximum:number method:word",
            (
                (
                    row.value,
                    row.dtype,
                    row.granularity,
                    real(row.scale),
                    str(row.zero_point),
                    real(row.minimum),
                    real(row.maximum),
                    row.method,
                )
                for row in rows
            ),
            "numbers of the first channel" if several else "",
        ),
        "dtype",
        "granularity",
        "method",
    )


def islands(rows: Sequence[FloatRow], total_macs: int) -> Table:
    """Nodes that run in float, why, and their share of all MACs."""
    return table(
        f"Float islands ({len(rows)})",
        "node:name operator:word MACs:number share:number reason:text",
        (
            (
                row.node,
                row.op_type,
                count(row.macs),
                percent(row.macs / total_macs) if total_macs else percent(0.0),
                row.reason,
            )
            for row in rows
        ),
    )


def surgery(rows: Sequence[SurgeryRow]) -> Table:
    """What the user changed in the model."""
    return table(
        f"Surgery ({len(rows)})",
        "change:word where:name old:text new:text",
        ((row.change, row.where, row.old, row.new) for row in rows),
    )


def passes(rows: Sequence[PassRow]) -> Table:
    """Passes that changed something, in the order they ran."""
    return table(
        "Passes",
        "pass:name nodes_before:number nodes_after:number",
        ((row.name, str(row.nodes_before), str(row.nodes_after)) for row in rows if row.changed),
    )


def effects(rows: Sequence[RuleEffect]) -> Table:
    """What every mixed-precision rule and pin changed."""
    return table(
        f"Mixed precision ({len(rows)})",
        "rule:word selector:name takes_effect_on:name setting:text",
        ((row.rule, row.selector, row.target, row.setting) for row in rows),
    )


def checks(rows: Sequence[CheckRow]) -> Table:
    """Every comparison; those that failed come first."""
    ordered = sorted(rows, key=lambda row: row.passed)
    return table(
        f"Comparisons ({len(rows)})",
        "comparison:word tensor:name metric:word value:number limit:number result:word",
        (
            (
                row.comparison,
                row.tensor,
                row.metric,
                f"{row.value:.6g}",
                f"{row.limit:.6g}",
                "passed" if row.passed else "FAILED",
            )
            for row in ordered
        ),
    )


def files(rows: Sequence[FileRow]) -> Table:
    """Files written, with their sizes, under the folder that holds them all."""
    folder = Path(os.path.commonpath([row.path.parent for row in rows])) if rows else Path()
    return table(
        f"Files ({len(rows)})",
        "file:name size:number what:text",
        ((row.path.relative_to(folder).as_posix(), size(row.size_bytes), row.what) for row in rows),
        f"in {folder}",
    )


def overview(results: Sequence[TargetResult]) -> Table:
    """Several targets side by side."""
    return table(
        f"Targets ({len(results)})",
        "target:name platform:word MACs_on_integers:number float:number reference:number "
        "agreement:number SQNR:number check:word",
        (_overview_row(result) for result in results),
    )


def sweeps(results: Sequence[TargetResult]) -> Table:
    """The calibration sweeps, each with the targets that share it."""
    found: dict[tuple[str, int], list[str]] = {}
    for result in results:
        if result.calibration is not None:
            key = (result.calibration.graph, result.calibration.forwards)
            found.setdefault(key, []).append(result.target)
    own = [
        (f"{r.target} alone", "-", str(r.calibration.own_forwards))
        for r in results
        if r.calibration is not None and r.calibration.own_forwards
    ]
    rows = [(", ".join(names), graph[:12], str(runs)) for (graph, runs), names in found.items()]
    return table(
        f"Calibration sweeps ({len(found)})",
        "targets:text float_graph:word forward_runs:number",
        (*rows, *own),
    )


def _overview_row(result: TargetResult) -> tuple[str, ...]:
    quantized, accuracy, check = result.quantize, result.accuracy, result.check
    share = "-"
    if quantized is not None and quantized.total_macs:
        share = percent(quantized.integer_macs / quantized.total_macs)
    figures: tuple[str, ...] = ("-", "-", "-", "-")
    if accuracy is not None:
        figures = (
            *scores((accuracy.float_score, accuracy.reference_score)),
            "-" if accuracy.agreement is None else percent(accuracy.agreement, 1),
            f"{accuracy.sqnr_db:.1f} dB",
        )
    verdict = "-" if check is None else "passed" if check.passed else "FAILED"
    return (result.target, result.platform, share, *figures, verdict)
