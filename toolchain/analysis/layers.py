"""Where a model is cut into layers, and which nodes of the float model make up each of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from toolchain.analysis.stored import Stored, along_channels, stored_tensors
from toolchain.core.dtypes import Array
from toolchain.core.graph_view import GraphView, NodeView, ValueView
from toolchain.core.quant import QuantParams
from toolchain.graph.layers import Cut
from toolchain.program.records import Program
from toolchain.quantization.qdq import channel_scales

INPUT = "Input"
"""Operator type of the layer that does nothing but quantize a model input."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Layer:
    """What computes one tensor that the float model, the QDQ model and the program all have.

    Attributes:
        cut: The tensor.
        tensor: Name in the program: its integers, or a float tensor.
        params: How it is stored; None where it stays float.
        value: The tensor in the float model.
        nodes: Nodes of the float model, in graph order; none for a model input.
        reads: Tensors of other layers that these nodes read, by their names in the float model.
    """

    cut: Cut
    tensor: str
    params: QuantParams | None
    value: ValueView
    nodes: tuple[NodeView, ...]
    reads: tuple[str, ...]

    @property
    def name(self) -> str:
        """Name of the tensor in the float model."""
        return self.cut.value

    @property
    def operator(self) -> str:
        """Name of its first node, which others are fused into; that of a model input."""
        return self.nodes[0].name if self.nodes else self.name

    @property
    def op_type(self) -> str:
        """Operator types of its nodes, as in "Conv+Relu"."""
        return "+".join(dict.fromkeys(node.op_type for node in self.nodes)) or INPUT

    @property
    def scales(self) -> Array | None:
        """What its channels are divided by, shaped to broadcast."""
        found, rank = self.cut.scales, len(self.value.shape or ())
        return None if found is None else along_channels(found, rank)


def find_layers(graph: GraphView, qdq: GraphView, program: Program) -> tuple[Layer, ...]:
    """The layers of the float model `graph`, in its order.

    Cut is at every float tensor that the program keeps, so that what a target fuses is one layer.
    """
    scales = channel_scales(qdq)
    stored = {item.name: item for item in stored_tensors(qdq, program)}
    cuts = {
        name
        for name, value in graph.values.items()
        if not value.is_constant and (name in stored or _is_kept(name, qdq, program))
    }
    order = [value.name for value in graph.inputs]
    order += [value.name for node in graph.nodes for value in node.outputs]
    return tuple(
        _layer(graph, graph.values[name], stored.get(name), scales, cuts)
        for name in order
        if name in cuts and _is_real(graph.values[name]) and _changes(name, graph, stored)
    )


def _is_kept(name: str, qdq: GraphView, program: Program) -> bool:
    return name in qdq.values and name in program.tensors


def _is_real(value: ValueView) -> bool:
    return value.dtype is not None and value.dtype.is_float


def _changes(name: str, graph: GraphView, stored: Mapping[str, Stored]) -> bool:
    """False for a model input that nobody quantizes: there is nothing to compare."""
    return name in stored or name in graph.producers


def _layer(
    graph: GraphView,
    value: ValueView,
    stored: Stored | None,
    scales: Mapping[str, Array],
    cuts: set[str],
) -> Layer:
    nodes, reads = _region(graph, value.name, cuts)
    name = value.name
    return Layer(
        cut=Cut(
            value=name,
            quantized=name if stored is None else stored.dequantized,
            scales=scales.get(name),
        ),
        tensor=name if stored is None else stored.integers,
        params=None if stored is None else stored.params,
        value=value,
        nodes=nodes,
        reads=reads,
    )


def _region(
    graph: GraphView, name: str, cuts: set[str]
) -> tuple[tuple[NodeView, ...], tuple[str, ...]]:
    """The nodes between `name` and the nearest cuts in front of it, and these cuts."""
    nodes: set[str] = set()
    reads: dict[str, None] = {}
    pending = [name]
    while pending:
        node = graph.producers.get(pending.pop())
        if node is None or node.name in nodes:
            continue
        nodes.add(node.name)
        for value in node.inputs:
            if value is not None and value.name in cuts:
                reads.setdefault(value.name)
            elif value is not None:
                pending.append(value.name)
    return tuple(node for node in graph.nodes if node.name in nodes), tuple(reads)
