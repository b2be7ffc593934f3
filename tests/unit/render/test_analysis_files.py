from __future__ import annotations

import io
import json
import math

import pytest

from toolchain.core.reports import AnalysisReport, Finding, LayerRow
from toolchain.render.analysis import headline, layer_tables, verdict, worst_first
from toolchain.render.analysis_files import FILES, analysis_files, page, plain_table
from toolchain.render.mermaid import similarity_graph
from toolchain.render.terminal import console_on, show_tables


def layer(operator: str, output: str, ratio: float, cosine: float, **more: object) -> LayerRow:
    given: dict[str, object] = {
        "op_type": "Conv+Relu",
        "nodes": (operator,),
        "shape": (1, 32, 8, 8),
        "dtype": "float32",
        "quantized_dtype": "uint8",
        "mse": 0.00125,
        "sqnr_db": 21.5,
        "rounding": 0.0,
        "clipping": 0.0,
        "clipped": 0.0,
        "stored": (-1.0, 1.0),
        "quantized": (-1.5, 2.0),
        "real": (-1.25, 2.5),
        "histogram": (5, 0, 7, *(1,) * 29),
        "worst_sample": "a.png",
        "marks": (),
        **more,
    }
    return LayerRow(operator=operator, output=output, noise_to_signal=ratio, cosine=cosine, **given)  # type: ignore[arg-type]


@pytest.fixture
def report() -> AnalysisReport:
    return AnalysisReport(
        target="npu",
        platform="n1",
        mode="per_layer",
        on="reference",
        samples=16,
        max_noise=0.1,
        min_cosine=0.99,
        rows=(
            layer("x", "x", 0.001, 1.0, op_type="Input", nodes=()),
            layer("conv|1", "a_b", 0.25, 0.875, inputs=("x",), marks=("SNR", "cosine")),
            layer('say "hi" <#1>', "y", 0.05, 0.995, inputs=("a_b", "gone")),
            layer("conv|1", "w", 0.002, 0.999, op_type="Conv", constant=True),
        ),
        outputs=("y",),
        summary="1 of 3 layers marked",
        findings=(
            Finding(operator="conv|1", output="a_b", share=0.831, cause="rounds", advice="widen"),
        ),
    )


def test_words(report: AnalysisReport) -> None:
    assert headline(report) == (
        "npu (n1): integer reference against float, each layer fed by the float model, 16 samples"
    )
    assert verdict(report) == (
        "1 of 3 layers marked",
        "83 % of the error comes from conv|1: rounds",
        "    to do: widen",
    )


def test_the_worst_come_first_and_no_number_before_all() -> None:
    rows = [layer(n, n, r, 1.0) for n, r in zip("abcd", (0.0, 0.5, math.nan, 0.1), strict=True)]
    assert [row.output for row in worst_first(rows)] == ["c", "b", "d", "a"]


def test_markdown_has_xquant_s_columns(report: AnalysisReport) -> None:
    lines = page(report).splitlines()
    head = lines.index("| Op | Var | SNR | MSE | Cosine | Q.MinMax | F.MinMax | F.Hist |")
    assert lines[head + 2] == (
        r"| conv\|1\[Conv+Relu\] | a\_b | **0.250000** | 0.00125 | **0.875000** | -1.5, 2 "
        "| -1.25, 2.5 | 5,0,7," + ",".join("1" * 29) + " |"
    )
    assert lines[head + 4].startswith(r"| conv\|1\[Conv\] | w\[Constant\] | 0.002000 |")
    assert [line.split(" | ")[2] for line in lines[head + 2 :]] == [
        "**0.250000**", "0.050000", "0.002000", "0.001000"
    ]  # fmt: skip


def test_the_plain_table_is_pulsar2_s(report: AnalysisReport) -> None:
    title, top, head, rule, first, between, second, *_ = plain_table(report).splitlines()
    assert title == "Quant Precision Table【PerLayer Reference】"
    assert [cell.strip() for cell in head.strip("┃").split("┃")] == [
        "Operator", "Type", "Output Tensor", "Shape", "DType", "QDType", "Cosin", "MSE"
    ]  # fmt: skip
    assert [cell.strip() for cell in second.strip("│").split("│")] == [
        "conv|1", "Conv+Relu", "a_b", "(1, 32, 8, 8)", "FP32", "U8", "0.87500", "0.00125"
    ]  # fmt: skip
    assert len({len(line) for line in (top, head, rule, first, between, second)}) == 1
    assert " w " not in plain_table(report)


def test_the_graph_is_coloured_and_escaped(report: AnalysisReport) -> None:
    assert similarity_graph(report).splitlines()[7:] == [
        '    n0["x<br/>Input<br/>1.00000"]:::equal',
        '    n1["conv|1<br/>Conv+Relu<br/>0.87500"]:::bad',
        '    n2["say #quot;hi#quot; #lt;#35;1#gt;<br/>Conv+Relu<br/>0.99500"]:::fair',
        '    n0 -- "x" --> n1',
        '    n1 -- "a_b" --> n2',
    ]


def test_all_files(report: AnalysisReport) -> None:
    files = analysis_files(report)
    assert list(files) == list(FILES)
    assert all(text.endswith("\n") for text in files.values())
    data = json.loads(files["analysis.json"])
    assert data["rows"][1]["marks"] == ["SNR", "cosine"]
    assert data["findings"][0]["share"] == 0.831


def test_the_terminal_marks_and_says_once_what_is_the_same(report: AnalysisReport) -> None:
    stream = io.StringIO()
    console = console_on(stream)
    console.width = 120
    show_tables(console, layer_tables(report, ranges=False), full=False)
    text = stream.getvalue()
    assert "dtype float32, stored uint8" in text
    assert "SNR cosine" in text
    assert "[-1.25, 2.5]" not in text
    layers, weights = layer_tables(report, ranges=True)
    assert [column.name for column in layers.columns][-3:] == ["quantized", "float", "mark"]
    assert [column.name for column in weights.columns][-2:] == ["quantized", "float"]
    assert layers.rows[0][0] == "conv|1"
