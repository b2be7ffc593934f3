from __future__ import annotations

import numpy as np
import pytest

from toolchain.render.runs import output_tables, summarize


def test_scores_of_classes() -> None:
    values = np.array([[0.5, 2.0, -1.0, 2.0, 0.0, 0.25]])
    summary = summarize("y", values)
    assert summary.best == ((1, 2.0), (3, 2.0), (0, 0.5), (5, 0.25), (4, 0.0))
    assert summarize("y", values.reshape(1, 6, 1, 1)).best == summary.best


@pytest.mark.parametrize("shape", [(1, 1), (1, 2, 3), (1, 0), ()])
def test_what_is_no_vector_of_scores(shape: tuple[int, ...]) -> None:
    assert summarize("y", np.ones(shape)).best == ()


def test_statistics_by_hand() -> None:
    summary = summarize("y", np.array([[[1.0, 3.0], [5.0, 7.0]]]))
    figures = (summary.minimum, summary.maximum, summary.mean, summary.std)
    assert figures == (1.0, 7.0, 4.0, pytest.approx(5**0.5))


def test_tables() -> None:
    classes = summarize("scores", np.array([[0.25, 0.75]]))
    map_ = summarize("map", np.array([[[1.0, 3.0], [5.0, 7.0]]]))
    best, others = output_tables([("a.jpg", [classes, map_])])
    assert best.rows == (
        ("a.jpg", "scores", "1", "1", "0.75"),
        ("a.jpg", "scores", "2", "0", "0.25"),
    )
    assert others.rows == (("a.jpg", "map", "1x2x2", "1", "7", "4", "2.236"),)
    assert [table.title for table in output_tables([("a.jpg", [map_])])] == ["Outputs"]
    assert output_tables([]) == ()
