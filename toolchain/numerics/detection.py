"""Boxes of detectors: how far two overlap, which to keep, and how good a ranking of them is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_RECALLS = np.linspace(0.0, 1.0, 101)


def overlap(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Intersection over union of every box of `first` (n, 4) with every one of `second` (m, 4).

    Boxes are left, top, right, bottom; boxes without area overlap nothing.
    """
    low = np.maximum(first[:, np.newaxis, :2], second[np.newaxis, :, :2])
    high = np.minimum(first[:, np.newaxis, 2:], second[np.newaxis, :, 2:])
    common = np.prod(np.clip(high - low, 0.0, None), axis=2)
    areas = [np.prod(np.clip(b[:, 2:] - b[:, :2], 0.0, None), axis=1) for b in (first, second)]
    union = areas[0][:, np.newaxis] + areas[1][np.newaxis] - common
    shares: NDArray[np.float64] = np.zeros_like(common)
    np.divide(common, union, out=shares, where=union > 0)
    return shares


def average_precision(hits: NDArray[np.bool_], objects: int) -> float:
    """Average precision of ranked detections, as COCO's evaluation computes it.

    The precision at a recall is the largest at that or any higher recall; its mean is taken over
    the recalls 0, 0.01, ..., 1, with 0 where a recall is never reached (pycocotools, accumulate).

    Args:
        hits: bool (n,), by falling score.
        objects: How many objects there are to find.
    """
    true = np.cumsum(hits)
    precision = true / np.arange(1, len(hits) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    place = np.searchsorted(true / objects, _RECALLS, side="left")
    reached = place < len(hits)
    return float(np.sum(envelope[place[reached]]) / len(_RECALLS))


def suppress(found: NDArray[np.float64], max_iou: float) -> NDArray[np.float64]:
    """Greedy non-maximum suppression within each class.

    Detections come by falling score; one that overlaps a kept one of its class by more than
    `max_iou` is dropped.

    Args:
        found: (n, 6) detections left, top, right, bottom, score, class.
        max_iou: Largest overlap of two detections of one class.

    Returns:
        The kept detections by falling score.
    """
    ranked = found[np.argsort(-found[:, 4], kind="stable")]
    overlaps = overlap(ranked[:, :4], ranked[:, :4])
    rivals = (overlaps > max_iou) & (ranked[:, np.newaxis, 5] == ranked[np.newaxis, :, 5])
    kept = np.ones(len(ranked), np.bool_)
    for row in range(len(ranked)):
        if kept[row]:
            kept[row + 1 :] &= ~rivals[row, row + 1 :]
    return ranked[kept]
