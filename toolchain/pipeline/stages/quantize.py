"""Stage 2: one sweep, the target's plan, its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from toolchain.calibration.stats_file import load_stats, save_stats
from toolchain.calibration.sweep import SweepOptions, sweep
from toolchain.core.dtypes import DType
from toolchain.core.graph_view import GraphView
from toolchain.core.options import MixedPrecisionOptions, QuantizeOptions
from toolchain.core.quant import QuantParams
from toolchain.core.reports import CalibrationReport, QuantReport, RuleEffect
from toolchain.core.stats import TensorStats
from toolchain.core.target import TargetSpec
from toolchain.errors import Code, ConfigError, InternalError, Problem
from toolchain.graph.expose import write_with_outputs
from toolchain.graph.save import model_digest
from toolchain.graph.view import read_view
from toolchain.pipeline.context import BuildContext, BuildState
from toolchain.pipeline.records import read_record, write_record
from toolchain.plugin.requests import PlanRequest, QuantizeRequest, RefineRequest
from toolchain.program.float_ops import SUPPORTED
from toolchain.quantization.fusion import CLAMPING, absorbed_activation
from toolchain.quantization.parameters import observed_values
from toolchain.quantization.report import RULE_REASON
from toolchain.quantization.support import check_support

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
    islands = [row for row in record.report.islands if row.reason != RULE_REASON]
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
    target, options = context.target, context.options.quantize
    source, fixed = _without_qdq(state.optimized, folder)
    graph = read_view(source)
    bias_dtype = _bias_dtype(target, options)
    plain = PlanRequest(target=target, graph=graph, bias_dtype=bias_dtype, fixed=fixed, asked={})
    plan = context.hooks.plan(plain)
    asked = {}
    if mixed.rules:
        refine = RefineRequest(target=target, graph=graph, plan=plan, options=mixed)
        asked = context.hooks.refine(refine)
        plan = context.hooks.plan(replace(plain, asked=asked))
    precision = {name: found.precision for name, found in asked.items()}
    check_support(graph, plan, target, precision, options.unsupported, SUPPORTED)
    stats, calibration = calibrate(context, state, source, graph)
    with context.workspace.scratch() as scratch:
        result = context.hooks.quantize(
            QuantizeRequest(
                target=target,
                model=source,
                destination=folder / MODEL,
                graph=graph,
                plan=plan,
                stats=stats,
                fixed=fixed,
                asked=asked,
                options=options,
                mixed_precision=mixed,
                methods=context.manager.range_methods(),
                algorithms=context.manager.algorithms(),
                samples=state.samples,
                threads=context.options.calibration.threads,
                scratch=scratch,
                progress=context.progress,
            )
        )
    forwards = calibration.forwards + result.report.extra_forwards
    write_record(
        folder / "report.json",
        QuantizeRecord(
            calibration=replace(calibration, forwards=forwards),
            report=result.report,
            effects=result.effects,
        ),
    )


def _bias_dtype(target: TargetSpec, options: QuantizeOptions) -> DType:
    """The bias type asked for, or the target's default."""
    chosen = options.bias_dtype or target.bias.dtypes[0]
    if chosen not in target.bias.dtypes:
        raise ConfigError(
            Code.BAD_VALUE,
            f"Target `{target.name}` cannot store biases in this type",
            where="quantize.bias_dtype",
            got=chosen,
            allowed=", ".join(target.bias.dtypes),
        )
    return chosen


def calibrate(
    context: BuildContext, state: BuildState, model: Path, graph: GraphView
) -> tuple[Mapping[str, TensorStats], CalibrationReport]:
    """Statistics of every value that a plan may need; shared by all targets of one float graph.

    The key holds the digests of the model and the samples, and the values observed, not the target.
    """
    samples = state.samples
    if samples is None:
        raise InternalError(Code.INTERNAL, "There are no samples to calibrate on")
    values = values_to_observe(graph, context.target)
    batch_size = context.options.calibration.batch_size

    def work(folder: Path) -> None:
        inputs = {value.name for value in graph.inputs}
        with context.workspace.scratch() as scratch:
            exposed = scratch / "exposed.onnx"
            outputs = [name for name in values if name not in inputs]
            write_with_outputs(model, outputs, exposed, free_batch=batch_size > 1)
            options = SweepOptions(
                batch_size=batch_size, threads=context.options.calibration.threads
            )
            stats, report = sweep(exposed, values, samples, options, context.progress)
        save_stats(stats, folder / "stats.bin")
        write_record(folder / "report.json", report)

    parts = (model_digest(model), values, state.samples_digest, batch_size)
    stored = context.cached_for_all("calibrate", parts, work)
    return load_stats(stored.folder / "stats.bin"), read_record(
        stored.folder / "report.json", CalibrationReport
    )


def values_to_observe(graph: GraphView, target: TargetSpec) -> tuple[str, ...]:
    """Every value that a plan for `target` may need statistics of.

    Left out are outputs of activations that an operator before them absorbs: what is known of their
    input says all about them.
    """
    skipped = {
        node.outputs[0].name
        for node in graph.nodes
        if node.op_type in CLAMPING and absorbed_activation(graph, node, target) is not None
    }
    return observed_values(graph, skipped)


def _without_qdq(model: Path, folder: Path) -> tuple[Path, dict[str, QuantParams]]:
    """The float model without Q/DQ, and the parameters these held."""
    graph = read_view(model)
    if not any(node.op_type == "DequantizeLinear" for node in graph.nodes):
        return model, {}
    from toolchain.graph.absorb import absorb_qdq

    fixed = absorb_qdq(model, folder / FLOAT)
    return folder / FLOAT, dict(fixed)
