"""Metrics: the built-in ones, and how any of them is taken sample by sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolchain.core.dtypes import Array
from toolchain.core.labels import Truth
from toolchain.core.registry import EvidenceFunction, MetricDef, MetricFunction
from toolchain.errors import Code, InternalError, PluginError
from toolchain.numerics.metrics import decibels, energies


def evidence_of(metric: MetricDef) -> EvidenceFunction:
    """What one sample contributes to a metric; of a `function`, its score for a batch of one."""
    if metric.function is not None:
        return partial(_score_of_one, metric.name, metric.function)
    if metric.evidence is None:
        raise InternalError(Code.INTERNAL, f"Metric `{metric.name}` has no function")
    return metric.evidence if metric.score is not None else partial(_number, metric)


def _number(metric: MetricDef, outputs: Mapping[str, Array], truth: Any) -> float:
    """What a metric without `score` says of one sample; PluginError where that is no number."""
    found = None if metric.evidence is None else metric.evidence(outputs, truth)
    if not isinstance(found, int | float | np.number | np.bool_):
        raise _no_number(metric.name, f"{type(found).__name__}")
    return float(found)


def _score_of_one(
    name: str, function: MetricFunction, outputs: Mapping[str, Array], truth: Any
) -> float:
    """What `function` says of one sample; PluginError where that is not one number."""
    found = function(first_output(outputs), np.array([truth], np.int64))
    if found.shape != (1,) or found.dtype.kind not in "fiub":
        raise _no_number(name, f"{found.dtype} {found.shape}")
    return float(found[0])


def _no_number(name: str, got: str) -> PluginError:
    return PluginError(
        Code.PLUGIN_BAD_RETURN,
        "A metric must give one number per sample",
        where=f"metric `{name}`",
        got=f"{got} for one sample",
        allowed="a number: of `function`, an array of shape (1,)",
    )


def first_output(outputs: Mapping[str, Array]) -> Array:
    """The first output of the model, which classifiers have only one of."""
    return next(iter(outputs.values()))


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


def agreement(outputs: Mapping[str, Array], expected: Mapping[str, Array]) -> float:
    """1 where the largest element of the first output is where it is in the float model's."""
    pair = (first_output(outputs), first_output(expected))
    return float(np.argmax(pair[0]) == np.argmax(pair[1]))


def _energies(outputs: Mapping[str, Array], expected: Mapping[str, Array]) -> tuple[float, float]:
    return energies(first_output(expected), first_output(outputs))


def _sqnr(contributions: Sequence[tuple[float, float]]) -> float:
    signal, noise = np.sum(contributions, axis=0)
    return decibels(float(signal), float(noise))


METRICS: tuple[MetricDef, ...] = (
    MetricDef(
        name="top1", summary="Share of samples whose largest output is the label", function=top1
    ),
    MetricDef(name="top5", summary="Share of samples with the label among five", function=top5),
    MetricDef(
        name="agreement",
        summary="Share of samples with the same largest output as the float model",
        evidence=agreement,
        truth=Truth.FLOAT,
    ),
    MetricDef(
        name="sqnr",
        summary="Signal to noise of the first output against the float model, in dB",
        evidence=_energies,
        score=_sqnr,
        truth=Truth.FLOAT,
    ),
)
