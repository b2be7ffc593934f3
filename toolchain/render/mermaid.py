"""The layers of a model as a Mermaid flowchart, coloured by similarity."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolchain.core.reports import AnalysisReport, LayerRow

_BANDS = (
    ("equal", 0.9999, "#c6efce"),
    ("good", 0.999, "#e2f0d9"),
    ("fair", 0.99, "#fff2cc"),
    ("poor", 0.9, "#f8cbad"),
    ("bad", -1.0, "#ff7c80"),
)
"""Name, smallest cosine similarity and colour of every band, the best first."""


def similarity_graph(report: AnalysisReport) -> str:
    """A node per layer with its operator, type and cosine similarity; edges carry tensors."""
    lines = [
        f"%% {report.target}, {report.mode}, {report.on}: colours by cosine similarity",
        "flowchart TD",
        *(
            f"    classDef {name} fill:{colour},stroke:#555,color:#000;"
            for name, _, colour in _BANDS
        ),
        *_nodes([row for row in report.rows if not row.constant]),
    ]
    return "\n".join(lines) + "\n"


def _nodes(rows: list[LayerRow]) -> Iterator[str]:
    numbers = {row.output: number for number, row in enumerate(rows)}
    for row in rows:
        label = f"{_text(row.operator)}<br/>{_text(row.op_type)}<br/>{row.cosine:.5f}"
        yield f'    n{numbers[row.output]}["{label}"]:::{_band(row.cosine)}'
    for row in rows:
        for name in row.inputs:
            if name in numbers:
                edge = f'-- "{_text(name)}" -->'
                yield f"    n{numbers[name]} {edge} n{numbers[row.output]}"


def _band(cosine: float) -> str:
    """The best band whose bound is reached; the last one for what is no number."""
    return next((name for name, least, _ in _BANDS if cosine >= least), _BANDS[-1][0])


def _text(text: str) -> str:
    """`text` so that Mermaid shows it letter by letter within quotes."""
    escaped = text.replace("#", "#35;").replace('"', "#quot;")
    return escaped.replace("<", "#lt;").replace(">", "#gt;")
