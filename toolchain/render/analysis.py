"""The precision of every layer as tables and sentences."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from toolchain.render.figures import percent, plural, real
from toolchain.render.tables import factored, table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from toolchain.core.reports import AnalysisReport, LayerRow
    from toolchain.render.tables import Table

_FORMS = {"reference": "integer reference", "qdq": "QDQ model", "machine": "machine"}
_MODES = {"per_layer": "each layer fed by the float model", "end_to_end": "from end to end"}


def headline(report: AnalysisReport) -> str:
    """What was compared with what."""
    return (
        f"{report.target} ({report.platform}): {_FORMS.get(report.on, report.on)} against float, "
        f"{_MODES.get(report.mode, report.mode)}, {plural(report.samples, 'sample')}"
    )


def verdict(report: AnalysisReport) -> tuple[str, ...]:
    """What the figures come to: one sentence, then one per finding and one per way out."""
    lines = [report.summary]
    for found in report.findings:
        lines.append(
            f"{percent(found.share, 0)} of the error comes from {found.operator}: {found.cause}"
        )
        lines.append(f"    to do: {found.advice}")
    return tuple(lines)


def worst_first(rows: Iterable[LayerRow]) -> list[LayerRow]:
    """Rows by their noise-to-signal ratio, what is no number in front, then the largest."""
    return sorted(rows, key=lambda row: (not math.isnan(row.noise_to_signal), -row.noise_to_signal))


def layer_tables(report: AnalysisReport, *, ranges: bool) -> tuple[Table, ...]:
    """One table of the layers and one of the stored weights, each with the worst first.

    `ranges` adds the smallest and the largest value of both models, for wide terminals.
    """
    groups = {"Layers": False, "Weights": True}
    found = {
        title: worst_first(row for row in report.rows if row.constant is constant)
        for title, constant in groups.items()
    }
    return tuple(
        _layers(f"{title} ({len(rows)})", rows, ranges) for title, rows in found.items() if rows
    )


def _layers(title: str, rows: Sequence[LayerRow], ranges: bool) -> Table:
    columns = (
        "operator:name type:name output:name shape:word dtype:word stored:word "
        "cosine:number MSE:number SQNR:number SNR:number"
    )
    columns += " quantized:text float:text" if ranges else ""
    marked = any(row.marks for row in rows)
    columns += " mark:word" if marked else ""
    cells = (
        (
            *_cells(row),
            *((interval(row.quantized), interval(row.real)) if ranges else ()),
            *((" ".join(row.marks),) if marked else ()),
        )
        for row in rows
    )
    note = "SNR is noise over signal power: less is better"
    return factored(table(title, columns, cells, note), "dtype", "stored")


def _cells(row: LayerRow) -> tuple[str, ...]:
    return (
        row.operator,
        row.op_type,
        row.output,
        shape(row),
        row.dtype,
        row.quantized_dtype,
        f"{row.cosine:.5f}",
        real(row.mse),
        f"{row.sqnr_db:.1f} dB",
        real(row.noise_to_signal),
    )


def shape(row: LayerRow) -> str:
    """Dimensions as in "1x32x112x112"."""
    return "x".join(map(str, row.shape)) or "scalar"


def interval(bounds: tuple[float, float]) -> str:
    """Two numbers as in "[-1.5, 2]"."""
    return f"[{bounds[0]:.3g}, {bounds[1]:.3g}]"
