"""Stage 2: one sweep, the target's plan, its parameters."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, replace
from pathlib import Path

from toolchain.core.graph_view import GraphView
from toolchain.core.options import MixedPrecisionOptions
from toolchain.core.quant import QuantParams, QuantPlan
from toolchain.core.reports import CalibrationReport, QuantReport, RuleEffect
from toolchain.core.target import TargetSpec
from toolchain.errors import Code, InternalError, Problem
from toolchain.graph.view import read_view
from toolchain.pipeline.context import BuildContext, BuildState
from toolchain.pipeline.records import read_record, write_record
from toolchain.pipeline.stages.calibrate import calibrate
from toolchain.plugin.requests import PlanRequest, QuantizeRequest, RefineRequest
from toolchain.program.float_ops import SUPPORTED
from toolchain.quantization.report import ASKED_REASONS
from toolchain.quantization.roles import configured
from toolchain.quantization.rules import Asked, behind_cut
from toolchain.quantization.support import check_support
from toolchain.quantization.verify import check_fixed, check_roles, check_stored

NAME = "quantize"
MODEL = "quantized.onnx"
FLOAT = "float.onnx"


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizeRecord:
    """What the stage leaves in the cache beside the models."""

    calibration: CalibrationReport
    report: QuantReport
    effects: tuple[RuleEffect, ...]


def run(context: BuildContext, state: BuildState) -> BuildState:
    """Sweep, plan and quantize without any rules; the next stage applies those."""
    options = context.options
    parts = (
        state.keys["optimize"],
        options.target,
        options.platform,
        options.target_options,
        options.quantize,
        options.calibration.batch_size,
    )

    def work(folder: Path) -> None:
        quantize(context, state, folder, MixedPrecisionOptions())

    stored = context.cached(NAME, parts, work)
    return with_result(state.after(NAME, stored), stored.folder, NAME)


def with_result(state: BuildState, folder: Path, stage: str) -> BuildState:
    """The state with what `quantize` left in `folder`."""
    record = read_record(folder / "report.json", QuantizeRecord)
    own_float = folder / FLOAT
    state = replace(
        state,
        float_model=own_float if own_float.exists() else state.optimized,
        qdq=folder / MODEL,
        calibration_report=record.calibration,
        quant_report=record.report,
        effects=record.effects,
        diagnostics=tuple(d for d in state.diagnostics if d.problem.code != Code.RUNS_IN_FLOAT),
    )
    islands = [row for row in record.report.islands if row.reason not in ASKED_REASONS]
    if islands:
        shown = ", ".join(f"{row.node} ({row.op_type})" for row in islands[:3])
        more = f" and {len(islands) - 3} more" if len(islands) > 3 else ""
        state = state.warn(
            stage,
            Problem(
                code=Code.RUNS_IN_FLOAT,
                message=f"{len(islands)} nodes run in float",
                where=shown + more,
                got=islands[0].reason,
                hint='`quantize.unsupported = "error"` makes this an error',
            ),
        )
    return state


def quantize(
    context: BuildContext, state: BuildState, folder: Path, mixed: MixedPrecisionOptions
) -> None:
    """Write the QDQ model and its record into `folder`."""
    if state.optimized is None or state.samples is None:
        raise InternalError(Code.INTERNAL, "The quantize stage has no optimized model")
    options = context.options.quantize
    target = configured(context.target, options)
    source, fixed = without_qdq(state.optimized, folder)
    graph = read_view(source)
    tail = frozenset(() if state.optimize_report is None else state.optimize_report.tail)
    plan, asked = planned(context, target, graph, fixed, mixed, tail)
    observed = calibrate(context, source, graph, plan, state.samples, tail)
    with context.workspace.scratch() as scratch:
        result = context.hooks.quantize(
            QuantizeRequest(
                target=target,
                model=source,
                destination=folder / MODEL,
                graph=graph,
                plan=plan,
                stats=observed.stats,
                fixed=fixed,
                asked=asked,
                options=options,
                mixed_precision=mixed,
                methods=context.manager.range_methods(),
                algorithms=context.manager.algorithms(),
                samples=state.samples.store,
                threads=context.options.calibration.threads,
                scratch=scratch,
                progress=context.progress,
            )
        )
    check_stored(graph, plan, read_view(folder / MODEL))
    own = observed.report.own_forwards + result.report.extra_forwards
    write_record(
        folder / "report.json",
        QuantizeRecord(
            calibration=replace(observed.report, own_forwards=own),
            report=result.report,
            effects=result.effects,
        ),
    )


def planned(
    context: BuildContext,
    target: TargetSpec,
    graph: GraphView,
    fixed: Mapping[str, QuantParams],
    mixed: MixedPrecisionOptions,
    tail: Set[str],
) -> tuple[QuantPlan, Mapping[str, Asked]]:
    """The plan under `mixed`, and what it asks of single nodes; both are checked.

    Nodes of `tail`, behind a cut, stay in float.
    """
    options = context.options.quantize
    check_fixed(graph, fixed, target)
    plain = PlanRequest(
        target=target,
        graph=graph,
        bias_dtype=options.bias_dtype or target.bias.dtypes[0],
        input_dtype=options.input_dtype,
        fixed=fixed,
        asked=behind_cut({}, sorted(tail)),
    )
    plan, asked = context.hooks.plan(plain), plain.asked
    if mixed.rules or options.output_dtype or options.input_dtype or options.precision_level:
        refine = RefineRequest(
            target=target, graph=graph, plan=plan, options=mixed, quantize=options
        )
        asked = behind_cut(context.hooks.refine(refine), sorted(tail))
        plan = context.hooks.plan(replace(plain, asked=asked))
    if mixed.rules or not context.options.mixed_precision.rules:  # the plan is the final one
        check_roles(graph, plan, options, asked, fixed)
    precision = {name: found.precision for name, found in asked.items()}
    check_support(graph, plan, target, precision, options.unsupported, SUPPORTED)
    return plan, asked


def without_qdq(model: Path, folder: Path) -> tuple[Path, dict[str, QuantParams]]:
    """The float model without Q/DQ, and the parameters these held."""
    graph = read_view(model)
    if not any(node.op_type == "DequantizeLinear" for node in graph.nodes):
        return model, {}
    from toolchain.graph.absorb import absorb_qdq

    fixed = absorb_qdq(model, folder / FLOAT)
    return folder / FLOAT, dict(fixed)
