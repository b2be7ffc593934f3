"""Stage 1: the float model, simplified and proved equal."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from toolchain.calibration.findings import FEW_SAMPLES
from toolchain.calibration.sources import Selection
from toolchain.core.reports import OptimizeReport
from toolchain.errors import Code, PluginError, Problem
from toolchain.graph.surgery import truncated
from toolchain.pipeline.context import BuildContext, BuildState, Prepared, Stored
from toolchain.pipeline.records import read_record, write_record
from toolchain.pipeline.stages.samples import (
    SampleQuery,
    prepared,
    prepared_for_check,
)
from toolchain.plugin.requests import OptimizeRequest

NAME = "optimize"
MODEL = "optimized.onnx"


def run(context: BuildContext, state: BuildState) -> BuildState:
    """Prepare the samples, then simplify the model and prove it on them."""
    options = context.options
    chosen = options.calibration
    samples = prepared(
        context,
        SampleQuery(
            where="calibration.data",
            sources=chosen.data,
            selection=Selection(samples=chosen.samples, order=chosen.order, seed=chosen.seed),
            pair=chosen.pair,
        ),
    )
    # All sources are opened before anything takes time, so that what is wrong is said at once.
    own = prepared_for_check(context)
    stored = _optimized(context, samples)
    report = read_record(stored.folder / "report.json", OptimizeReport)
    state = replace(
        state.after(NAME, stored),
        samples=samples,
        check_samples=own or samples,
        optimized=stored.folder / MODEL,
        optimize_report=replace(report, surgery=(*context.surgery, *report.surgery)),
    )
    for path in sorted(stored.folder.glob(f"{MODEL}*")):
        state = state.publishing(path.name, path, "float model, simplified")
    state = state.warn_all(NAME, (*samples.warnings, *(own.warnings if own else ())))
    return _warned(state, len(samples.store), options.model)


def _optimized(context: BuildContext, samples: Prepared) -> Stored:
    """The simplified model and its report, in the cache."""
    options = context.options
    truncate = truncated(options.surgery)

    def work(folder: Path) -> None:
        result = context.hooks.optimize(
            OptimizeRequest(
                target=context.target,
                source=Path(options.model),
                destination=folder / MODEL,
                inputs=options.input,
                options=options.optimize,
                passes=context.manager.passes(),
                samples=samples.store,
                truncate=truncate,
            )
        )
        if truncate and not result.report.tail:
            raise PluginError(
                Code.PLUGIN_BAD_RETURN,
                "The model was not cut",
                where=f"{context.target.name}, hook tc_optimize",
                got="a report without a tail",
                allowed="nodes behind the request's `truncate` left as they are, and named `tail`",
            )
        write_record(folder / "report.json", result.report)

    parts = (context.model, options.input, options.optimize, truncate, samples.digest)
    # Targets that do not optimize in a way of their own have the same float graph.
    cached = context.cached if context.hooks.own("tc_optimize") else context.cached_for_all
    return cached(NAME, parts, work)


def _warned(state: BuildState, samples: int, model: str) -> BuildState:
    """`state` with what the user should know of samples and model."""
    if samples < FEW_SAMPLES:
        problem = Problem(
            code=Code.DATA_FEW_SAMPLES,
            message="Ranges of so few samples need not hold for other inputs",
            where="calibration.samples",
            got=f"{samples}",
            allowed=f"at least {FEW_SAMPLES}; 100 to 1000 are usual",
        )
        state = state.warn(NAME, problem)
    report = state.optimize_report
    if report is not None and report.halves:
        problem = Problem(
            code=Code.HALF_PRECISION,
            message="The model is in 16-bit floats; it is read as float32, inputs and outputs too",
            where=model,
            got=f"{report.halves} values",
        )
        state = state.warn(NAME, problem)
    return state
