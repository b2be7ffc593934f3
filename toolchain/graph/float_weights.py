"""Float weights between dequantized inputs and quantized outputs, in a form that stays float.

onnxruntime's optimizer quantizes such weights by itself, to int8 with one scale per tensor
(WeightBiasQuantization): Conv, ConvTranspose and Gemm whose input is a DequantizeLinear with one
scale, whose output reaches a QuantizeLinear through nothing but Relu and Clip, whose weight is a
float constant and whose bias, if any, is a constant of one axis. A plan that leaves a weight in
float means float. A bias that is dequantized breaks the pattern, and stands for the same numbers:
every float32 is a 24-bit integer times a power of two.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from toolchain.core.operators import QUANTIZE, TRAITS
from toolchain.graph.attributes import int_of
from toolchain.graph.edit import add_initializer, insert_node
from toolchain.graph.tensors import constant_of

if TYPE_CHECKING:
    import onnx_ir as ir
    from numpy.typing import NDArray

    from toolchain.core.dtypes import Array

_WEIGHTED = frozenset({"Conv", "ConvTranspose", "Gemm"})
_TRANSPARENT = frozenset({"Relu", "Clip"}) | {name for name, known in TRAITS.items() if known.moves}
"""Operators that Q and DQ are looked for behind; onnxruntime moves the pairs past them."""
_SIGNIFICAND_BITS = 24
_SMALLEST_EXPONENT = -126


def protect_float_weights(model: ir.Model) -> None:
    """Give every node whose weights would be quantized a dequantized bias of equal value."""
    for node in list(model.graph):
        if node.domain != "" or node.op_type not in _WEIGHTED:
            continue
        weight = constant_of(node.inputs[1])
        between = _behind_dequantize(node.inputs[0]) and _before_quantize(node.outputs[0])
        if weight is None or not between:
            continue
        given = node.inputs[2] if len(node.inputs) > 2 else None
        bias = np.zeros(_channels(node, weight)) if given is None else constant_of(given)
        if bias is not None and bias.ndim == 1:
            _dequantize_bias(model, node, bias.astype(np.float32))


def exact_integers(bias: NDArray[np.float32]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Integers and powers of two, both of the shape of `bias`, whose products are `bias` exactly.

    Magnitudes below 2**-102 are rounded to multiples of 2**-126, so that every scale is a normal
    number.
    """
    significand, exponent = np.frexp(bias.astype(np.float64))
    exponent = np.where(significand == 0, _SIGNIFICAND_BITS, exponent) - _SIGNIFICAND_BITS
    exponent = np.maximum(exponent, _SMALLEST_EXPONENT)
    integers = np.rint(np.ldexp(bias.astype(np.float64), -exponent)).astype(np.int32)
    return integers, np.ldexp(1.0, exponent).astype(np.float32)


def _dequantize_bias(model: ir.Model, node: ir.Node, bias: NDArray[np.float32]) -> None:
    integers, scale = exact_integers(bias)
    prefix = f"{node.name}/float_bias"
    output = insert_node(
        node,
        "DequantizeLinear",
        [
            add_initializer(model, f"{prefix}/quantized", integers),
            add_initializer(model, f"{prefix}/scale", scale),
        ],
        f"{prefix}/dequantized",
        f"{prefix}/dequantize",
        {"axis": 0},
    )
    output.shape, output.dtype = _vector(bias.size)
    if len(node.inputs) < 3:
        node.resize_inputs(3)
    node.replace_input_with(2, output)


def _vector(size: int) -> tuple[ir.Shape, ir.DataType]:
    import onnx_ir as ir

    return ir.Shape((size,)), ir.DataType.FLOAT


def _channels(node: ir.Node, weight: Array) -> int:
    """Output channels of a node without bias."""
    if node.op_type == "Conv":
        return int(weight.shape[0])
    if node.op_type == "ConvTranspose":
        return int(weight.shape[1]) * int_of(node, "group", 1)
    return int(weight.shape[0 if int_of(node, "transB", 0) else 1])


def _behind_dequantize(value: ir.Value | None) -> bool:
    node = None if value is None else value.producer()
    while node is not None and node.op_type in _TRANSPARENT:
        value = node.inputs[0]
        node = None if value is None else value.producer()
    return node is not None and node.op_type == "DequantizeLinear"


def _before_quantize(value: ir.Value) -> bool:
    pending = [value]
    while pending:
        for use in pending.pop().uses():
            if use.node.op_type == QUANTIZE:
                return True
            if use.node.op_type in _TRANSPARENT:
                pending.extend(use.node.outputs)
    return False
