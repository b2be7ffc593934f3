"""Stored weights against those of the float model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from toolchain.core.dtypes import Array
from toolchain.core.graph_view import GraphView, NodeView
from toolchain.core.operators import traits, weight_axis, weight_input
from toolchain.core.quant import QuantParams, Rounding
from toolchain.numerics.affine import dequantize
from toolchain.program.lowering.quantized import dequantized_values
from toolchain.quantization.qdq import channel_scales


class Weight(NamedTuple):
    """One weight of `node` in both forms, in units of the float model."""

    node: NodeView
    name: str
    params: QuantParams
    expected: Array
    actual: Array


def stored_weights(graph: GraphView, qdq: GraphView, rounding: Rounding) -> Iterator[Weight]:
    """Weights of the float model `graph` that `qdq` stores as integers, in graph order.

    Biases are left out: algorithms put more into them than what they were.
    """
    stored = dequantized_values(qdq, rounding)
    scales = channel_scales(qdq)
    for node in graph.nodes:
        weight, position = weight_input(node), traits(node).weight
        same = qdq.node_by_name.get(node.name)
        read = None if same is None or position is None else same.input(position)
        found = None if read is None else stored.get(read.name)
        if weight is None or weight.constant is None or found is None or found.constant is None:
            continue
        expected = np.asarray(weight.constant, np.float32)
        actual = dequantize(found.constant, found.params)
        if expected.shape == actual.shape:
            actual = _undivided(node, actual, scales)
            yield Weight(node, weight.name, found.params, expected, actual)


def _undivided(node: NodeView, weight: Array, scales: dict[str, Array]) -> Array:
    """The weight without what makes up for the division of the channels around it."""
    output = scales.get(node.outputs[0].name)
    given = None if node.inputs[0] is None else scales.get(node.inputs[0].name)
    axis = weight_axis(node)
    if output is not None:
        weight = weight * _along(output, axis, weight.ndim)
    if given is not None:
        depthwise = node.op_type == "Conv" and weight.shape[axis] == node.int_attribute("group", 1)
        weight = weight / _along(given, axis if depthwise else 1 - axis, weight.ndim)
    return np.asarray(weight, np.float32)


def _along(numbers: Array, axis: int, rank: int) -> Array:
    shape = [1] * rank
    shape[axis] = -1
    return numbers.reshape(shape)
