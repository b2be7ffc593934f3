from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from toolchain.analysis.evaluation import METRICS, Forms, evaluate, top1, top5
from toolchain.core.progress import SilentProgress
from toolchain.core.registry import MetricDef
from toolchain.core.samples import SampleStore

SCORES = np.array(
    [
        [0.0, 3.0, 1.0, 2.0, -1.0, -2.0],  # order 1 3 2 0 4 5
        [5.0, 5.0, 0.0, 0.0, 0.0, 0.0],  # 0 and 1 are equal, then 2 3 4 5
        [-1.0, -2.0, -3.0, -4.0, -5.0, -6.0],  # order 0 1 2 3 4 5
    ],
    np.float32,
)


@pytest.mark.parametrize(
    ("labels", "first", "five"),
    [
        ([1, 0, 0], [1, 1, 1], [1, 1, 1]),
        ([3, 1, 5], [0, 0, 0], [1, 1, 0]),  # of two equal outputs the first counts
        ([5, 5, 4], [0, 0, 0], [0, 0, 1]),
    ],
)
def test_top_k(labels: list[int], first: list[int], five: list[int]) -> None:
    assert top1(SCORES, np.array(labels)).tolist() == first
    assert top5(SCORES, np.array(labels)).tolist() == five


def test_top_k_takes_outputs_of_any_rank() -> None:
    assert top1(SCORES.reshape(3, 6, 1, 1), np.array([1, 0, 0])).tolist() == [1, 1, 1]
    few = np.array([[1.0, 2.0]], np.float32)
    assert top5(few, np.array([0])).tolist() == [1]


@pytest.fixture
def store(tmp_path: Path) -> Callable[[Any], SampleStore]:
    """Samples on disk: one row of an array each."""

    def make(rows: Any) -> SampleStore:
        np.asarray(rows, np.float32).tofile(tmp_path / "input_0.bin")
        shape = [1, *np.shape(rows)[1:]]
        names = [str(number) for number in range(len(rows))]
        inputs = [{"name": "x", "dtype": "float32", "shape": shape}]
        (tmp_path / "samples.json").write_text(json.dumps({"inputs": inputs, "names": names}))
        return SampleStore.open(tmp_path)

    return make


def score(store: SampleStore, labels: Any, metric: str = "top1", **forms: Any) -> Any:
    def same(feeds: Any) -> Any:
        return {"y": feeds["x"]}

    (chosen,) = [found for found in METRICS if found.name == metric]
    given = {"float_model": same, "qdq": same, "reference": same, **forms}
    return evaluate(
        Forms(**given), store, np.array(labels), chosen, workers=2, progress=SilentProgress()
    )


def test_all_three_forms_are_scored(store: Any) -> None:
    samples = store([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 0.0]])

    def swapped(feeds: Any) -> Any:
        return {"y": feeds["x"][:, ::-1], "other": feeds["x"]}

    def zero(feeds: Any) -> Any:
        return {"y": np.zeros_like(feeds["x"])}

    report = score(samples, [0, 1, 0, 1], qdq=swapped, reference=zero)
    assert (report.metric, report.samples) == ("top1", 4)
    assert (report.float_score, report.qdq_score, report.reference_score) == (0.75, 0.25, 0.5)
    # The reference says 0 always, float says 0, 1, 0, 0.
    assert report.agreement == 0.75
    # All of the signal is noise: 10 log10(4 / 4).
    assert report.sqnr_db == pytest.approx(0.0)


def test_sqnr_by_hand(store: Any) -> None:
    samples = store([[3.0, 4.0], [0.0, 5.0]])

    def noisy(feeds: Any) -> Any:
        return {"y": feeds["x"] + np.array([[0.3, -0.4]], np.float32)}

    report = score(samples, [1, 1], reference=noisy)
    # Signal 9 + 16 + 0 + 25 = 50, noise 2 * (0.09 + 0.16) = 0.5.
    assert report.sqnr_db == pytest.approx(10 * math.log10(100), abs=1e-5)
    assert score(samples, [1, 1]).sqnr_db == math.inf


def test_samples_keep_their_order_whatever_the_threads(store: Any) -> None:
    samples = store(np.eye(20))
    used = set()

    def slow(feeds: Any) -> Any:
        used.add(threading.current_thread().name)
        return {"y": feeds["x"]}

    report = score(samples, range(20), float_model=slow)
    assert report.float_score == 1.0
    assert threading.main_thread().name not in used


def test_a_metric_of_a_plugin(store: Any) -> None:
    seen = []

    def function(outputs: Any, labels: Any) -> Any:
        seen.append((outputs.tolist(), labels.tolist()))
        return np.array([0.25, 0.75])

    metric = MetricDef(name="mine", summary="", function=function)

    def same(feeds: Any) -> Any:
        return {"y": feeds["x"]}

    report = evaluate(
        Forms(float_model=same, qdq=same, reference=same),
        store([[1.0, 2.0], [3.0, 4.0]]),
        np.array([7, 8]),
        metric,
        workers=1,
        progress=SilentProgress(),
    )
    assert (report.metric, report.reference_score) == ("mine", 0.5)
    assert seen == [([[1.0, 2.0], [3.0, 4.0]], [7, 8])] * 3
