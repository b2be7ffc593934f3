from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from toolchain.core.scores import ScoreReport, ScoreRow
from toolchain.render.scores import score_csv, score_line, score_table


def report(*pairs: tuple[str, float], **more: Any) -> ScoreReport:
    rows = [ScoreRow(target="a, b", form="float", score=0.9, samples_per_second=100.0)]
    rows += [
        ScoreRow(
            target=target,
            form="reference",
            score=score,
            difference=score - 0.9,
            low=-0.0625,
            high=0.03125,
            p_value=0.25,
            agreement=0.975,
            sqnr_db=21.26,
            samples_per_second=3.21,
        )
        for target, score in pairs
    ]
    given = {"metric": "top1", "samples": 40, "rows": tuple(rows), **more}
    return ScoreReport(confidence=0.95, resamples=1000, seed=0, **given)


def test_a_table_of_shares() -> None:
    table = score_table(report(("a", 0.875), ("b", 0.9)))
    assert table.title == "Evaluation: top1"
    assert table.note == (
        "40 samples; 95 % intervals by paired bootstrap (1000 resamples, seed 0), p by exact "
        "McNemar test"
    )
    assert [column.name for column in table.columns][2:6] == [
        "score",
        "difference",
        "interval",
        "p",
    ]
    assert table.rows[0] == ("a, b", "float", "90.00 %", *["-"] * 5, "100.0")
    assert table.rows[1] == (
        "a",
        "reference",
        "87.50 %",
        "-2.50 %",
        "-6.25 .. +3.12",
        "0.250",
        "97.5 %",
        "21.3 dB",
        "3.2",
    )


def test_a_metric_that_is_no_share() -> None:
    table = score_table(report(("a", 31.5)))
    assert [row[2] for row in table.rows] == ["0.9", "31.5"]
    assert table.rows[1][3:5] == ("+30.6", "-0.0625 .. +0.03125")
    assert score_line(report(("a", 31.5))) == "top1: reference against float: a +30.6"


def test_few_samples_are_said_to_be_few() -> None:
    assert "rough" in score_table(report(("a", 0.9), samples=20)).note
    assert "McNemar" not in score_table(report(samples=20)).note


def test_one_line() -> None:
    assert score_line(report(("a", 0.875), ("b", 0.9))) == (
        "top1: reference against float: a -2.50 %, b +0.00 %"
    )


def test_csv_keeps_all_digits() -> None:
    rows = list(csv.DictReader(io.StringIO(score_csv(report(("a", 1 / 3))))))
    assert [row["target"] for row in rows] == ["a, b", "a"]
    assert float(rows[1]["score"]) == 1 / 3
    assert (rows[0]["low"], rows[0]["metric"], rows[1]["samples"]) == ("", "top1", "40")


@pytest.mark.parametrize("metric", ["my.py:METRIC", "two words"])
def test_any_name_of_a_metric(metric: str) -> None:
    assert score_table(report(("a", 0.9), metric=metric)).title == f"Evaluation: {metric}"
