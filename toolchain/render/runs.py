"""Outputs of single samples, for people and for programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from toolchain.render.figures import plural, real
from toolchain.render.tables import Table, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

BEST = 5
"""Classes that are listed of an output that looks like scores of classes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputSummary:
    """One output of one sample, in real values.

    Attributes:
        name: Its name.
        shape: Its shape.
        best: (class, score) of the largest elements, the largest first; empty where the output is
            no vector of scores.
        minimum: Smallest element.
        maximum: Largest element.
        mean: Their mean.
        std: Their standard deviation.
    """

    name: str
    shape: tuple[int, ...]
    best: tuple[tuple[int, float], ...]
    minimum: float
    maximum: float
    mean: float
    std: float


def summarize(name: str, values: NDArray[np.float64]) -> OutputSummary:
    """What is shown of one output; of equal elements the first counts as larger."""
    flat = values.reshape(-1)
    best: tuple[tuple[int, float], ...] = ()
    if flat.size > 1 and sum(extent > 1 for extent in values.shape) == 1:
        order = np.argsort(-flat, kind="stable")[:BEST]
        best = tuple((int(position), float(flat[position])) for position in order)
    empty = flat.size == 0
    return OutputSummary(
        name=name,
        shape=values.shape,
        best=best,
        minimum=0.0 if empty else float(flat.min()),
        maximum=0.0 if empty else float(flat.max()),
        mean=0.0 if empty else float(flat.mean()),
        std=0.0 if empty else float(flat.std()),
    )


def output_tables(runs: Sequence[tuple[str, Sequence[OutputSummary]]]) -> tuple[Table, ...]:
    """One table of classes, and one of statistics, over all samples; either may be left out."""
    every = [(sample, one) for sample, outputs in runs for one in outputs]
    classes = [
        (sample, one.name, str(rank), str(number), real(score))
        for sample, one in every
        for rank, (number, score) in enumerate(one.best, 1)
    ]
    others = [
        (
            sample,
            one.name,
            "x".join(map(str, one.shape)),
            *(real(value) for value in (one.minimum, one.maximum, one.mean, one.std)),
        )
        for sample, one in every
        if not one.best
    ]
    found = (
        table(
            "Largest outputs",
            "sample:name output:name rank:number class:number score:number",
            classes,
        ),
        table(
            "Outputs",
            "sample:name output:name shape:word minimum:number maximum:number mean:number "
            "std:number",
            others,
        ),
    )
    return tuple(one for one in found if one.rows)


def run_batches(of_samples: Sequence[int]) -> tuple[int, ...]:
    """Batches that were run, of the size of the batch that each sample was in: 2 2 1 is 2 and 1."""
    found: list[int] = []
    while sum(found) < len(of_samples):
        found.append(of_samples[sum(found)])
    return tuple(found)


def batches_line(of_samples: Sequence[int]) -> str:
    """Number of samples, and as what they were run where any batch had several."""
    line, batches = plural(len(of_samples), "sample"), run_batches(of_samples)
    several = len(batches) < len(of_samples)
    return f"{line} as {' + '.join(str(batch) for batch in batches)}" if several else line
