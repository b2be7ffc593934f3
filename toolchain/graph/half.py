"""Models in 16-bit floats become models in float32, in which everything behind them computes.

Every 16-bit float is a float32 exactly, so that weights keep their numbers. What is computed no
longer rounds to 16 bits in between: results are those that the 16-bit model approximates.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from toolchain.graph.tensors import tensor_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    import onnx_ir as ir

_TYPE_ATTRIBUTES = ("to", "dtype", "output_dtype")
"""Attributes that name an element type."""


def count_halves(model: ir.Model) -> int:
    """How many values of `model` are known to be 16-bit floats, constants included."""
    return sum(value.dtype in _half_types() for value in _values(model))


def widen_half(model: ir.Model) -> None:
    """Turn float16 and bfloat16 into float32 everywhere.

    Inputs and outputs keep their names and are float32, too.
    """
    import onnx_ir as ir

    half = _half_types()
    for value in _values(model):
        if value.dtype not in half:
            continue
        value.type = ir.TensorType(ir.DataType.FLOAT)
        if value.const_value is not None:
            value.const_value = _widened(value.const_value)
    for node in model.graph.all_nodes():
        for name, attribute in list(node.attributes.items()):
            if attribute.type is ir.AttributeType.TENSOR and attribute.as_tensor().dtype in half:
                node.attributes.add(ir.AttrTensor(name, _widened(attribute.as_tensor())))
            elif name in _TYPE_ATTRIBUTES and attribute.value in half:
                node.attributes.add(ir.AttrInt64(name, ir.DataType.FLOAT))


def _half_types() -> tuple[ir.DataType, ...]:
    import onnx_ir as ir

    return ir.DataType.FLOAT16, ir.DataType.BFLOAT16


def _values(model: ir.Model) -> Iterator[ir.Value]:
    """Inputs, constants and results of all graphs, each once."""
    for graph in model.graphs():
        found = {id(value): value for value in graph.inputs}
        found |= {id(value): value for value in graph.initializers.values()}
        found |= {id(value): value for node in graph for value in node.outputs}
        yield from found.values()


def _widened(tensor: ir.TensorProtocol) -> ir.TensorProtocol:
    wide = tensor_of(tensor.numpy().astype(np.float32))
    wide.name = tensor.name
    return wide
