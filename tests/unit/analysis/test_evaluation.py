from __future__ import annotations

import json
import math
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from toolchain.analysis.evaluation import FLOAT, QDQ, REFERENCE, Form, Scored, evaluate
from toolchain.analysis.metrics import METRICS, top1, top5
from toolchain.core.labels import Truth
from toolchain.core.progress import SilentProgress
from toolchain.core.registry import MetricDef
from toolchain.core.samples import SampleStore
from toolchain.errors import Code, DataError, PluginError

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


def same(feeds: Any) -> Any:
    return {"y": feeds["x"]}


def score(
    samples: SampleStore, truths: Any, metric: str | MetricDef = "top1", **runs: Any
) -> list[Any]:
    """Rows of the float model, the QDQ model and the reference."""
    if isinstance(metric, str):
        (metric,) = [found for found in METRICS if found.name == metric]
    real, *others = (
        Form(target="t", kind=kind, run=runs.get(kind, same), workers=2 if kind == FLOAT else 1)
        for kind in (FLOAT, QDQ, REFERENCE)
    )
    scored = Scored(samples=samples, truths=list(truths), metric=metric)
    return list(evaluate(real, others, scored, SilentProgress()).rows)


def test_all_three_forms_are_scored(store: Any) -> None:
    samples = store([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 0.0]])

    def swapped(feeds: Any) -> Any:
        return {"y": feeds["x"][:, ::-1], "other": feeds["x"]}

    def zero(feeds: Any) -> Any:
        return {"y": np.zeros_like(feeds["x"])}

    real, qdq, reference = score(samples, [0, 1, 0, 1], qdq=swapped, reference=zero)
    assert (real.score, qdq.score, reference.score) == (0.75, 0.25, 0.5)
    assert (real.form, qdq.form, reference.form) == ("float", "qdq", "reference")
    assert (real.difference, real.low, real.p_value, real.agreement) == (None,) * 4
    assert (qdq.difference, reference.difference) == (-0.5, -0.25)
    # The reference says 0 always, float says 0, 1, 0, 0.
    assert (qdq.agreement, reference.agreement) == (0.0, 0.75)
    # All of the signal is noise: 10 log10(4 / 4).
    assert reference.sqnr_db == pytest.approx(0.0)
    # Float is right on three of which the QDQ model keeps none, and wins the fourth:
    # 2 * (1 + 4) / 16 of the coin throws are as lopsided.
    assert qdq.p_value == 0.625
    assert reference.p_value == 1.0
    assert all(row.samples_per_second > 0 for row in (real, qdq, reference))


def test_sqnr_by_hand(store: Any) -> None:
    samples = store([[3.0, 4.0], [0.0, 5.0]])

    def noisy(feeds: Any) -> Any:
        return {"y": feeds["x"] + np.array([[0.3, -0.4]], np.float32)}

    _, qdq, reference = score(samples, [1, 1], reference=noisy)
    # Signal 9 + 16 + 0 + 25 = 50, noise 2 * (0.09 + 0.16) = 0.5.
    assert reference.sqnr_db == pytest.approx(10 * math.log10(100), abs=1e-5)
    assert qdq.sqnr_db == math.inf


def test_metrics_that_need_no_labels(store: Any) -> None:
    samples = store([[3.0, 4.0], [0.0, 5.0], [2.0, 1.0]])

    def noisy(feeds: Any) -> Any:
        return {"y": feeds["x"] + np.array([[2.0, 0.0]], np.float32)}

    rows = score(samples, [], "agreement", reference=noisy)
    # The first sample becomes [5, 4]; the others keep their largest element.
    assert [row.score for row in rows] == [1.0, 1.0, pytest.approx(2 / 3)]
    rows = score(samples, [], "sqnr", reference=noisy)
    wanted = pytest.approx(10 * math.log10(55 / 12))
    assert [row.score for row in rows] == [math.inf, math.inf, wanted]
    assert (rows[2].difference, rows[2].low) == (None, None)  # against no noise at all


def test_samples_keep_their_order_whatever_the_threads(store: Any) -> None:
    samples = store(np.eye(20))
    used = set()

    def slow(feeds: Any) -> Any:
        used.add(threading.current_thread().name)
        return {"y": feeds["x"]}

    assert score(samples, range(20), float=slow)[0].score == 1.0
    assert used - {threading.main_thread().name}


def test_outputs_do_not_pile_up(store: Any) -> None:
    samples = store(np.eye(40))
    alive: list[Any] = []
    most = 0

    def counted(feeds: Any) -> Any:
        nonlocal most
        output = feeds["x"] * 1.0
        alive.append(weakref.ref(output))
        most = max(most, sum(one() is not None for one in alive))
        return {"y": output}

    score(samples, range(40), float=counted, qdq=counted)
    assert most <= 24  # blocks of eight, of the float model and one more form


def test_a_function_of_a_plugin_gets_one_sample_after_the_other(store: Any) -> None:
    seen = []

    def function(outputs: Any, labels: Any) -> Any:
        seen.append((outputs.tolist(), labels.tolist()))
        return np.array([outputs[0, 0]])

    metric = MetricDef(name="mine", summary="", function=function)
    rows = score(store([[1.0, 2.0], [3.0, 4.0]]), [1, 0], metric)
    assert [row.score for row in rows] == [2.0] * 3
    first, second = ([[1.0, 2.0]], [1]), ([[3.0, 4.0]], [0])
    assert sorted(map(str, seen)) == sorted(map(str, [first, second] * 3))


def test_a_metric_that_keeps_more_than_a_number(store: Any) -> None:
    metric = MetricDef(
        name="median",
        summary="",
        evidence=lambda outputs, truth: {"error": abs(float(outputs["y"][0, 0]) - truth["wanted"])},
        score=lambda found: float(np.median([one["error"] for one in found])),
    )
    truths = [{"wanted": 1.0}, {"wanted": 1.0}, {"wanted": 9.0}]

    def half(feeds: Any) -> Any:
        return {"y": feeds["x"] / 2}

    custom = MetricDef(
        name="median", summary="", evidence=metric.evidence, score=metric.score,
        truth=lambda _source: {},
    )  # fmt: skip
    rows = score(store([[1.0], [3.0], [9.0]]), truths, custom, reference=half)
    # Errors 0, 2, 0 and 0.5, 0.5, 4.5.
    assert [row.score for row in rows] == [0.0, 0.0, 0.5]
    assert rows[2].p_value is None
    assert rows[2].low <= 0.5 <= rows[2].high


@pytest.mark.parametrize(
    "metric",
    [
        MetricDef(name="bad", summary="", function=lambda outputs, _: outputs),
        MetricDef(name="bad", summary="", function=lambda _outputs, _labels: np.array(["x"])),
        MetricDef(name="bad", summary="", evidence=lambda *_: "no number", truth=Truth.FLOAT),
    ],
)
def test_what_is_no_score(store: Any, metric: MetricDef) -> None:
    with pytest.raises(PluginError) as caught:
        score(store([[1.0, 2.0]]), [0], metric)
    assert caught.value.code is Code.PLUGIN_BAD_RETURN


def test_classes_that_the_model_does_not_have(store: Any) -> None:
    with pytest.raises(DataError) as caught:
        score(store(np.eye(3)), [0, 3, 9])
    problem = caught.value.problems[0]
    assert (problem.code, problem.got, problem.allowed) == (
        Code.LABELS_INVALID,
        "1: 3, 2: 9",
        "0 to 2",
    )


def test_agreement_of_what_is_no_vector_is_not_told(store: Any) -> None:
    rows = score(store(np.ones((2, 3, 3))), [0, 0])
    assert [row.agreement for row in rows] == [None] * 3


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"function": top1, "evidence": lambda *_: 0.0},
        {"function": top1, "score": lambda _: 0.0},
        {"function": top1, "truth": Truth.BOXES},
    ],
)
def test_parts_that_make_no_metric(parts: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="metric `m`"):
        MetricDef(name="m", summary="", **parts)
