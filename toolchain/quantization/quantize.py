"""The quantize step as a whole: parameters, algorithms, QDQ model, report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from toolchain.calibration.sweep import SweepOptions, sweep
from toolchain.core.artifacts import ModelArtifact
from toolchain.core.dtypes import Array
from toolchain.core.graph_view import GraphView, NodeView, ValueView
from toolchain.core.operators import traits
from toolchain.core.options import QuantizeOptions, RangePin
from toolchain.core.progress import Progress, SilentProgress
from toolchain.core.quant import ParamSet, QuantParams, QuantPlan
from toolchain.core.registry import AlgorithmDef, AlgorithmInput, RangeMethodDef
from toolchain.core.reports import QuantReport
from toolchain.core.samples import SampleStore
from toolchain.core.stats import TensorStats
from toolchain.core.suggest import did_you_mean
from toolchain.core.target import TargetSpec
from toolchain.errors import Code, ConfigError
from toolchain.graph.observe import write_observed
from toolchain.quantization.parameters import (
    Chosen,
    Method,
    RangeChoice,
    choose_params,
    with_biases,
)
from toolchain.quantization.pins import fixed_functions, pin_functions
from toolchain.quantization.qdq import qdq_metadata, write_quantized
from toolchain.quantization.report import quant_report
from toolchain.quantization.rules import Asked

Record = TypeVar("Record")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Quantization:
    """Everything the step needs besides the model itself.

    Attributes:
        stats: What the sweep observed, by value name.
        fixed: Parameters that the model brought along.
        asked: What rules want of single nodes.
        pins: Parameters given by hand.
        samples: Preprocessed calibration samples, for algorithms that observe more.
        threads: Threads of their sweeps; 0 takes one per core.
        scratch: An empty folder for temporary models.
        progress: Shows how far further sweeps are.
        methods: Range methods by name.
        algorithms: Algorithms by name.
    """

    target: TargetSpec
    stats: Mapping[str, TensorStats]
    options: QuantizeOptions
    methods: Mapping[str, RangeMethodDef]
    algorithms: Mapping[str, AlgorithmDef]
    fixed: Mapping[str, QuantParams] = field(default_factory=dict)
    asked: Mapping[str, Asked] = field(default_factory=dict)
    pins: Sequence[RangePin] = ()
    samples: SampleStore
    threads: int
    scratch: Path
    progress: Progress = field(default_factory=SilentProgress)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Quantized:
    """The QDQ model and how it came about."""

    model: ModelArtifact
    params: ParamSet
    report: QuantReport


def quantize_model(
    source: Path, destination: Path, graph: GraphView, plan: QuantPlan, given: Quantization
) -> Quantized:
    """Choose parameters for `plan`, run the algorithms, write the QDQ model to `destination`.

    Raises:
        ConfigError: Unknown range methods or algorithms.
        QuantizationError: A value that was not observed.
    """
    run = _Run(source, graph, plan, given)
    summaries = tuple(run.apply(name) for name in given.options.algorithms)
    chosen = run.chosen()
    precision = {name: asked.precision for name, asked in given.asked.items()}
    report = quant_report(
        graph, plan, chosen.params, chosen.methods, given.target, precision, summaries
    )
    model = write_quantized(
        source,
        destination,
        graph=graph,
        plan=plan,
        params=chosen.params,
        replaced=run.replaced,
        metadata=qdq_metadata((row.node for row in report.islands), run.scales),
    )
    return Quantized(
        model=model,
        params=chosen.params,
        report=replace(report, extra_forwards=run.extra_forwards),
    )


class _Run:
    """What the algorithms change, and the parameters that follow; lives for the length of one call.

    Attributes:
        replaced: New arrays of initializers, by name.
        scales: What the channels of activations are divided by, by name.
        extra_forwards: Forward runs of the model beyond those of the calibration sweep.
    """

    def __init__(
        self, source: Path, graph: GraphView, plan: QuantPlan, given: Quantization
    ) -> None:
        self.replaced: dict[str, Array] = {}
        self.scales: dict[str, Array] = {}
        self.extra_forwards = 0
        self._source = source
        self._graph = graph
        self._plan = plan
        self._given = given
        self._stats = given.stats
        self._choice = _choice(graph, plan, given)
        self._biases = frozenset(
            bias.name for node in graph.nodes if (bias := _bias_of(node)) is not None
        )
        self._chosen: Chosen | None = None

    def chosen(self) -> Chosen:
        """The parameters as they are now; ranges are searched only where something changed them."""
        if self._chosen is None:
            self._chosen = choose_params(
                self._graph, self._plan, self._stats, self._given.target, self._choice
            )
        return self._chosen

    def apply(self, name: str) -> str:
        """Run the algorithm of that name and take over what it changes; its line for the report."""
        algorithm = lookup(self._given.algorithms, name, "algorithm", "quantize.algorithms")
        output = algorithm.function(
            AlgorithmInput(
                graph=self._graph,
                plan=self._plan,
                params=lambda: self.chosen().params,
                stats=self._stats,
                target=self._given.target,
                pinned=frozenset(self._choice.pinned),
            )
        )
        self.replaced |= output.constants
        for value, scales in output.channel_scales.items():
            self.scales[value] = self.scales.get(value, np.float32(1.0)) * scales
        self._graph = _with_constants(self._graph, output.constants)
        if output.changed_values:
            self._observe(output.changed_values)
        if not output.changed_values and output.constants.keys() <= self._biases:
            self._refit_biases()
        else:
            self._chosen = None
        return output.summary

    def _refit_biases(self) -> None:
        if self._chosen is not None:
            self._chosen = with_biases(
                self._chosen, self._graph, self._plan, self._given.target, self._choice
            )

    def _observe(self, changed: frozenset[str]) -> None:
        """Observe those of the changed values that were observed before, on all samples."""
        values = [name for name in self._stats if name in changed]
        model = self._given.scratch / "observed.onnx"
        write_observed(self._source, self.replaced, values, model)
        options = SweepOptions(threads=self._given.threads)
        stats, cost = sweep(model, values, self._given.samples, options, self._given.progress)
        self._stats = {**self._stats, **stats}
        self.extra_forwards += cost.forwards


def _bias_of(node: NodeView) -> ValueView | None:
    position = traits(node).bias
    return None if position is None else node.input(position)


def _choice(graph: GraphView, plan: QuantPlan, given: Quantization) -> RangeChoice:
    options = given.options
    default = Method(
        definition=lookup(given.methods, options.method, "range method", "quantize.method"),
        percentile=options.percentile,
        percentile_16bit=max(options.percentile, options.percentile_16bit),
    )
    min_scale = given.target.min_scale
    return RangeChoice(
        default=default,
        overrides=_overrides(graph, plan, given, default),
        weight_method=options.weight_method,
        min_weight_scale=options.min_weight_scale or 0.0,
        pinned=fixed_functions(given.fixed) | pin_functions(given.pins, min_scale),
    )


def _overrides(
    graph: GraphView, plan: QuantPlan, given: Quantization, default: Method
) -> dict[str, Method]:
    """Range methods that rules set, by the value they take effect on."""
    found: dict[str, Method] = {}
    for node in graph.nodes:
        asked = given.asked.get(node.name)
        if asked is None or (asked.method is None and asked.percentile is None):
            continue
        number = asked.origins.get("method", asked.origins.get("percentile", 0))
        where = f"mixed_precision.rules[{number}].method"
        definition = (
            default.definition
            if asked.method is None
            else lookup(given.methods, asked.method, "range method", where)
        )
        # A percentile of its own holds for the node whatever its type.
        general = asked.percentile is None
        method = Method(
            definition=definition,
            percentile=asked.percentile or default.percentile,
            percentile_16bit=default.percentile_16bit if general else None,
        )
        for output in node.outputs:
            found[plan.fused.get(output.name, output.name)] = method
    return found


def lookup(records: Mapping[str, Record], name: str, kind: str, where: str) -> Record:
    """The record called `name`.

    Raises:
        ConfigError: There is none; the message lists those there are.
    """
    if name in records:
        return records[name]
    raise ConfigError(
        Code.UNKNOWN_NAME,
        f"There is no {kind} of this name",
        where=where,
        got=name,
        allowed=", ".join(records),
        hint=did_you_mean(name, records) or "`tc plugins` lists what is installed",
    )


def _with_constants(graph: GraphView, replaced: Mapping[str, Array]) -> GraphView:
    """`graph` as it looks with other arrays in some initializers."""
    if not replaced:
        return graph

    def changed(value: ValueView) -> ValueView:
        array = replaced.get(value.name)
        return value if array is None else replace(value, constant=np.asarray(array))

    return replace(
        graph,
        values={name: changed(value) for name, value in graph.values.items()},
        nodes=tuple(
            replace(node, inputs=tuple(None if v is None else changed(v) for v in node.inputs))
            for node in graph.nodes
        ),
    )
