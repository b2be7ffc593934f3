"""From statistics and a plan to the numbers: one range per tensor or group, then its parameters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field, replace
from functools import cached_property, reduce

import numpy as np

from toolchain.calibration.ranges.weights import method_for
from toolchain.calibration.statistics import merge, stats_of
from toolchain.core.graph_view import GraphView
from toolchain.core.operators import data_inputs, traits
from toolchain.core.quant import Edge, ParamSet, QuantParams, QuantPlan, QuantSpec
from toolchain.core.registry import RangeMethodDef
from toolchain.core.stats import TensorRange, TensorStats
from toolchain.core.target import TargetSpec
from toolchain.errors import Code, QuantizationError
from toolchain.numerics.affine import params_from_range
from toolchain.quantization.groups import sources
from toolchain.quantization.importance import Channels, channel_importance
from toolchain.quantization.outlook import Part, outlook
from toolchain.quantization.shift_limits import limit_activations
from toolchain.quantization.useful import clamp, useful_interval
from toolchain.quantization.weights import Pinned, fit_biases, weight_params

_BOUNDED = frozenset({"Clip", "HardSigmoid", "Sigmoid", "Softmax", "Softsign", "Tanh", "Erf"})
"""Operators whose results cannot exceed a bound, so that nothing unseen lies beyond it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """A range method and the percentiles it is called with.

    Attributes:
        percentile_16bit: For values stored in 16 bits; None: as for others.
    """

    definition: RangeMethodDef
    percentile: float
    percentile_16bit: float | None = None

    def range_of(self, stats: TensorStats, spec: QuantSpec) -> TensorRange:
        """The range for values stored as `spec` says."""
        wide = spec.dtype.bits == 16 and self.percentile_16bit is not None
        percentile = self.percentile_16bit if wide else None
        return self.definition.function(stats, spec, percentile or self.percentile)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RangeChoice:
    """How ranges are chosen.

    Attributes:
        default: Method of activations.
        overrides: Method of single values, from rules.
        weight_method: One of `WEIGHT_METHODS`.
        min_weight_scale: No weight gets a smaller scale, nor one below the target's smallest.
        pinned: Parameters that are not to be computed: pins and what the model brought along.
    """

    default: Method
    overrides: Mapping[str, Method] = field(default_factory=dict)
    weight_method: str = "default"
    min_weight_scale: float = 0.0
    pinned: Pinned = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Chosen:
    """Parameters, and which method chose each value's range.

    Attributes:
        params: Parameters of the whole plan.
        methods: Value name to the range method.
        without_biases: The same before biases were fitted, from which new biases start.
    """

    params: ParamSet
    methods: Mapping[str, str]
    without_biases: ParamSet


def choose_params(
    graph: GraphView,
    plan: QuantPlan,
    stats: Mapping[str, TensorStats],
    target: TargetSpec,
    choice: RangeChoice,
) -> Chosen:
    """Parameters of every stored value, weight, conversion and bias of `plan`.

    Activations of one shared group get one range from the merged statistics of all values whose
    elements they hold. A weight channel whose bias would not fit the accumulator gets a larger
    scale.

    Raises:
        QuantizationError: A value of the plan was not observed.
    """
    chooser = _Chooser(graph, plan, stats, target, choice)
    limited = limit_activations(graph, plan, chooser.run(), target, choice.pinned.keys())
    activations = limited.params
    smallest = max(target.min_scale, choice.min_weight_scale)
    weights = weight_params(graph, plan, choice.pinned, choice.weight_method, smallest)
    chosen = Chosen(
        params=activations,
        methods=chooser.methods
        | {name: f"{chooser.methods[name]}, shift limits" for name in limited.moved}
        | {
            name: "pinned"
            if name in choice.pinned
            else method_for(found.spec, choice.weight_method)
            for name, found in weights.values.items()
        },
        without_biases=ParamSet(
            values={**activations.values, **weights.values},
            edges={**activations.edges, **weights.edges},
        ),
    )
    return with_biases(chosen, graph, plan, target, choice)


def with_biases(
    chosen: Chosen, graph: GraphView, plan: QuantPlan, target: TargetSpec, choice: RangeChoice
) -> Chosen:
    """`chosen` for a `graph` that differs in its biases only: no range is searched again."""
    params = fit_biases(graph, plan, target, choice.pinned, chosen.without_biases)
    return replace(chosen, params=params)


class _Chooser:
    """Computes the parameters of one plan's activations; lives for the length of one call."""

    def __init__(
        self,
        graph: GraphView,
        plan: QuantPlan,
        stats: Mapping[str, TensorStats],
        target: TargetSpec,
        choice: RangeChoice,
    ) -> None:
        self._graph = graph
        self._plan = plan
        self._stats = stats
        self._target = target
        self._choice = choice
        self._values: dict[str, QuantParams] = {}
        self._edges: dict[Edge, QuantParams] = {}
        self.methods: dict[str, str] = {}

    def run(self) -> ParamSet:
        grouped = {value for group in self._plan.shared for value in group}
        singles = [{name} for name in self._plan.specs if name not in grouped]
        for group in (*self._plan.shared, *singles):
            members = sorted(group)
            if not self._is_weight(members[0]):
                self._choose_activation(members)
        for edge, spec in self._plan.conversions.items():
            if spec is not None and not self._graph.values[edge.value].is_constant:
                chosen = self._range(sources(self._graph, edge.value), spec, [edge.value])
                self._edges[edge] = self._params(chosen, spec)
        return ParamSet(values=self._values, edges=self._edges)

    def _is_weight(self, value: str) -> bool:
        return any(
            use.position in (traits(use.node).weight, traits(use.node).bias)
            for use in self._graph.uses(value)
            if self._graph.values[value].is_constant
        )

    def _choose_activation(self, members: list[str]) -> None:
        spec = self._plan.specs[members[0]]
        pinned = [name for name in members if name in self._choice.pinned]
        if pinned:
            params = self._choice.pinned[pinned[0]](spec)
            method = "pinned"
        else:
            roots = dict.fromkeys(s for name in members for s in sources(self._graph, name))
            chosen = self._range(list(roots), spec, members)
            params, method = self._params(chosen, spec), chosen.method
        for name in members:
            self._values[name] = params
            self.methods[name] = method

    def _range(self, roots: Iterable[str], spec: QuantSpec, members: list[str]) -> TensorRange:
        known = self._known_range(members, spec)
        if known is not None:
            return known
        method = next(
            (self._choice.overrides[name] for name in members if name in self._choice.overrides),
            self._choice.default,
        )
        seen = self._seen(list(roots), members, spec, weighed=method.definition.weighed)
        return self._with_fills(method.range_of(seen, spec), members)

    def _seen(
        self, roots: list[str], members: list[str], spec: QuantSpec, *, weighed: bool
    ) -> TensorStats:
        """Statistics of all `roots` as the range method of `members` is to see them."""
        stats = [self._stats_of(name) for name in roots]
        if len(members) == 1:
            limits = useful_interval(self._graph, members[0], spec.dtype.bits)
            stats = [clamp(found, *limits) for found in stats]
        if weighed:
            importance = [self._importance.get(name) for name in roots]
            tails = any(name in self._graph.output_names for name in members)
            tails = tails and not any(self._is_bounded(name) for name in roots)
            return outlook(
                [Part(*part) for part in zip(stats, importance, strict=True)], tails=tails
            )
        return stats[0] if len(stats) == 1 else reduce(merge, map(_without_channels, stats))

    @cached_property
    def _importance(self) -> Mapping[str, Channels]:
        return channel_importance(self._graph, self._stats)

    def _is_bounded(self, value: str) -> bool:
        node = self._graph.producers.get(value)
        return node is not None and node.op_type in _BOUNDED

    def _known_range(self, members: list[str], spec: QuantSpec) -> TensorRange | None:
        """A range that the operator itself guarantees (Softmax: 0..1), for values of their own.

        Facts state it for 8 bits, where it ends one step before the bound of the operator; so it
        does for other types, whose steps are others. Only where no rule names a method, and the
        samples reach at least half of it: attention over many tokens stays far below 1, and steps
        fit for 1 would round all of it to 0.
        """
        if len(members) != 1 or members[0] in self._choice.overrides:
            return None
        node = self._graph.producers.get(members[0])
        support = None if node is None else self._target.ops.get(node.op_type)
        if support is None or support.output_range is None:
            return None
        low, high = support.output_range
        seen = self._stats_of(members[0])
        if 2.0 * (seen.maximum - seen.minimum) < high - low:
            return None
        if spec.dtype.bits != 8:
            bound = high + (high - low) / 255.0
            high = bound - (bound - low) / 2.0**spec.dtype.bits
        return TensorRange(minimum=low, maximum=high, method="known")

    def _with_fills(self, chosen: TensorRange, members: list[str]) -> TensorRange:
        """The range widened by constants that Pad nodes write into one of `members`."""
        fills = [0.0]
        for name in members:
            node = self._graph.producers.get(name)
            if node is not None and node.op_type == "Pad":
                fill = node.constant_input(2)
                fills += [] if fill is None or fill.size == 0 else [float(fill.reshape(-1)[0])]
        return TensorRange(
            minimum=min(chosen.minimum, *fills),
            maximum=max(chosen.maximum, *fills),
            method=chosen.method,
        )

    def _stats_of(self, name: str) -> TensorStats:
        constant = self._graph.values[name].constant
        if constant is not None:
            return stats_of(np.asarray(constant, np.float32))
        found = self._stats.get(name)
        if found is None:
            raise QuantizationError(
                Code.INTERNAL, "A tensor of the plan was not observed", where=name
            )
        return found

    def _params(self, chosen: TensorRange, spec: QuantSpec) -> QuantParams:
        return params_from_range(chosen.minimum, chosen.maximum, spec, self._target.min_scale)


def _without_channels(stats: TensorStats) -> TensorStats:
    """`stats` without channels: what a Concat joins has different numbers of them."""
    none = np.zeros(0)
    return replace(stats, channel_abs_max=none.astype(np.float32), channel_sum=none)


def observed_values(graph: GraphView, skipped: Set[str]) -> tuple[str, ...]:
    """The values that a sweep must expose so that any plan finds its statistics.

    All float values but constants, what nodes that only move write (their elements are known), and
    `skipped`: values in front of an activation that every plan absorbs.
    """
    names = [value.name for value in graph.inputs]
    for node in graph.nodes:
        if traits(node).moves and data_inputs(node):
            continue
        names += [value.name for value in node.outputs]
    wanted = (name for name in names if name and name not in skipped)
    return tuple(name for name in wanted if graph.values[name].dtype == "float32")
