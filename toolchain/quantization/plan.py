"""Which value is stored in which spec: the plan, from the graph and the target's facts.

A node runs on integers if the target knows its operator, no constraint forbids it and no rule asks
for float; what it reads is then converted at the edge where it is not stored that way. Everything
else is a float island.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from toolchain.core.dtypes import DType
from toolchain.core.graph_view import GraphView, NodeView, ValueView
from toolchain.core.operators import (
    data_inputs,
    reduction_axis,
    traits,
    weight_axis,
    weight_input,
)
from toolchain.core.quant import (
    Edge,
    Granularity,
    PerBlock,
    PerChannel,
    PerTensor,
    QuantParams,
    QuantPlan,
    QuantSpec,
)
from toolchain.core.target import Support, TargetSpec
from toolchain.quantization.fusion import fused_values
from toolchain.quantization.groups import shared_groups
from toolchain.quantization.precision import NodePrecision

ACCUMULATING = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})
"""Operators whose integer accumulator can be handed out in float."""

_DEFAULT = NodePrecision()


def make_plan(
    graph: GraphView,
    target: TargetSpec,
    *,
    bias_dtype: DType,
    input_dtype: DType | None = None,
    fixed: Mapping[str, QuantParams] | None = None,
    precision: Mapping[str, NodePrecision] | None = None,
) -> QuantPlan:
    """The plan for `graph` on `target`.

    Args:
        graph: The float graph.
        target: Facts of the hardware, with the types of activations and weights as chosen.
        bias_dtype: INT32, or FLOAT32 for biases that stay in float.
        input_dtype: How model inputs are stored; None: as other activations, FLOAT32: not at all.
        fixed: Parameters that the model brought along; their values are stored in just that way.
        precision: What is asked of single nodes, by name.
    """
    types = _Types(input_dtype, bias_dtype)
    return _Planner(graph, target, types, fixed or {}, precision or {}).plan()


def runs_on_integers(node: NodeView, target: TargetSpec, precision: NodePrecision) -> bool:
    """True if the target can run `node` on integers and neither rule nor cut asks for float."""
    asked = (precision.input_dtype, precision.weight_dtype)
    if precision.behind_cut or DType.FLOAT32 in asked:
        return False
    if precision.output_dtype is DType.FLOAT32 and node.op_type not in ACCUMULATING:
        return False
    data = [value for _, value in data_inputs(node)]
    if not data or any(value.dtype is not DType.FLOAT32 for value in data):
        return False
    real = all(out.dtype is DType.FLOAT32 for out in node.outputs if out.name)
    if not real and not traits(node).counts:
        return False
    if all(value.is_constant for value in data):
        return False
    return not target.violations(node)


class _Types(NamedTuple):
    """Types that are no property of single nodes."""

    input: DType | None
    bias: DType


class _Planner:
    """Builds one plan; lives for the length of one call."""

    def __init__(
        self,
        graph: GraphView,
        target: TargetSpec,
        types: _Types,
        fixed: Mapping[str, QuantParams],
        precision: Mapping[str, NodePrecision],
    ) -> None:
        self._graph = graph
        self._target = target
        self._types = types
        self._fixed = fixed
        self._precision = precision
        self._specs: dict[str, QuantSpec] = {}
        self._conversions: dict[Edge, QuantSpec | None] = {}
        self._integer_edges: set[Edge] = set()
        self._integer = frozenset(
            node.name
            for node in graph.nodes
            if runs_on_integers(node, target, precision.get(node.name, _DEFAULT))
        )
        self._fused = fused_values(graph, target, self._integer, precision, self._fixed)

    def plan(self) -> QuantPlan:
        """Visit inputs, then nodes in order, then tie the values that must share parameters."""
        for value in self._graph.inputs:
            stored = self._types.input is not DType.FLOAT32 or value.name in self._fixed
            if stored and value.dtype is DType.FLOAT32 and self._read_by_integers(value.name):
                self._store(value.name, self._activation(self._types.input))
        moving: list[NodeView] = []
        for node in self._graph.nodes:
            if node.name in self._integer and self._is_move(node):
                if self._plan_move(node):
                    moving.append(node)
            else:
                self._plan_compute(node)
        return QuantPlan(
            specs=self._specs,
            conversions={**self._conversions, **self._float_edges()},
            shared=shared_groups(moving, self._specs, frozenset(self._fixed)),
            fused=self._fused,
        )

    def _float_edges(self) -> dict[Edge, None]:
        """Who reads a stored constant in float, because it shares it with a node on integers."""
        constants = (name for name in self._specs if self._graph.values[name].is_constant)
        edges = (
            Edge(name, use.node.name, use.position)
            for name in constants
            for use in self._graph.uses(name)
        )
        return {edge: None for edge in edges if edge not in self._integer_edges}

    def _is_move(self, node: NodeView) -> bool:
        return traits(node).moves and self._target.ops[node.op_type].support is Support.MOVE

    def _read_by_integers(self, value: str) -> bool:
        return any(use.node.name in self._integer for use in self._graph.uses(value))

    def _store(self, value: str, spec: QuantSpec) -> None:
        known = self._fixed.get(value)
        self._specs[value] = spec if known is None else known.spec

    def _activation(self, dtype: DType | None) -> QuantSpec:
        default = self._target.activation
        return default if dtype is None else replace(default, dtype=dtype)

    def _plan_move(self, node: NodeView) -> bool:
        """Outputs are stored as the inputs are; False where all inputs are float."""
        inputs = [value for _, value in data_inputs(node)]
        stored = [
            self._specs[v.name] for v in inputs if v.name in self._specs and not v.is_constant
        ]
        if not stored:
            return False
        asked = self._precision.get(node.name, _DEFAULT).input_dtype
        spec = stored[0] if asked is None else replace(stored[0], dtype=asked)
        self._read(node, spec)
        for output in node.outputs:
            if output.name:
                self._store(output.name, spec)
        return True

    def _plan_compute(self, node: NodeView) -> None:
        asked = self._precision.get(node.name, _DEFAULT)
        if node.name in self._integer:
            self._read(node, self._activation(asked.input_dtype))
            self._plan_weight(node, asked)
        explicit = asked.output_dtype is not None and asked.output_dtype is not DType.FLOAT32
        in_float = asked.output_dtype is DType.FLOAT32 or (
            node.name not in self._integer and not explicit
        )
        for output in node.outputs:
            fixed = output.name in self._fixed
            if not output.name or output.name in self._fused or output.dtype is not DType.FLOAT32:
                continue
            if fixed or not in_float:
                self._store(output.name, self._activation(asked.output_dtype))

    def _bias_spec(self) -> QuantSpec:
        if not self._target.bias.own_scale:
            return QuantSpec(dtype=self._types.bias, symmetric=True, granularity=PerChannel(0))
        return replace(self._target.weight, dtype=self._types.bias, granularity=PerTensor())

    def _read(self, node: NodeView, spec: QuantSpec) -> None:
        """Make every data input of `node` arrive as integers of `spec`'s type."""
        for position, value in data_inputs(node):
            if value.name in self._fused:
                continue
            edge = Edge(value.name, node.name, position)
            if value.is_constant:
                self._read_constant(edge, value, spec)
                continue
            stored = self._specs.get(value.name)
            asked = self._precision.get(node.name, _DEFAULT).input_dtype
            if stored is None or (asked is not None and stored.dtype is not asked):
                self._conversions[edge] = spec

    def _read_constant(self, edge: Edge, value: ValueView, spec: QuantSpec) -> None:
        self._integer_edges.add(edge)
        known = self._specs.setdefault(value.name, self._fixed_spec(value.name) or spec)
        if known != spec and value.name not in self._fixed:
            self._conversions[edge] = spec

    def _fixed_spec(self, value: str) -> QuantSpec | None:
        known = self._fixed.get(value)
        return None if known is None else known.spec

    def _plan_weight(self, node: NodeView, asked: NodePrecision) -> None:
        weight, known = weight_input(node), traits(node)
        if weight is None or known.weight is None:
            return
        spec = self._target.weight
        if asked.weight_dtype is not None:
            spec = replace(spec, dtype=asked.weight_dtype)
        spec = replace(spec, granularity=self._weight_granularity(node, weight, spec))
        edge = Edge(weight.name, node.name, known.weight)
        self._read_constant(edge, weight, spec)
        stored = self._conversions.get(edge) or self._specs[weight.name]
        bias = None if known.bias is None else node.input(known.bias)
        if bias is None or known.bias is None or not bias.is_constant:
            return
        # Products of weights per block are summed in float, and so is their bias.
        in_blocks = isinstance(stored.granularity, PerBlock)
        if self._types.bias is not DType.FLOAT32 and not in_blocks:
            edge = Edge(bias.name, node.name, known.bias)
            self._integer_edges.add(edge)
            self._conversions[edge] = self._bias_spec()

    def _weight_granularity(
        self, node: NodeView, weight: ValueView, spec: QuantSpec
    ) -> Granularity:
        """As the target has it, along the axes of this node; blocks only of 4 bits.

        A weight whose input channels fit one block has one scale per output channel, and so has
        that of a transposed convolution, whose products are not summed channel by channel.
        """
        match self._target.weight.granularity:
            case PerTensor():
                return PerTensor()
            case PerBlock(_, size) if spec.dtype.bits == 4 and node.op_type != "ConvTranspose":
                axis = reduction_axis(node)
                length = 0 if weight.constant is None else weight.constant.shape[axis]
                return PerBlock(axis, size) if length > size else PerChannel(weight_axis(node))
            case _:
                return PerChannel(weight_axis(node))
