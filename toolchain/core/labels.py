"""What a metric holds outputs against, and where that is read from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Truth(StrEnum):
    """What is known of a labelled sample, of the kinds that come with the toolchain.

    CLASSES: an int, the number of the class. BOXES: float64 (objects, 5), each class, centre x and
    y, width and height as shares of the image. FLOAT: the outputs of the float model, so that no
    labels are needed.
    """

    CLASSES = "classes"
    BOXES = "boxes"
    FLOAT = "float"


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelSource:
    """Where labels are, and whose they are.

    Attributes:
        data: Path of the samples (of the first input, where there are several).
        labels: What the user gave for the labels; None to find them beside the samples.
        names: All samples of the source, in its order.
        classes: Names of the classes in the order of the model's outputs; may be empty.
    """

    data: str
    labels: str | None
    names: Sequence[str]
    classes: tuple[str, ...] = ()


LabelReader = Callable[[LabelSource], Mapping[int, Any]]
"""Where labels are to the truth of every sample that has one, by position in `names`.

Truths are data: numbers, text, lists, arrays, or mappings of those.
"""
