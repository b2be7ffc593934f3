"""Stage 1: the float model, simplified and proved equal."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from toolchain.calibration.sources import Selection
from toolchain.core.reports import OptimizeReport
from toolchain.errors import Code, PluginError, Problem
from toolchain.graph.surgery import truncated
from toolchain.pipeline.context import BuildContext, BuildState
from toolchain.pipeline.records import read_record, write_record
from toolchain.pipeline.stages.samples import prepared
from toolchain.plugin.requests import OptimizeRequest

NAME = "optimize"
MODEL = "optimized.onnx"


def run(context: BuildContext, state: BuildState) -> BuildState:
    """Prepare the calibration samples, then simplify the model and prove it on them."""
    options = context.options
    chosen = options.calibration
    samples = prepared(
        context,
        chosen.data,
        Selection(samples=chosen.samples, order=chosen.order, seed=chosen.seed),
    )

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
    stored = context.cached(NAME, parts, work)
    report = read_record(stored.folder / "report.json", OptimizeReport)
    state = replace(
        state.after(NAME, stored),
        samples=samples,
        optimized=stored.folder / MODEL,
        optimize_report=replace(report, surgery=(*state.surgery, *report.surgery)),
    )
    for path in sorted(stored.folder.glob(f"{MODEL}*")):
        state = state.publishing(path.name, path, "float model, simplified")
    found = len(samples.store)
    if found < chosen.samples:
        problem = Problem(
            code=Code.DATA_FEW_SAMPLES,
            message="There are fewer calibration samples than asked for",
            where="calibration.samples",
            got=f"{found}",
            allowed=f"{chosen.samples}",
        )
        state = state.warn(NAME, problem)
    return state
