from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from toolchain.analysis.detection import (
    MOST,
    Matched,
    detection_metric,
    match,
    mean_average_precision,
)
from toolchain.core.labels import Truth
from toolchain.errors import PluginError


def boxes(*rows: Any) -> Any:
    return np.array(rows, np.float64).reshape(-1, len(rows[0]) if rows else 6)


def test_every_object_is_found_once() -> None:
    # One object of class 1 in the left half; a duplicate, a wrong class, and one that misses.
    objects = boxes((1, 0.25, 0.5, 0.5, 1.0))
    found = boxes(
        (0.0, 0.0, 0.5, 0.9, 0.6, 1),
        (0.0, 0.0, 0.5, 1.0, 0.9, 1),
        (0.0, 0.0, 0.5, 1.0, 0.95, 0),
        (0.5, 0.0, 1.0, 1.0, 0.8, 1),
    )
    matched = match(found, objects, 0.5)
    assert matched.scores.tolist() == [0.95, 0.9, 0.8, 0.6]
    assert matched.classes.tolist() == [0, 1, 1, 1]
    assert matched.hits.tolist() == [False, True, False, False]
    # Of class 1 the first of three hits: full recall at precision 1.
    assert mean_average_precision([matched]) == 1.0


def test_a_detection_takes_the_object_that_it_overlaps_most() -> None:
    objects = boxes((0, 0.5, 0.5, 0.6, 0.6), (0, 0.5, 0.5, 0.8, 0.8))
    found = boxes((0.1, 0.1, 0.9, 0.9, 0.9, 0), (0.1, 0.1, 0.9, 0.9, 0.8, 0))
    # The second gets what is left, 0.36 / 0.64 > 0.5; at 0.6 it would not.
    assert match(found, objects, 0.5).hits.tolist() == [True, True]
    assert match(found, objects, 0.6).hits.tolist() == [True, False]


def test_the_overlap_may_be_exactly_the_limit() -> None:
    objects = boxes((0, 0.5, 0.5, 1.0, 1.0))
    assert match(boxes((0, 0, 0.5, 1, 0.9, 0)), objects, 0.5).hits.tolist() == [True]


def test_only_the_best_hundred_count() -> None:
    objects = boxes((0, 0.5, 0.5, 1.0, 1.0))
    weak = [(0.0, 0.0, 0.1, 0.1, 0.5, 0)] * MOST
    matched = match(boxes(*weak, (0, 0, 1, 1, 0.4, 0)), objects, 0.5)
    assert (len(matched.hits), matched.hits.any()) == (MOST, False)


def test_images_without_detections_or_objects() -> None:
    nothing = np.zeros((0, 6))
    objects = boxes((2, 0.5, 0.5, 1.0, 1.0))
    missed = match(nothing, objects, 0.5)
    false = match(boxes((0, 0, 1, 1, 0.9, 2)), np.zeros((0, 5)), 0.5)
    found = match(boxes((0, 0, 1, 1, 0.8, 2)), objects, 0.5)
    assert mean_average_precision([missed]) == 0.0
    assert mean_average_precision([false]) == 0.0  # no object, nothing to find
    # Ranked: a false one, then the one hit of two objects: precision 1/2 up to recall 1/2.
    expected = 51 / 2 / 101
    assert mean_average_precision([missed, false, found]) == pytest.approx(expected)


def test_the_mean_is_over_classes_that_have_objects() -> None:
    matched = Matched(
        scores=np.array([0.9, 0.8, 0.7]),
        classes=np.array([0, 1, 7]),
        hits=np.array([True, False, False]),
        objects=np.array([0, 1]),
    )
    assert mean_average_precision([matched]) == 0.5


def test_a_metric_of_detections() -> None:
    metric = detection_metric("mine", lambda outputs: outputs["boxes"])
    assert (metric.name, metric.truth) == ("mine", Truth.BOXES)
    assert metric.evidence is not None
    assert metric.score is not None
    objects = boxes((0, 0.5, 0.5, 1.0, 1.0))
    evidence = metric.evidence({"boxes": np.array([[0, 0, 1, 1, 0.9, 0]], np.float32)}, objects)
    assert metric.score([evidence]) == 1.0
    for bad in (np.zeros((3, 5)), np.zeros(6), np.full((1, 6), np.nan)):
        with pytest.raises(PluginError):
            metric.evidence({"boxes": bad}, objects)
