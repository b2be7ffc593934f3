"""The quantize step as a whole: parameters, algorithms, QDQ model, report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import TypeVar

import numpy as np

from toolchain.core.artifacts import ModelArtifact
from toolchain.core.dtypes import Array
from toolchain.core.graph_view import GraphView, ValueView
from toolchain.core.options import QuantizeOptions, RangePin
from toolchain.core.quant import ParamSet, QuantParams, QuantPlan
from toolchain.core.registry import AlgorithmDef, AlgorithmInput, RangeMethodDef
from toolchain.core.reports import QuantReport
from toolchain.core.samples import SampleStore
from toolchain.core.stats import TensorStats
from toolchain.core.target import TargetSpec
from toolchain.errors import Code, ConfigError
from toolchain.quantization.parameters import Chosen, Method, RangeChoice, choose_params
from toolchain.quantization.pins import fixed_functions, pin_functions
from toolchain.quantization.qdq import write_quantized
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
    choice = _choice(graph, plan, given)
    chosen = choose_params(graph, plan, given.stats, given.target, choice)
    replaced: dict[str, Array] = {}
    summaries: list[str] = []
    for name in given.options.algorithms:
        algorithm = lookup(given.algorithms, name, "algorithm", "quantize.algorithms")
        changed = algorithm.function(
            AlgorithmInput(
                graph=_with_constants(graph, replaced),
                plan=plan,
                params=chosen.params,
                stats=given.stats,
                target=given.target,
            )
        )
        replaced |= changed.constants
        summaries.append(changed.summary)
    if replaced:
        chosen = choose_params(
            _with_constants(graph, replaced), plan, given.stats, given.target, choice
        )
    return _write(source, destination, graph, plan, given, chosen, replaced, tuple(summaries))


def _write(
    source: Path,
    destination: Path,
    graph: GraphView,
    plan: QuantPlan,
    given: Quantization,
    chosen: Chosen,
    replaced: Mapping[str, Array],
    summaries: tuple[str, ...],
) -> Quantized:
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
        replaced=replaced,
        float_nodes=tuple(row.node for row in report.islands),
    )
    return Quantized(model=model, params=chosen.params, report=report)


def _choice(graph: GraphView, plan: QuantPlan, given: Quantization) -> RangeChoice:
    options = given.options
    default = Method(
        definition=lookup(given.methods, options.method, "range method", "quantize.method"),
        percentile=options.percentile,
    )
    min_scale = given.target.min_scale
    return RangeChoice(
        default=default,
        overrides=_overrides(graph, plan, given, default),
        weight_method=options.weight_method,
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
        method = Method(
            definition=definition, percentile=asked.percentile or default.percentile
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
    close = get_close_matches(name, list(records), n=1)
    raise ConfigError(
        Code.UNKNOWN_NAME,
        f"There is no {kind} of this name",
        where=where,
        got=name,
        allowed=", ".join(records),
        hint=f"did you mean `{close[0]}`?" if close else "`tc plugins` lists what is installed",
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
