"""Stage 1: the float model, simplified and proved equal."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from toolchain.calibration.sources import Selection
from toolchain.core.reports import OptimizeReport
from toolchain.errors import Code, Problem
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
            )
        )
        write_record(folder / "report.json", result.report)

    parts = (context.model, options.input, options.optimize, samples.digest)
    # Targets that do not optimize in a way of their own have the same float graph.
    cached = context.cached if context.hooks.own("tc_optimize") else context.cached_for_all
    stored = cached(NAME, parts, work)
    state = replace(
        state.after(NAME, stored),
        samples=samples,
        optimized=stored.folder / MODEL,
        optimize_report=read_record(stored.folder / "report.json", OptimizeReport),
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
