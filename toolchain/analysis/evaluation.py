"""Figures of merit on labelled samples: float, QDQ and reference on the same data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from toolchain.calibration.ordered import ordered_map
from toolchain.core.dtypes import Array
from toolchain.core.progress import Progress
from toolchain.core.registry import MetricDef
from toolchain.core.reports import AccuracyReport
from toolchain.core.samples import SampleStore
from toolchain.numerics.metrics import sqnr_db

RunFunction = Callable[[Mapping[str, Array]], Mapping[str, Array]]
"""Feeds of one sample to outputs by name, in the model's order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forms:
    """The three forms of one model, each as a function of one sample's feeds."""

    float_model: RunFunction
    qdq: RunFunction
    reference: RunFunction


def evaluate(
    forms: Forms,
    samples: SampleStore,
    labels: NDArray[np.int64],
    metric: MetricDef,
    *,
    workers: int,
    progress: Progress,
) -> AccuracyReport:
    """Scores of all three forms, agreement of the largest output, and SQNR of the first output.

    `workers` samples at a time run in the float and the QDQ model; the reference has threads of its
    own.
    """
    float_out = _outputs(forms.float_model, samples, "Evaluate float", workers, progress)
    qdq_out = _outputs(forms.qdq, samples, "Evaluate QDQ", workers, progress)
    reference_out = _outputs(forms.reference, samples, "Evaluate reference", 1, progress)
    flat = [out.reshape(len(samples), -1) for out in (float_out, reference_out)]
    agreement = float(np.mean(flat[0].argmax(axis=1) == flat[1].argmax(axis=1)))
    return AccuracyReport(
        metric=metric.name,
        samples=len(samples),
        float_score=float(metric.function(float_out, labels).mean()),
        qdq_score=float(metric.function(qdq_out, labels).mean()),
        reference_score=float(metric.function(reference_out, labels).mean()),
        agreement=agreement,
        sqnr_db=sqnr_db(float_out, reference_out),
    )


def _outputs(
    run: RunFunction, samples: SampleStore, label: str, workers: int, progress: Progress
) -> Array:
    """First output of every sample, joined along the batch axis, in order."""

    def first(index: int) -> Array:
        return next(iter(run(samples.batch(index)).values()))

    with progress.task(label, len(samples)) as advance:
        collected = []
        for output in ordered_map(first, range(len(samples)), workers):
            collected.append(output)
            advance(1)
    return np.concatenate(collected)


def _top_k(outputs: Array, labels: NDArray[np.int64], k: int) -> NDArray[np.float64]:
    scores = outputs.reshape(len(labels), -1)
    best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    hits: NDArray[np.float64] = np.any(best == labels[:, None], axis=1).astype(np.float64)
    return hits


def top1(outputs: Array, labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """1 where the largest output is the label's; of equal outputs the first counts."""
    return _top_k(outputs, labels, 1)


def top5(outputs: Array, labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """1 where the label is among the five largest outputs."""
    return _top_k(outputs, labels, 5)


METRICS: tuple[MetricDef, ...] = (
    MetricDef(
        name="top1", summary="Share of samples whose largest output is the label", function=top1
    ),
    MetricDef(name="top5", summary="Share of samples with the label among five", function=top5),
)
