"""Figures of merit on labelled samples: every form of a model on the same data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolchain.analysis.metrics import agreement, evidence_of, first_output
from toolchain.calibration.ordered import ordered_map
from toolchain.core.dtypes import Array
from toolchain.core.labels import Truth
from toolchain.core.progress import Progress
from toolchain.core.registry import MetricDef, ScoreFunction
from toolchain.core.samples import SampleStore
from toolchain.core.scores import ScoreReport, ScoreRow
from toolchain.errors import Code, DataError, InternalError
from toolchain.numerics.metrics import decibels, energies
from toolchain.numerics.paired import mcnemar_p, percentile_interval, resampled

RunFunction = Callable[[Mapping[str, Array]], Mapping[str, Array]]
"""Feeds of one sample to outputs by name, in the model's order."""

FLOAT, QDQ, REFERENCE = "float", "qdq", "reference"
CONFIDENCE = 0.95
"""Share of repetitions in which an interval holds the true difference."""
RESAMPLES = 1000
"""Enough for two digits of a 95 % interval (Efron and Tibshirani 1993, section 14.3)."""
SEED = 0
"""Of the bootstrap, so that the same scores have the same interval."""
_BLOCK = 4
"""Samples per worker whose outputs are in memory at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """One form of a model.

    Attributes:
        target: Whose it is.
        kind: FLOAT, QDQ or REFERENCE.
        run: Executes it.
        workers: Samples that may run at once; 1 for what has threads of its own.
    """

    target: str
    kind: str
    run: RunFunction
    workers: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """The samples, and what is known of them.

    Attributes:
        samples: Model inputs on disk.
        truths: What `metric.truth` says of each; empty for Truth.FLOAT.
        metric: What is measured.
    """

    samples: SampleStore
    truths: Sequence[Any]
    metric: MetricDef


def evaluate(
    float_form: Form, others: Sequence[Form], scored: Scored, progress: Progress
) -> ScoreReport:
    """Score all forms, with agreement, SQNR and throughput, and intervals of what was lost.

    Samples are taken a few at a time, and only what each contributes to the metric is kept, so that
    memory does not grow with the size of outputs times the number of samples. Every form runs once
    before its time is taken.

    Raises:
        DataError: A class that the model has no output for.
    """
    baseline, *tracks = (_Track(form, scored.metric) for form in (float_form, *others))
    everyone, samples = (baseline, *tracks), scored.samples
    warm = [track.form.run(samples.batch(0)) for track in everyone]
    if scored.metric.truth is Truth.CLASSES:
        _check_classes(scored, first_output(warm[0]).size)
    with progress.task("evaluate", len(samples) * len(everyone)) as advance:
        for block in _blocks(len(samples), max(form.workers for form in (float_form, *others))):
            expected = baseline.run(samples, block)
            truths: Sequence[Any] = expected
            if scored.metric.truth is not Truth.FLOAT:
                truths = scored.truths[block.start : block.stop]
            for track in everyone:
                found = expected if track is baseline else track.run(samples, block)
                for output, truth, real in zip(found, truths, expected, strict=True):
                    track.add(output, truth, real)
                advance(len(block))
    expected_scores = baseline.contributions()
    return ScoreReport(
        metric=scored.metric.name,
        samples=len(samples),
        confidence=CONFIDENCE,
        resamples=RESAMPLES,
        seed=SEED,
        rows=(baseline.row(None), *(track.row(expected_scores) for track in tracks)),
    )


class _Track:
    """One form while it is evaluated: what its samples contribute, and how long they took."""

    def __init__(self, form: Form, metric: MetricDef) -> None:
        self.form = form
        self._evidence, self._score = evidence_of(metric), metric.score
        self._contributions: list[Any] = []
        self._seconds = 0.0
        self._agreed: list[float] = []
        self._signal = self._noise = 0.0

    def run(self, samples: SampleStore, block: range) -> list[Mapping[str, Array]]:
        """Outputs of a block of samples, in order, the time taken."""
        start = perf_counter()
        outputs = list(
            ordered_map(lambda i: self.form.run(samples.batch(i)), block, self.form.workers)
        )
        self._seconds += perf_counter() - start
        return outputs

    def add(self, outputs: Mapping[str, Array], truth: Any, real: Mapping[str, Array]) -> None:
        """Take one sample's outputs, beside those of the float model."""
        self._contributions.append(self._evidence(outputs, truth))
        first = first_output(real)
        if sum(extent > 1 for extent in first.shape) <= 1:
            self._agreed.append(agreement(outputs, real))
        signal, noise = energies(first, first_output(outputs))
        self._signal, self._noise = self._signal + signal, self._noise + noise

    def contributions(self) -> _Contributions:
        """What the samples contributed so far."""
        return _Contributions(self._contributions, self._score)

    def row(self, theirs: _Contributions | None) -> ScoreRow:
        """The figures, and how far they are from those of the float model."""
        own = self.contributions()
        row = ScoreRow(
            target=self.form.target,
            form=self.form.kind,
            score=own.score(),
            samples_per_second=len(own) / self._seconds if self._seconds else float("inf"),
        )
        if theirs is None:
            return row
        difference = row.score - theirs.score()
        low, high = own.interval(theirs) if np.isfinite(difference) else (None, None)
        return replace(
            row,
            difference=difference if np.isfinite(difference) else None,
            low=low,
            high=high,
            p_value=own.p_value(theirs),
            agreement=float(np.mean(self._agreed)) if self._agreed else None,
            sqnr_db=decibels(self._signal, self._noise),
        )


class _Contributions:
    """What the samples contributed to one form's score, ready to be drawn from."""

    def __init__(self, found: Sequence[Any], score: ScoreFunction | None) -> None:
        self._found = np.array(found, np.float64) if score is None else found
        self._score = score

    def __len__(self) -> int:
        return len(self._found)

    def score(self, drawn: NDArray[np.int64] | None = None) -> float:
        """The score of the samples drawn, or of all."""
        found = self._found
        if isinstance(found, np.ndarray):
            return float(np.mean(found if drawn is None else found[drawn]))
        if self._score is None:
            raise InternalError(Code.INTERNAL, "Nothing scores these contributions")
        return self._score(found if drawn is None else [found[position] for position in drawn])

    @cached_property
    def drawn(self) -> NDArray[np.float64]:
        """Scores of the draws of the bootstrap, the same draws for all forms."""
        return resampled(self.score, len(self), resamples=RESAMPLES, seed=SEED)

    def interval(self, theirs: _Contributions) -> tuple[float, float]:
        """Confidence interval of the difference to the score of `theirs`."""
        return percentile_interval(self.drawn - theirs.drawn, CONFIDENCE)

    def p_value(self, theirs: _Contributions) -> float | None:
        """McNemar's p-value where every sample is either right or wrong, else None."""
        before, after = theirs._found, self._found
        if not (isinstance(before, np.ndarray) and isinstance(after, np.ndarray)):
            return None
        if not np.isin([before, after], (0.0, 1.0)).all():
            return None
        return mcnemar_p(int(np.sum(before > after)), int(np.sum(before < after)))


def _blocks(count: int, workers: int) -> Iterator[range]:
    size = _BLOCK * workers
    return (range(start, min(start + size, count)) for start in range(0, count, size))


def _check_classes(scored: Scored, outputs: int) -> None:
    """DataError for labels that no output stands for."""
    pairs = zip(scored.samples.names, scored.truths, strict=True)
    beyond = [f"{name}: {truth}" for name, truth in pairs if truth >= outputs]
    if beyond:
        more = f" and {len(beyond) - 3} more" if len(beyond) > 3 else ""
        raise DataError(
            Code.LABELS_INVALID,
            "Labels are beyond the outputs of the model",
            where="evaluation.labels",
            got=", ".join(beyond[:3]) + more,
            allowed=f"0 to {outputs - 1}",
            hint="classes are counted from 0",
        )
