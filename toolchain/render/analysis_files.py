"""The precision of every layer as the files that engineers know from the vendors' tools."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolchain.render.analysis import headline, verdict, worst_first
from toolchain.render.jsonout import dumps
from toolchain.render.markdown import escape
from toolchain.render.mermaid import similarity_graph

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from toolchain.core.reports import AnalysisReport, LayerRow

FILES: Mapping[str, str] = {
    "analysis.md": "precision of every layer, to read",
    "analysis.json": "precision of every layer, to process",
    "analysis.txt": "precision of every layer as a plain table",
    "analysis.mmd": "graph of the layers, coloured by similarity",
}
"""What is written, each file with what it is."""

_MODES = {"per_layer": "PerLayer", "end_to_end": "EndToEnd"}
_FORMS = {"reference": "Reference", "qdq": "QDQ", "machine": "NPUBackend"}


def analysis_files(report: AnalysisReport) -> dict[str, str]:
    """Name to text of every file of `FILES`."""
    texts = (page(report), dumps(report) + "\n", plain_table(report), similarity_graph(report))
    return dict(zip(FILES, texts, strict=True))


def page(report: AnalysisReport) -> str:
    """Markdown with the columns of XQuant's report, the worst first, constants marked.

    Figures beyond their threshold are bold.
    """
    blocks = [
        f"# Precision of {escape(report.target)}",
        escape(headline(report)),
        "\n".join(f"- {escape(line.strip())}" for line in verdict(report)),
        _legend(report),
        "\n".join(_xquant(report)),
    ]
    return "\n\n".join(blocks) + "\n"


def _legend(report: AnalysisReport) -> str:
    return (
        "SNR is noise power over signal power, so less is better: below 0.01 it is negligible, up "
        f"to 0.1 acceptable. Bold: SNR > {report.max_noise:g} or cosine < {report.min_cosine:g}."
    )


def _xquant(report: AnalysisReport) -> list[str]:
    lines = [
        "| Op | Var | SNR | MSE | Cosine | Q.MinMax | F.MinMax | F.Hist |",
        "| --- | --- | ---: | ---: | ---: | --- | --- | --- |",
    ]
    for row in worst_first(report.rows):
        cells = (
            escape(f"{row.operator}[{row.op_type}]"),
            escape(f"{row.output}[Constant]" if row.constant else row.output),
            _marked(f"{row.noise_to_signal:.6f}", "SNR" in row.marks),
            f"{row.mse:.6g}",
            _marked(f"{row.cosine:.6f}", "cosine" in row.marks),
            "{:.6g}, {:.6g}".format(*row.quantized),
            "{:.6g}, {:.6g}".format(*row.real),
            ",".join(map(str, row.histogram)),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _marked(text: str, bold: bool) -> str:
    return f"**{text}**" if bold else text


def plain_table(report: AnalysisReport) -> str:
    """Text with the title and the columns of Pulsar2's precision table, in graph order."""
    title = f"Quant Precision Table【{_MODES[report.mode]} {_FORMS[report.on]}】"
    head = ("Operator", "Type", "Output Tensor", "Shape", "DType", "QDType", "Cosin", "MSE")
    rows = [_pulsar(row) for row in report.rows if not row.constant]
    return "\n".join((title, *_boxed([head, *rows]))) + "\n"


def _pulsar(row: LayerRow) -> tuple[str, ...]:
    sizes = f"({', '.join(map(str, row.shape))})"
    types = _short(row.dtype), _short(row.quantized_dtype)
    figures = f"{row.cosine:.5f}", f"{row.mse:.5f}"
    return (row.operator, row.op_type, row.output, sizes, *types, *figures)


def _short(dtype: str) -> str:
    """An element type as Pulsar2 writes it: U8, S16, FP32."""
    for long, brief in (("uint", "U"), ("int", "S"), ("float", "FP")):
        if dtype.startswith(long):
            return brief + dtype.removeprefix(long)
    return dtype.upper()


def _boxed(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Rows in a frame, the first one above a thick line."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]

    def line(left: str, fill: str, middle: str, right: str) -> str:
        return left + middle.join(fill * (width + 2) for width in widths) + right

    def cells(row: tuple[str, ...], bar: str) -> str:
        padded = (f" {cell:<{width}} " for cell, width in zip(row, widths, strict=True))
        return bar + bar.join(padded) + bar

    body = [cells(row, "│") for row in rows[1:]]
    between = line("├", "─", "┼", "┤")
    framed = [part for row in body for part in (row, between)][:-1]
    head = (line("┏", "━", "┳", "┓"), cells(rows[0], "┃"), line("┡", "━", "╇", "┩"))
    return [*head, *framed, line("└", "─", "┴", "┘")]
