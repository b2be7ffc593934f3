"""From statistics and a plan to the numbers: one range per tensor or group, then its parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass, field, replace
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from toolchain.calibration.ranges.weights import weight_range
from toolchain.calibration.statistics import merge, stats_of
from toolchain.core.dtypes import Array
from toolchain.core.graph_view import GraphView, NodeView
from toolchain.core.operators import data_inputs, traits
from toolchain.core.quant import Edge, ParamSet, PerChannel, QuantParams, QuantPlan, QuantSpec
from toolchain.core.registry import RangeMethodDef
from toolchain.core.stats import TensorRange, TensorStats
from toolchain.core.target import TargetSpec
from toolchain.errors import Code, QuantizationError
from toolchain.numerics.affine import params_from_range
from toolchain.quantization.bias import bias_params, raise_to_bias
from toolchain.quantization.groups import sources
from toolchain.quantization.useful import clamp, useful_interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """A range method and the percentile it is called with."""

    definition: RangeMethodDef
    percentile: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RangeChoice:
    """How ranges are chosen.

    Attributes:
        default: Method of activations.
        overrides: Method of single values, from rules.
        weight_method: "minmax" or "mse".
        pinned: Parameters that are not to be computed: pins and what the model brought along.
    """

    default: Method
    overrides: Mapping[str, Method] = field(default_factory=dict)
    weight_method: str = "mse"
    pinned: Mapping[str, Callable[[QuantSpec], QuantParams]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Chosen:
    """Parameters, and which method chose each value's range."""

    params: ParamSet
    methods: Mapping[str, str]


def choose_params(
    graph: GraphView,
    plan: QuantPlan,
    stats: Mapping[str, TensorStats],
    target: TargetSpec,
    choice: RangeChoice,
) -> Chosen:
    """Parameters of every stored value, weight, conversion and bias of `plan`.

    Activations of one shared group get one range from the merged statistics of all values whose
    elements they hold. A weight channel whose bias would not fit the accumulator gets a larger scale.

    Raises:
        QuantizationError: A value of the plan was not observed.
    """
    return _Chooser(graph, plan, stats, target, choice).run()


class _Chooser:
    """Computes the parameters of one plan; lives for the length of one call."""

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
        self._methods: dict[str, str] = {}

    def run(self) -> Chosen:
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
        for node in self._graph.nodes:
            self._choose_weight(node)
        for node in self._graph.nodes:
            self._choose_bias(node)
        return Chosen(
            params=ParamSet(values=self._values, edges=self._edges), methods=self._methods
        )

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
            self._methods[name] = method

    def _range(self, roots: Iterable[str], spec: QuantSpec, members: list[str]) -> TensorRange:
        known = self._known_range(members)
        if known is not None:
            return known
        merged = reduce(merge, [_without_channels(self._stats_of(name)) for name in roots])
        if len(members) == 1:
            merged = clamp(merged, *useful_interval(self._graph, members[0]))
        method = next(
            (self._choice.overrides[name] for name in members if name in self._choice.overrides),
            self._choice.default,
        )
        chosen = method.definition.function(merged, spec, method.percentile)
        return self._with_fills(chosen, members)

    def _known_range(self, members: list[str]) -> TensorRange | None:
        """A range that the operator itself guarantees (Softmax: 0..1), for values of their own."""
        if len(members) != 1:
            return None
        node = self._graph.producers.get(members[0])
        support = None if node is None else self._target.ops.get(node.op_type)
        if support is None or support.output_range is None:
            return None
        low, high = support.output_range
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

    def _choose_weight(self, node: NodeView) -> None:
        """Scales of the weight, large enough for the bias of every node that reads it."""
        position = traits(node).weight
        weight = None if position is None else node.input(position)
        if weight is None or position is None or weight.constant is None:
            return
        edge = Edge(weight.name, node.name, position)
        converted = edge in self._plan.conversions
        spec = self._plan.conversions[edge] if converted else self._plan.specs.get(weight.name)
        if spec is None:
            return
        params = None if converted else self._values.get(weight.name)
        if params is None:
            params = self._weight_params(weight.name, weight.constant, spec)
        bias = self._bias(node)
        if bias is not None and weight.name not in self._choice.pinned:
            params = raise_to_bias(params, self._input_params(node), bias, self._target.bias)
        if converted:
            self._edges[edge] = params
        else:
            self._values[weight.name] = params

    def _choose_bias(self, node: NodeView) -> None:
        """Scale of the bias, which follows from those of input and weight."""
        known = traits(node)
        if known.bias is None or known.weight is None or self._bias(node) is None:
            return
        bias, weight = node.input(known.bias), node.input(known.weight)
        if bias is None or bias.constant is None or weight is None:
            return
        edge = Edge(bias.name, node.name, known.bias)
        spec = self._plan.conversions.get(edge)
        if spec is not None:
            weight_edge = Edge(weight.name, node.name, known.weight)
            weight_params = self._edges.get(weight_edge) or self._values[weight.name]
            self._edges[edge] = bias_params(
                self._input_params(node), weight_params, spec, bias.constant.size
            )

    def _bias(self, node: NodeView) -> NDArray[np.float32] | None:
        position = traits(node).bias
        bias = None if position is None else node.constant_input(position)
        return None if bias is None else np.asarray(bias, np.float32)

    def _weight_params(self, name: str, array: Array, spec: QuantSpec) -> QuantParams:
        if name in self._choice.pinned:
            self._methods[name] = "pinned"
            return self._choice.pinned[name](spec)
        axis = spec.granularity.axis if isinstance(spec.granularity, PerChannel) else None
        low, high = weight_range(
            np.asarray(array, np.float32), axis, spec, self._choice.weight_method
        )
        self._methods[name] = self._choice.weight_method
        return params_from_range(low, high, spec, self._target.min_scale)

    def _input_params(self, node: NodeView) -> QuantParams:
        position, value = data_inputs(node)[0]
        edge = Edge(value.name, node.name, position)
        return self._edges.get(edge) or self._values[value.name]


def _without_channels(stats: TensorStats) -> TensorStats:
    """`stats` as of a tensor without channels: what a Concat joins has different numbers of them."""
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
