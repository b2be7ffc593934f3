"""Accuracy of every target's models against those of onnxruntime's own quantization tools.

All are calibrated on the same samples and run on the config's evaluation samples. SQNR of the
outputs and agreement of the largest output are against the float model in onnxruntime.
"""

from __future__ import annotations

import logging
import math
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from measure import parse, parser_of, show
from onnxruntime_tools import quantized
from subject import Subject, file_of, subject

from toolchain.core.dtypes import Array
from toolchain.core.samples import SampleStore
from toolchain.graph.session import open_session
from toolchain.numerics.metrics import decibels, energies
from toolchain.pipeline.published import open_published

MODELS = ("mobilenet_v2", "mobilenet_v3_small", "cifar10_resnet20", "kws_dscnn")
THEIRS = ("MinMax", "Percentile")


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How close one form of a model is to float; more is better in both."""

    sqnr_db: float
    agreement: float


def main() -> None:
    """Measure every config and print one table with a verdict per model."""
    parser = parser_of(__doc__, *MODELS)
    parser.add_argument("--samples", type=int, default=100, help="calibration samples")
    parser.add_argument("--evaluation", type=int, default=0, help="evaluation samples; 0 takes all")
    parser.add_argument("--targets", nargs="+", help="several targets; --target where left out")
    given = parse(parser)
    targets = tuple(given.targets or [given.target])
    logging.disable(logging.WARNING)  # advice of onnxruntime's tools on how to use them
    rows: list[tuple[object, ...]] = []
    for config in given.config:
        with tempfile.TemporaryDirectory() as folder:
            settings: dict[str, object] = {"calibration.samples": given.samples}
            if given.evaluation:
                settings["evaluation.samples"] = given.evaluation
            of = subject(config, Path(folder), targets[0], settings)
            scores = _scores(of, targets, Path(folder), given.threads)
            rows += [(of.name, *_row(form, score)) for form, score in scores.items()]
            rows += [(of.name, *_verdict(target, scores)) for target in targets]
    header = ("model", "form", "SQNR dB", "agreement")
    show(f"Accuracy against float, {given.samples} calibration samples", header, rows)


def _scores(of: Subject, targets: tuple[str, ...], folder: Path, threads: int) -> dict[str, Score]:
    _, calibration = of.prepare()
    before = of.stores()
    builds = [replace(of, target=target).build() for target in targets]
    # Samples and labels that serve both purposes are stored once.
    (evaluation,) = of.stores() - before or before
    samples = SampleStore.open(evaluation)
    expected = _outputs(of.model, samples, threads)

    def score(model: Path, *, optimize: bool = True) -> Score:
        found = _outputs(model, samples, threads, optimize=optimize)
        same = expected.argmax(axis=1) == found.argmax(axis=1)
        agreement = float(np.mean(same)) if classifies else math.nan
        return Score(sqnr_db=decibels(*energies(expected, found)), agreement=agreement)

    scores = {}
    classifies = all(built.accuracy and built.accuracy.agreement is not None for built in builds)
    for built in builds:
        accuracy = built.accuracy
        if accuracy is None:
            raise SystemExit(f"{of.config} has no section [evaluation]")
        scores[f"{built.target} reference"] = Score(
            sqnr_db=accuracy.sqnr_db,
            agreement=math.nan if accuracy.agreement is None else accuracy.agreement,
        )
        published = open_published(file_of(built, "manifest.json").parent)
        scores[f"{built.target} QDQ"] = score(published.qdq)
    for method in THEIRS:
        scores[method] = score(quantized(of.model, calibration, folder, method))
    return scores


def _outputs(model: Path, samples: SampleStore, threads: int, *, optimize: bool = True) -> Array:
    """First output of every sample, flat: (samples, elements)."""
    session = open_session(model, threads=threads, optimize=optimize)
    name = session.get_outputs()[0].name
    found = [session.run([name], dict(feeds))[0].reshape(1, -1) for feeds in samples.batches()]
    return np.concatenate(found)


def _row(form: str, score: Score) -> tuple[str, str, str]:
    own = "onnxruntime " if form in THEIRS else ""
    agreement = "-" if math.isnan(score.agreement) else f"{100 * score.agreement:.1f} %"
    return (own + form, f"{score.sqnr_db:.2f}", agreement)


def _verdict(target: str, scores: dict[str, Score]) -> tuple[str, str, str]:
    """Reference over the better of onnxruntime's, per figure."""

    def judged(figure: Callable[[Score], float], form: str) -> str:
        ours = figure(scores[f"{target} reference"])
        best = max(figure(scores[method]) for method in THEIRS)
        if math.isnan(ours):
            return "-"
        return f"{'ok' if ours >= best else 'WORSE'} {format(ours - best, form)}"

    return (
        f"verdict: {target} reference - better of onnxruntime",
        judged(lambda score: score.sqnr_db, "+.2f"),
        judged(lambda score: 100 * score.agreement, "+.1f"),
    )


if __name__ == "__main__":
    main()
