"""The sweep of stage 2: statistics that every target and every plan of one float graph can use."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, replace
from pathlib import Path

from toolchain.calibration.stats_file import load_stats, save_stats
from toolchain.calibration.sweep import SweepOptions, sweep
from toolchain.core.dtypes import DType
from toolchain.core.graph_view import GraphView
from toolchain.core.quant import QuantPlan
from toolchain.core.reports import CalibrationReport
from toolchain.core.stats import TensorStats
from toolchain.graph.expose import write_with_outputs
from toolchain.graph.save import model_digest
from toolchain.pipeline.context import BuildContext, Prepared
from toolchain.pipeline.records import read_record, write_record
from toolchain.quantization.fusion import ABSORBED, CLAMPING, absorbed_activation
from toolchain.quantization.parameters import observed_values

NAME = "calibrate"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Observed:
    """What the samples showed, and what it cost."""

    stats: Mapping[str, TensorStats]
    report: CalibrationReport


def calibrate(
    context: BuildContext,
    model: Path,
    graph: GraphView,
    plan: QuantPlan,
    samples: Prepared,
    tail: Set[str] = frozenset(),
) -> Observed:
    """Statistics of every value that `plan` may need, from the cache wherever they are there.

    The values of the sweep depend on the graph alone, not on the target or on what was swept
    before: all targets share it, and a target added later finds it. What this plan stores beyond
    them (a rule asks for it, or the target absorbs less than others) is swept on its own. What the
    nodes `tail` compute stays in float and is not observed.
    """
    values = values_to_observe(graph, tail)
    observed = _swept(context, model, values, samples)
    further = further_values(graph, plan, values)
    if not further:
        return observed
    more = _swept(context, model, further, samples)
    report = replace(
        observed.report,
        values=observed.report.values + more.report.values,
        own_forwards=more.report.forwards,
    )
    return Observed(stats={**observed.stats, **more.stats}, report=report)


def values_to_observe(graph: GraphView, tail: Set[str] = frozenset()) -> tuple[str, ...]:
    """Every value that most targets may need statistics of.

    Left out is what stands in front of an activation that targets absorb, and so never store, and
    what the nodes `tail` compute.
    """
    skipped = {value.name for node in graph.nodes if node.name in tail for value in node.outputs}
    for node in graph.nodes:
        behind = absorbed_activation(graph, node, ABSORBED) if node.op_type in CLAMPING else None
        if behind is not None and behind.name not in tail:
            skipped.add(node.outputs[0].name)
    return observed_values(graph, skipped)


def further_values(graph: GraphView, plan: QuantPlan, values: tuple[str, ...]) -> tuple[str, ...]:
    """What `plan` stores, or converts where it is read, and is not among `values`.

    What nodes that only move write is not either: its elements are those of what they read.
    """
    needed = set(plan.specs) | {edge.value for edge in plan.conversions}
    wanted = set(observed_values(graph, set())) & needed
    return tuple(
        name
        for name, value in graph.values.items()
        if name in wanted
        and name not in values
        and not value.is_constant
        and value.dtype is DType.FLOAT32
    )


def _swept(
    context: BuildContext, model: Path, values: tuple[str, ...], samples: Prepared
) -> Observed:
    """One sweep, kept under the digests of the model and the samples and the values observed."""
    options = context.options.calibration

    def work(folder: Path) -> None:
        inputs = {spec.name for spec in samples.store.inputs}
        with context.workspace.scratch() as scratch:
            exposed = scratch / "exposed.onnx"
            outputs = [name for name in values if name not in inputs]
            write_with_outputs(model, outputs, exposed, free_batch=options.batch_size > 1)
            how = SweepOptions(batch_size=options.batch_size, threads=options.threads)
            stats, cost = sweep(exposed, values, samples.store, how, context.progress)
        save_stats(stats, folder / "stats.bin")
        report = CalibrationReport(
            samples=cost.samples, values=cost.values, graph=digest, forwards=cost.forwards
        )
        write_record(folder / "report.json", report)

    digest = model_digest(model)
    parts = (digest, values, samples.digest, options.batch_size)
    stored = context.cached_for_all(NAME, parts, work)
    return Observed(
        stats=load_stats(stored.folder / "stats.bin"),
        report=read_record(stored.folder / "report.json", CalibrationReport),
    )
