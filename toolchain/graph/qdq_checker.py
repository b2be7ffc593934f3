"""Whether a QDQ model runs on integers wherever it was meant to."""

from __future__ import annotations

from collections.abc import Collection

from toolchain.core.dtypes import DType
from toolchain.core.graph_view import GraphView, NodeView, ValueView
from toolchain.core.operators import DEQUANTIZE, QUANTIZE, data_inputs, weight_input

_ABSORBED = frozenset({"Relu", "Clip"})
_ACCUMULATING = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})
"""Operators whose integer accumulator may be handed out in float."""


def unasked_float_nodes(graph: GraphView, allowed: Collection[str]) -> tuple[NodeView, ...]:
    """Nodes of a QDQ graph that compute in float although they are not among `allowed`, in order.

    A node runs on integers if everything it reads as data, its weight included, is dequantized and
    its results are quantized at once, Relu and Clip in between being absorbed. Convolutions and
    matrix products may hand out their accumulator in float. Nodes that read no float32 data
    (shapes, indices) do not count.
    """
    return tuple(
        node
        for node in graph.nodes
        if node.op_type not in (QUANTIZE, DEQUANTIZE)
        and node.name not in allowed
        and any(value.dtype is DType.FLOAT32 for _, value in data_inputs(node))
        and not (_reads_integers(graph, node) and _writes_integers(graph, node))
    )


def _reads_integers(graph: GraphView, node: NodeView) -> bool:
    weight = weight_input(node)
    values = [value for _, value in data_inputs(node)] + ([] if weight is None else [weight])
    return all(_is_dequantized(graph, value) for value in values) or _is_absorbed(graph, node)


def _is_dequantized(graph: GraphView, value: ValueView) -> bool:
    producer = graph.producers.get(value.name)
    return producer is not None and producer.op_type == "DequantizeLinear"


def _is_absorbed(graph: GraphView, node: NodeView) -> bool:
    """True for a Relu or Clip that is the only reader of an operator that reads integers."""
    value = node.inputs[0]
    producer = None if value is None else graph.producers.get(value.name)
    if node.op_type not in _ABSORBED or value is None or producer is None:
        return False
    alone = len(graph.uses(value.name)) == 1 and value.name not in graph.output_names
    return (
        alone
        and producer.op_type not in (QUANTIZE, DEQUANTIZE)
        and _reads_integers(graph, producer)
    )


def _writes_integers(graph: GraphView, node: NodeView) -> bool:
    return all(
        _ends_in_integers(graph, node, value)
        for value in node.outputs
        if value.name and value.dtype is DType.FLOAT32
    )


def _ends_in_integers(graph: GraphView, node: NodeView, value: ValueView) -> bool:
    uses = graph.uses(value.name)
    if node.op_type in _ACCUMULATING:
        return True
    if value.name in graph.output_names or len(uses) != 1:
        return False
    reader = uses[0].node
    if reader.op_type in _ABSORBED and node.op_type not in _ABSORBED:
        return _writes_integers(graph, reader)
    return reader.op_type == QUANTIZE
