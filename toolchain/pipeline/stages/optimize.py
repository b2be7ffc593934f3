"""Stage 1: the float model, simplified and proved equal."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from toolchain.calibration.findings import FEW_SAMPLES
from toolchain.calibration.sources import Selection
from toolchain.core.reports import OptimizeReport
from toolchain.errors import Code, Problem
from toolchain.pipeline.context import BuildContext, BuildState
from toolchain.pipeline.records import read_record, write_record
from toolchain.pipeline.stages.samples import (
    names_of,
    prepared,
    prepared_for_check,
    require_sources,
)
from toolchain.plugin.requests import OptimizeRequest

NAME = "optimize"
MODEL = "optimized.onnx"


def run(context: BuildContext, state: BuildState) -> BuildState:
    """Prepare the samples, then simplify the model and prove it on them."""
    options = context.options
    chosen = options.calibration
    require_sources(options)
    selection = Selection(samples=chosen.samples, order=chosen.order, seed=chosen.seed)
    samples = prepared(context, chosen.data, selection, chosen.pair)
    # All sources are opened before anything takes time, so that what is wrong is said at once.
    own = prepared_for_check(context)

    def work(folder: Path) -> None:
        if options.evaluation is not None:
            names_of(context, options.evaluation.data, options.evaluation.pair)
        result = context.hooks.optimize(
            OptimizeRequest(
                target=context.target,
                source=Path(options.model),
                destination=folder / MODEL,
                inputs=options.input,
                options=options.optimize,
                passes=context.manager.passes(),
                samples=samples.store,
            )
        )
        write_record(folder / "report.json", result.report)

    parts = (context.model, options.input, options.optimize, samples.digest)
    stored = context.cached(NAME, parts, work)
    state = replace(
        state.after(NAME, stored),
        samples=samples,
        check_samples=own or samples,
        optimized=stored.folder / MODEL,
        optimize_report=read_record(stored.folder / "report.json", OptimizeReport),
    )
    for path in sorted(stored.folder.glob(f"{MODEL}*")):
        state = state.publishing(path.name, path, "float model, simplified")
    state = state.warn_all(NAME, (*samples.warnings, *(own.warnings if own else ())))
    found = len(samples.store)
    if found < FEW_SAMPLES:
        problem = Problem(
            code=Code.DATA_FEW_SAMPLES,
            message="Ranges of so few samples need not hold for other inputs",
            where="calibration.samples",
            got=f"{found}",
            allowed=f"at least {FEW_SAMPLES}; 100 to 1000 are usual",
        )
        state = state.warn(NAME, problem)
    return state
