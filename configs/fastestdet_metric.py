"""FastestDet's outputs to boxes, and mAP50 of them: `evaluation.metric` of fastestdet.toml.

The model puts out one map of (1, 85, rows, columns): per cell the probability of an object, four
numbers of its box, and the probabilities of 80 classes. How the box follows from its numbers, and
the score from the probabilities, is that of the project's own `handle_preds`
(github.com/dog-qiuqiu/FastestDet, utils/tool.py).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from toolchain.analysis.detection import detection_metric
from toolchain.api import Array
from toolchain.numerics.detection import suppress

MIN_SCORE = 0.001
"""Low, so that precision is known up to the highest recalls."""
MAX_OVERLAP = 0.45
"""Of two detections of one class."""


def decode(outputs: Mapping[str, Array]) -> NDArray[np.float64]:
    """Detections (n, 6): left, top, right, bottom as shares of the image, score, class."""
    (found,) = (array.astype(np.float64) for array in outputs.values())
    rows, columns = found.shape[2:]
    cells = found[0].reshape(found.shape[1], rows * columns)
    there, numbers, classes = cells[0], cells[1:5], cells[5:]
    scores = np.clip(there, 0, 1) ** 0.6 * np.clip(classes.max(axis=0), 0, 1) ** 0.4
    row, column = np.divmod(np.arange(rows * columns), columns)
    # The centre is up to one cell away from the corner of its cell, the size a share of the image.
    x = (column + np.tanh(numbers[0])) / columns
    y = (row + np.tanh(numbers[1])) / rows
    width, height = 1 / (1 + np.exp(-numbers[2:4]))
    detections = np.stack(
        [
            x - width / 2,
            y - height / 2,
            x + width / 2,
            y + height / 2,
            scores,
            classes.argmax(axis=0),
        ],
        axis=1,
    )
    return suppress(detections[scores > MIN_SCORE], MAX_OVERLAP)


METRIC = detection_metric("map50", decode)
