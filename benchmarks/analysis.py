"""Precision analysis against the plain forward of onnxruntime over the same preprocessed samples.

What is timed is the analysis of models that are built and samples that are prepared: opening the
models, joining them, every run and every figure. The float model alone runs the same samples one by
one on the same number of threads.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from measure import by_turns, parse, parser_of, ratio, show, verdict
from subject import Subject, file_of, subject
from sweep import forward

from toolchain.analysis.precision import Subject as Models
from toolchain.analysis.precision import analyze_precision
from toolchain.core.options import AnalysisForm, AnalysisMode, AnalysisOptions
from toolchain.core.progress import SilentProgress
from toolchain.core.samples import SampleStore
from toolchain.program.serialize import load_program

LIMITS = {"mobilenet_v2": 10.0}
"""Seconds for 16 samples."""


def main() -> None:
    """Measure every config and print one table."""
    parser = parser_of(__doc__, "mobilenet_v2")
    parser.add_argument("--samples", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    given = parse(parser)
    rows = []
    for config in given.config:
        with tempfile.TemporaryDirectory() as folder:
            settings = {"calibration.samples": given.samples}
            of = subject(config, Path(folder), given.target, settings)
            rows += _measured(of, given.threads, given.rounds)
    title = f"Precision analysis, {given.samples} samples, {given.threads} threads"
    show(title, ("model", "mode", "on", "seconds", "analysis/float", "verdict"), rows)


def _measured(of: Subject, threads: int, rounds: int) -> list[tuple[object, ...]]:
    built = of.build("compile")
    (folder,) = of.stores()
    samples = SampleStore.open(folder)
    program = file_of(built, ".program.json")
    float_model = file_of(built, "optimized.onnx")
    models = Models(
        target=of.target,
        platform=built.platform,
        float_model=float_model,
        qdq_model=file_of(built, ".q.onnx"),
        program=load_program(program.parent, program.name.removesuffix(".program.json")),
    )

    def analyse(mode: AnalysisMode, on: AnalysisForm) -> None:
        options = AnalysisOptions(mode=mode, on=on, samples=len(samples))
        progress = SilentProgress()
        analyze_precision(models, samples, options, threads=threads, progress=progress)

    forms = (AnalysisForm.QDQ, AnalysisForm.REFERENCE)
    ways = [(mode, on) for mode in AnalysisMode for on in forms]
    things = {
        f"{mode} {on}": lambda mode=mode, on=on: analyse(mode, on)  # type: ignore[misc]
        for mode, on in ways
    }
    times = by_turns({**things, "float": lambda: forward(float_model, samples, threads)}, rounds)
    rows: list[tuple[object, ...]] = []
    for mode, on in ways:
        taken = times[f"{mode} {on}"]
        limit = LIMITS.get(of.name)
        judged = "" if limit is None else verdict(taken.best, limit)
        rows.append((of.name, mode, on, f"{taken.best:.2f}", ratio(taken, times["float"]), judged))
    return rows


if __name__ == "__main__":
    main()
