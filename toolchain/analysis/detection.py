"""Mean average precision of detectors, for metrics that decode the outputs of a model.

A metric of one's own takes three lines:

    from toolchain.analysis.detection import detection_metric

    METRIC = detection_metric("map50", decode)

where `decode` turns the outputs of one sample into detections.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolchain.core.dtypes import Array
from toolchain.core.labels import Truth
from toolchain.core.registry import MetricDef
from toolchain.errors import Code, PluginError
from toolchain.numerics.detection import average_precision, overlap

DecodeFunction = Callable[[Mapping[str, Array]], Array]
"""Outputs of one sample by name to detections (n, 6): the left, upper, right and lower edge as
shares of the image, score, class."""

MOST = 100
"""Detections of an image that count, those with the largest scores, as COCO's evaluation has it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Matched:
    """What one image contributes: its detections by falling score, and its objects.

    Attributes:
        scores: float64 (detections,).
        classes: int64 (detections,).
        hits: bool (detections,): found an object that no better detection found.
        objects: int64 (objects,), the class of each.
    """

    scores: NDArray[np.float64]
    classes: NDArray[np.int64]
    hits: NDArray[np.bool_]
    objects: NDArray[np.int64]


def detection_metric(
    name: str, decode: DecodeFunction, *, min_iou: float = 0.5, summary: str = ""
) -> MetricDef:
    """The metric mean average precision of what `decode` finds, against boxes.

    Args:
        name: Name of the metric.
        decode: Makes detections of the outputs of one sample.
        min_iou: Overlap from which a detection counts as found: 0.5 makes it mAP50.
        summary: One line.
    """

    def evidence(outputs: Mapping[str, Array], truth: Any) -> Matched:
        found = np.asarray(decode(outputs))
        if found.ndim != 2 or found.shape[1] != 6 or not np.isfinite(found).all():
            raise PluginError(
                Code.PLUGIN_BAD_RETURN,
                "The decoder of a metric must return detections",
                where=f"metric `{name}`",
                got=f"{found.dtype} {found.shape}",
                allowed="finite numbers (n, 6): left, top, right, bottom, score, class",
            )
        return match(found.astype(np.float64), np.asarray(truth, np.float64), min_iou)

    return MetricDef(
        name=name,
        summary=summary or f"Mean average precision at an overlap of {min_iou}",
        evidence=evidence,
        score=mean_average_precision,
        truth=Truth.BOXES,
    )


def match(found: NDArray[np.float64], objects: NDArray[np.float64], min_iou: float) -> Matched:
    """Give every object of one image to the best detection of its class that overlaps it.

    Detections come by falling score (the earlier first where equal), the best `MOST`; each takes
    the object of its class, not taken yet, that it overlaps most, if by at least `min_iou`. This is
    the matching of COCO's evaluation (pycocotools, evaluateImg) without crowds and ignored areas.

    Args:
        found: (n, 6) detections as in `DecodeFunction`.
        objects: (m, 5) class, centre x and y, width, height, as shares of the image.
        min_iou: Smallest overlap, intersection over union.
    """
    order = np.argsort(-found[:, 4], kind="stable")[:MOST]
    boxes, classes = found[order, :4], found[order, 5].astype(np.int64)
    wanted = objects[:, 0].astype(np.int64)
    centre, half = objects[:, 1:3], objects[:, 3:5] / 2
    overlaps = overlap(boxes, np.concatenate([centre - half, centre + half], axis=1))
    overlaps[classes[:, np.newaxis] != wanted[np.newaxis]] = -1.0
    hits = np.zeros(len(order), np.bool_)
    for row, overlap_of_row in enumerate(overlaps):
        if len(wanted) == 0:
            break
        best = int(np.argmax(overlap_of_row))
        if overlap_of_row[best] >= min_iou:
            hits[row] = True
            overlaps[:, best] = -1.0
    return Matched(scores=found[order, 4], classes=classes, hits=hits, objects=wanted)


def mean_average_precision(matched: Sequence[Matched]) -> float:
    """Mean of the average precisions of all classes that have an object; 0 where none has.

    The detections of all images are ranked by score (the earlier image first where equal).
    """
    scores = np.concatenate([one.scores for one in matched])
    order = np.argsort(-scores, kind="stable")
    hits = np.concatenate([one.hits for one in matched])[order]
    classes = np.concatenate([one.classes for one in matched])[order]
    objects = np.concatenate([one.objects for one in matched])
    present, counts = np.unique(objects, return_counts=True)
    found = [
        average_precision(hits[classes == number], int(count))
        for number, count in zip(present, counts, strict=True)
    ]
    return float(np.mean(found)) if found else 0.0
