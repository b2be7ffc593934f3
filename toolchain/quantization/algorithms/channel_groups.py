"""Values whose channels can be scaled together without changing what the model computes.

If channel c of a value is divided by s[c], the weights that write it and those that read it make
up for that exactly, as long as everything between them is homogeneous: relu(x / s) = relu(x) / s
for s > 0, and so are maxima, means and sums of values divided by the same s.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass
from math import prod

from toolchain.core.dtypes import DType
from toolchain.core.graph_view import GraphView, NodeView, ValueView
from toolchain.core.operators import data_inputs, weight_input
from toolchain.core.quant import PerTensor, QuantPlan

_HOMOGENEOUS = frozenset(
    "Relu LeakyRelu MaxPool AveragePool GlobalAveragePool GlobalMaxPool Identity Dropout".split()
)
"""Operators of one data input that keep the channels apart and commute with positive factors."""

_FLATTENING = frozenset({"Flatten", "Reshape", "Squeeze"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelGroup:
    """Values that have their channels in common.

    Attributes:
        values: Names, in graph order.
        writers: Conv and Gemm nodes that compute one of them.
        readers: Conv and Gemm nodes that read one of them.
    """

    values: tuple[str, ...]
    writers: tuple[NodeView, ...]
    readers: tuple[NodeView, ...]


def channel_groups(graph: GraphView, plan: QuantPlan, pinned: Set[str]) -> tuple[ChannelGroup, ...]:
    """All groups between weights that are stored per channel, in graph order.

    A group is left out if one of its values is a model input or output, is pinned, is read or
    written by an operator that is not homogeneous, or if a weight or bias around it is shared or
    pinned.
    """
    return _Grouping(graph, plan, pinned).groups()


def is_depthwise(node: NodeView) -> bool:
    """True for a Conv in which every channel is computed from the channel of the same number."""
    weight, groups = weight_input(node), node.int_attribute("group", 1)
    shape = None if weight is None else weight.static_shape
    return node.op_type == "Conv" and groups > 1 and shape is not None and shape[:2] == (groups, 1)


class _Grouping:
    """Unites values over homogeneous nodes and bars what stands in the way."""

    def __init__(self, graph: GraphView, plan: QuantPlan, pinned: Set[str]) -> None:
        self._graph = graph
        self._plan = plan
        self._pinned = pinned
        self._parent: dict[str, str] = {}
        self._barred: set[str] = {value.name for value in (*graph.inputs, *graph.outputs)}
        self._barred |= pinned

    def groups(self) -> tuple[ChannelGroup, ...]:
        """Visit every node, then collect the values that ended up together."""
        for node in self._graph.nodes:
            self._visit(node)
        members: dict[str, list[str]] = {}
        for value in self._parent:
            members.setdefault(self._find(value), []).append(value)
        found = (self._group(names) for names in members.values() if self._is_free(names))
        return tuple(group for group in found if group.writers and group.readers)

    def _is_free(self, names: list[str]) -> bool:
        return not any(name in self._barred for name in names)

    def _group(self, names: list[str]) -> ChannelGroup:
        writers = [self._graph.producers[name] for name in names]
        readers = [use.node for name in names for use in self._graph.uses(name)]
        return ChannelGroup(
            values=tuple(names),
            writers=tuple(node for node in writers if weight_input(node) is not None),
            readers=tuple(node for node in readers if weight_input(node) is not None),
        )

    def _visit(self, node: NodeView) -> None:
        """Unite the values of `node` that scale together; bar all others."""
        united = list(self._united(node))
        for value in united:
            self._parent[self._find(value.name)] = self._find(united[0].name)
        free = {value.name for value in united}
        if self._is_linear(node):
            # Input and output scale each for itself.
            free = {node.inputs[0].name, node.outputs[0].name} if node.inputs[0] else set()
            for name in free:
                self._find(name)
        values = (value for value in (*node.inputs, *node.outputs) if value is not None)
        self._barred |= {value.name for value in values if value.name not in free}

    def _united(self, node: NodeView) -> Iterator[ValueView]:
        """The values of `node` that scale together, or none."""
        result, data = node.outputs[0], [value for _, value in data_inputs(node)]
        if (
            len(node.outputs) > 1
            or result.dtype is not DType.FLOAT32
            or any(value.is_constant for value in data)
        ):
            return
        shape = result.static_shape or ()
        if node.op_type in _HOMOGENEOUS or (
            node.op_type in ("Add", "Sub") and all(value.static_shape == shape for value in data)
        ):
            yield from (*data, result)
        elif node.op_type in _FLATTENING:
            before = data[0].static_shape or ()
            if len(shape) == 2 and before[:2] == shape and set(before[2:]) <= {1}:
                yield from (data[0], result)
        elif node.op_type == "Mul":
            # The factor that is broadcast is a gate and keeps its size.
            full = [value for value in data if value.static_shape == shape]
            if len(full) == 1:
                yield from (full[0], result)

    def _is_linear(self, node: NodeView) -> bool:
        """True for a Conv or Gemm whose weights can take up factors of input and output."""
        weight, bias = weight_input(node), node.input(2)
        if node.op_type not in ("Conv", "Gemm") or weight is None:
            return False
        spec = self._plan.specs.get(weight.name)
        own = [weight] if bias is None else [weight, bias]
        if bias is not None and bias.static_shape is not None:
            channels = (node.outputs[0].shape or (0, 0))[1]
            if prod(bias.static_shape) != channels:
                return False
        plain = (
            node.int_attribute("group", 1) == 1
            and node.float_attribute("alpha", 1.0) == node.float_attribute("beta", 1.0) == 1.0
            and node.int_attribute("transA", 0) == 0
        )
        return (
            (plain or is_depthwise(node))
            and spec is not None
            and not isinstance(spec.granularity, PerTensor)
            and all(
                value.is_constant
                and value.name not in self._pinned
                and len(self._graph.uses(value.name)) == 1
                for value in own
            )
        )

    def _find(self, value: str) -> str:
        while self._parent.setdefault(value, value) != value:
            value = self._parent[value]
        return value
