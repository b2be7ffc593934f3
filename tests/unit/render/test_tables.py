from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from toolchain.core.reports import FloatRow, QuantReport, QuantRow
from toolchain.render import tables
from toolchain.render.tables import Kind, factored, table

ROW = QuantRow(
    value="x",
    role="activation",
    dtype="int8",
    granularity="per_tensor",
    scale=0.5,
    zero_point=-3,
    minimum=-62.5,
    maximum=65.0,
    method="minmax",
)


def report(*rows: QuantRow) -> QuantReport:
    return QuantReport(rows=rows, islands=(), integer_nodes=1, integer_macs=1, total_macs=1)


def test_a_table_says_its_columns_in_short() -> None:
    made = table("T", "zero_point:number value:name", [("1", "x")], "a note")
    assert [(c.name, c.kind) for c in made.columns] == [
        ("zero point", Kind.NUMBER),
        ("value", Kind.NAME),
    ]
    assert (made.title, made.rows, made.note) == ("T", (("1", "x"),), "a note")


def test_what_all_rows_share_moves_into_the_note() -> None:
    made = factored(
        table("T", "a:word b:word c:word", [("1", "2", "9"), ("1", "3", "9")], "n"), "a", "b"
    )
    assert [column.name for column in made.columns] == ["b", "c"]
    assert made.rows == (("2", "9"), ("3", "9"))
    assert made.note == "a 1, n"


def test_an_empty_table_keeps_its_columns() -> None:
    assert len(factored(table("T", "a:word", []), "a").columns) == 1


def test_one_table_per_role_and_every_field_shown() -> None:
    weight = replace(ROW, value="w", role="weight", granularity="per_channel(0)", zero_point=0)
    bias = replace(ROW, value="b", role="bias", dtype="int32")
    shown = tables.quantization(report(weight, ROW, replace(ROW, value="y", dtype="int16"), bias))
    assert [one.title for one in shown] == ["Activations (2)", "Weights (1)", "Biases (1)"]
    assert shown[0].note == "granularity per_tensor, method minmax"
    assert shown[0].rows[0] == ("x", "int8", "0.5", "-3", "-62.5", "65")
    assert shown[1].note.endswith("numbers of the first channel")


def test_a_role_of_the_future_is_not_lost() -> None:
    (shown,) = tables.quantization(report(replace(ROW, role="state")))
    assert shown.title == "state (1)"


def test_share_of_islands() -> None:
    row = FloatRow(node="n", op_type="Softmax", reason="why", macs=250)
    assert tables.islands((row,), 1000).rows == (("n", "Softmax", "250", "25.00 %", "why"),)
    assert tables.islands((row,), 0).rows[0][3] == "0.00 %"


def test_only_passes_that_changed_something(result: Any) -> None:
    assert tables.passes(result.optimize.passes).rows == (("fold_batch_norm", "31", "18"),)


def test_failed_comparisons_come_first(result: Any) -> None:
    shown = tables.checks(result.check.rows)
    assert shown.rows[0] == ("reference / program", "logits", "exact", "3", "0", "FAILED")
    assert shown.rows[1][-1] == "passed"


def test_effects(result: Any) -> None:
    assert tables.effects(result.effects).rows[0][2:] == (
        "/model/head/Softmax",
        "output_dtype = float32",
    )


def test_files_are_named_below_their_folder(result: Any) -> None:
    shown = tables.files(result.files)
    assert [row[0] for row in shown.rows] == ["net.c", "data/net.npz"]
    assert shown.note == f"in {Path('/out/riscv')}"


def test_targets_side_by_side(result: Any) -> None:
    bare = SimpleNamespace(target="npu", platform="n1", quantize=None, accuracy=None, check=None)
    shown = tables.overview((result, bare))
    assert shown.rows[0] == (
        ("riscv", "k1", "99.90 %", "97.50 %", "97.25 %", "99.5 %", "27.1 dB", "FAILED")
    )
    assert shown.rows[1] == ("npu", "n1", "-", "-", "-", "-", "-", "-")
