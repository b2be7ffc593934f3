from __future__ import annotations

import math
from typing import Any

import pytest

from toolchain.analysis.verdict import findings, summary
from toolchain.core.options import AnalysisMode, AnalysisOptions
from toolchain.core.reports import LayerRow

PER_LAYER = AnalysisOptions()
END_TO_END = AnalysisOptions(mode=AnalysisMode.END_TO_END)


def row(output: str, ratio: float, **more: Any) -> LayerRow:
    """A layer called like its tensor, with nothing remarkable but its noise."""
    given: dict[str, Any] = {
        "operator": f"{output}_node",
        "op_type": "Conv",
        "nodes": (f"{output}_node",),
        "shape": (1, 2),
        "dtype": "float32",
        "quantized_dtype": "int8",
        "cosine": 1.0 - ratio,
        "mse": 4.0 * ratio,
        "sqnr_db": -10.0 * math.log10(ratio) if ratio else math.inf,
        "rounding": 0.0,
        "clipping": 0.0,
        "clipped": 0.0,
        "stored": (-8.0, 8.0),
        "quantized": (-1.0, 1.0),
        "real": (-9.0, 12.0),
        "histogram": (1,) * 32,
        "worst_sample": "a.png",
        "marks": ("SNR",) if ratio > 0.1 else (),
        **more,
    }
    return LayerRow(output=output, noise_to_signal=ratio, **given)


def test_rounding_is_said_with_its_range() -> None:
    (found,) = findings([row("a", 0.2, rounding=0.15)], (), PER_LAYER)
    assert (found.operator, found.output, found.share) == ("a_node", "a", 1.0)
    # The signal power is mse / ratio = 4, its root 2, and the range 16 wide.
    assert found.cause == (
        "75 % of it is rounding to int8 over [-8, 8], 8 times the root mean square of the values"
    )
    assert 'nodes = ["a_node"]' in found.advice
    assert "output_dtype" in found.advice


def test_clipping_is_said_with_what_it_cuts() -> None:
    (found,) = findings([row("a", 0.2, clipping=0.19, rounding=0.01, clipped=0.125)], (), PER_LAYER)
    assert found.cause == (
        "95 % of it is clipping: 12.5 % of the elements lie outside [-8, 8], float reaches [-9, 12]"
    )


def test_a_weight_is_named() -> None:
    weight = row("w", 0.1, constant=True, operator="a_node", nodes=("a_node",))
    (found,) = findings([row("a", 0.2, rounding=0.02), weight], (), PER_LAYER)
    assert (
        found.cause == "90 % of it comes with its weight `w`, of SNR 0.1, which it makes 1.8 "
        "times worse"
    )
    assert "weight_dtype" in found.advice


def test_an_input_is_named_with_what_storing_it_costs() -> None:
    rows = [row("x", 0.05, rounding=0.04, clipping=0.01), row("a", 0.5, inputs=("x",))]
    first, second = findings(rows, (), PER_LAYER)
    assert first.output == "a"
    assert first.share == pytest.approx(0.5 / 0.55)
    assert (
        "comes with its input `x` by rounding, of SNR 0.05, which it makes 10 times worse"
        in first.cause
    )
    assert 'nodes = ["x_node"]' in first.advice
    assert "output_dtype" in first.advice
    assert second.output == "x"


def test_an_input_that_is_clipped_wants_a_wider_range() -> None:
    rows = [row("x", 0.05, clipping=0.05, clipped=0.1), row("a", 0.5, inputs=("x",))]
    first = findings(rows, (), PER_LAYER)[0]
    assert "comes with its input `x` by clipping" in first.cause
    assert first.advice.endswith("or a pin of `x`")


def test_what_nothing_explains_arises_in_the_operator() -> None:
    rows = [row("x", 1e-6, rounding=1e-6), row("a", 0.5, inputs=("x",), op_type="Softmax")]
    assert "arises in the operator itself" in findings(rows, (), PER_LAYER)[0].cause


def test_a_model_input_is_stored_finer_where_it_is_read() -> None:
    rows = [
        row("x", 0.3, rounding=0.3, op_type="Input", nodes=(), operator="x"),
        row("a", 0.01, inputs=("x",)),
    ]
    assert findings(rows, (), PER_LAYER)[0].advice.endswith(
        'a rule with `nodes = ["a_node"]` and `input_dtype = "float32"`'
    )


def test_end_to_end_it_counts_what_is_added() -> None:
    rows = [row("a", 0.2), row("b", 0.21, inputs=("a",)), row("c", 0.5, inputs=("a", "b"))]
    assert [one.output for one in findings(rows, (), END_TO_END)] == ["c", "a", "b"]
    assert findings(rows, (), END_TO_END)[0].share == pytest.approx(0.29 / 0.5)


def test_what_only_moves_does_not_answer_for_its_input() -> None:
    rows = [
        row("a", 0.2, rounding=0.2),
        row("b", 0.2, rounding=0.2, inputs=("a",), op_type="Reshape+Transpose"),
    ]
    assert [one.output for one in findings(rows, (), PER_LAYER)] == ["a"]


def test_nothing_is_found_where_nothing_is_wrong() -> None:
    assert findings([row("a", 0.0), row("b", 0.0)], (), PER_LAYER) == ()
    assert findings([], (), PER_LAYER) == ()
    assert summary([], (), PER_LAYER) == "the forms of the model have no layer in common"


def test_many_equal_layers_give_three() -> None:
    rows = [row(f"a{number}", 0.01, rounding=0.01) for number in range(40)]
    assert [one.output for one in findings(rows, (), PER_LAYER)] == ["a0", "a1", "a2"]
    assert len(findings(rows[:8], (), PER_LAYER)) == 5


def test_the_summary_counts_and_names_the_worst() -> None:
    rows = [
        row("a", 0.2, clipping=0.09),
        row("b", 0.25, rounding=0.18),
        row("w", 0.3, constant=True, rounding=0.3),
    ]
    assert summary(rows, ("b",), PER_LAYER) == (
        "2 of 2 layers marked, and 1 of 1 weights (SNR > 0.1 or cosine < 0.99); "
        "the worst is b_node (Conv) with SNR 0.25 and cosine 0.75000; "
        "of all error 20 % is clipping and 40 % rounding of results, "
        "40 % comes with inputs and weights"
    )
    text = summary(rows, ("a",), END_TO_END)
    assert text.endswith("; output `a` has SNR 0.2 and cosine 0.80000")


def test_what_nobody_feels_is_no_finding() -> None:
    """An activation that is flat where the range of its input is cut."""
    rows = [
        row("a", 0.4, clipping=0.4, clipped=0.2),
        row("b", 0.01, rounding=0.008, inputs=("a",), op_type="HardSwish"),
    ]
    assert findings(rows, ("b",), PER_LAYER)[0].output == "b"
    text = summary(rows, ("b",), PER_LAYER)
    assert text.startswith("1 of 2 layers marked")
    assert "; of 1 of them the layers behind feel next to nothing; the worst is b_node" in text
    # Handed out, the same noise counts.
    assert findings(rows, ("a", "b"), PER_LAYER)[0].output == "a"
    assert findings(rows, ("b",), END_TO_END)[0].share == pytest.approx(1.0)


def test_noise_is_felt_through_what_only_moves() -> None:
    rows = [
        row("a", 0.4, clipping=0.4, clipped=0.2),
        row("b", 0.4, clipping=0.4, inputs=("a",), op_type="MaxPool"),
        row("c", 0.3, inputs=("b",)),
    ]
    found = findings(rows, ("c",), PER_LAYER)
    assert [one.output for one in found] == ["a", "c"]
    assert [one.share for one in found] == [pytest.approx(0.5)] * 2
