"""How much work and how many weights a node has."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from toolchain.core.graph_view import NodeView


def macs(node: NodeView) -> int:
    """Multiply-accumulates of Conv, ConvTranspose, Gemm and MatMul; 0 for others.

    Conv: output elements times the kernel elements of one output channel. ConvTranspose: the same
    with input elements. Gemm and MatMul: output elements times the inner dimension. 0 where a shape
    is unknown.
    """
    data, weight = node.input(0), node.input(1)
    data_shape = None if data is None else data.static_shape
    weight_shape = None if weight is None else weight.static_shape
    output_shape = node.outputs[0].static_shape
    if data_shape is None or weight_shape is None or output_shape is None:
        return 0
    match node.op_type:
        case "Conv":
            return math.prod(output_shape) * math.prod(weight_shape[1:])
        case "ConvTranspose":
            return math.prod(data_shape) * math.prod(weight_shape[1:])
        case "Gemm":
            inner = data_shape[0 if node.int_attribute("transA", 0) else 1]
            return math.prod(output_shape) * inner
        case "MatMul":
            return math.prod(output_shape) * data_shape[-1]
    return 0


def weight_bytes(node: NodeView) -> int:
    """Bytes of all constants that `node` reads, in their stored types, 4-bit ones packed."""
    constants = {value.name: value for value in node.inputs if value is not None}
    return sum(
        (value.constant.size * value.dtype.bits + 7) // 8
        for value in constants.values()
        if value.constant is not None and value.dtype is not None
    )
