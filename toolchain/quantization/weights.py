"""Parameters of weights, and of the biases that follow from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from toolchain.calibration.ranges.weights import weight_range
from toolchain.core.graph_view import GraphView, NodeView, ValueView
from toolchain.core.operators import data_inputs, traits
from toolchain.core.quant import Edge, ParamSet, PerBlock, QuantParams, QuantPlan, QuantSpec
from toolchain.core.target import TargetSpec
from toolchain.numerics.affine import params_from_range
from toolchain.quantization.bias import bias_params, raise_to_bias
from toolchain.quantization.shift_limits import limited_bias, limited_weight

Pinned = Mapping[str, Callable[[QuantSpec], QuantParams]]
"""For each value whose parameters are given, the function from its spec to them."""


class _Weight(NamedTuple):
    """One node's constant weight: its value, the edge that reads it, and its spec."""

    node: NodeView
    value: ValueView
    edge: Edge
    spec: QuantSpec
    converted: bool

    def among(self, params: ParamSet) -> QuantParams:
        """Its parameters in `params`."""
        return params.edges[self.edge] if self.converted else params.values[self.value.name]


class _Bias(NamedTuple):
    """One node's constant bias: the edge that reads it, and its float32 numbers."""

    edge: Edge
    array: NDArray[np.float32]


def weight_params(
    graph: GraphView, plan: QuantPlan, pinned: Pinned, method: str, min_scale: float
) -> ParamSet:
    """Parameters of every weight of `plan`, biases apart: pinned, or chosen by `method`."""
    values: dict[str, QuantParams] = {}
    edges: dict[Edge, QuantParams] = {}
    for weight in _weights(graph, plan):
        name, spec = weight.value.name, weight.spec
        if not weight.converted and name in values:
            continue
        if name in pinned:
            params = pinned[name](spec)
        else:
            array = np.asarray(weight.value.constant, np.float32)
            low, high = weight_range(array, spec, method)
            params = params_from_range(low, high, spec, min_scale)
        if weight.converted:
            edges[weight.edge] = params
        else:
            values[name] = params
    return ParamSet(values=values, edges=edges)


def fit_biases(
    graph: GraphView, plan: QuantPlan, target: TargetSpec, pinned: Pinned, params: ParamSet
) -> ParamSet:
    """`params` with the biases of `plan` added, and weight scales raised where one would not fit.

    A weight that several nodes read gets a scale large enough for the biases of all of them. Pinned
    weights stay as they are, and so do those per block, whose biases are no integers. Where biases
    have scales of their own, weights and biases are brought within the target's shift limits
    instead.
    """
    if target.bias.own_scale:
        return _own_biases(graph, plan, target, pinned, params)
    values, edges = dict(params.values), dict(params.edges)
    for weight in _weights(graph, plan):
        bias, name = _bias(weight.node), weight.value.name
        if bias is None or name in pinned or isinstance(weight.spec.granularity, PerBlock):
            continue
        inputs = _input_params(weight.node, params)
        if weight.converted:
            old = edges[weight.edge]
            edges[weight.edge] = raise_to_bias(old, inputs, bias.array, target.bias)
        else:
            values[name] = raise_to_bias(values[name], inputs, bias.array, target.bias)
    raised = ParamSet(values=values, edges=edges)
    for weight in _weights(graph, plan):
        bias = _bias(weight.node)
        spec = None if bias is None else plan.conversions.get(bias.edge)
        if bias is not None and spec is not None:
            inputs = _input_params(weight.node, raised)
            edges[bias.edge] = bias_params(inputs, weight.among(raised), spec, bias.array.size)
    return ParamSet(values=values, edges=edges)


def _own_biases(
    graph: GraphView, plan: QuantPlan, target: TargetSpec, pinned: Pinned, params: ParamSet
) -> ParamSet:
    """`params` with weights that the shifts reach, and biases in scales of their own."""
    values, edges = dict(params.values), dict(params.edges)
    for weight in _weights(graph, plan):
        found, limits = weight.among(params), target.shift_limits
        inputs, result = (
            _input_params(weight.node, params),
            _output_params(weight.node, plan, params),
        )
        if limits is not None and result is not None and weight.value.name not in pinned:
            found = limited_weight(found, inputs, result, limits)
            if weight.converted:
                edges[weight.edge] = found
            else:
                values[weight.value.name] = found
        bias = _bias(weight.node)
        spec = None if bias is None else plan.conversions.get(bias.edge)
        if bias is None or spec is None:
            continue
        own = params_from_range(bias.array.min(), bias.array.max(), spec, target.min_scale)
        if limits is not None and result is not None:
            own = limited_bias(own, found, inputs, result, limits)
        edges[bias.edge] = own
    return ParamSet(values=values, edges=edges)


def _output_params(node: NodeView, plan: QuantPlan, params: ParamSet) -> QuantParams | None:
    """Parameters of what `node` writes, or None where that is float."""
    name = node.outputs[0].name
    return params.values.get(plan.fused.get(name, name))


def _weights(graph: GraphView, plan: QuantPlan) -> Iterator[_Weight]:
    """The stored constant weight of every node that has one, in graph order."""
    for node in graph.nodes:
        position = traits(node).weight
        value = None if position is None else node.input(position)
        if value is None or position is None or not value.is_constant:
            continue
        edge = Edge(value.name, node.name, position)
        converted = edge in plan.conversions
        spec = plan.conversions[edge] if converted else plan.specs.get(value.name)
        if spec is not None:
            yield _Weight(node, value, edge, spec, converted)


def _bias(node: NodeView) -> _Bias | None:
    position = traits(node).bias
    bias = None if position is None else node.input(position)
    if bias is None or position is None or bias.constant is None:
        return None
    return _Bias(Edge(bias.name, node.name, position), np.asarray(bias.constant, np.float32))


def _input_params(node: NodeView, params: ParamSet) -> QuantParams:
    position, value = data_inputs(node)[0]
    edge = Edge(value.name, node.name, position)
    return params.edges.get(edge) or params.values[value.name]
