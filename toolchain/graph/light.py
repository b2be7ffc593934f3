"""The model as protobuf without its large weights, for onnx's own C++ functions.

They serialise what they are given, which costs copies of all weights and fails above 2 GB.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx
    import onnx_ir as ir

LARGE_BYTES = 1024
"""Larger constants hold weights, not shapes or axes."""


def light_proto(model: ir.Model) -> onnx.ModelProto:
    """Protobuf of `model` in which every constant above 1 KiB is a graph input instead."""
    import onnx_ir as ir

    light = model.clone()
    graph = light.graph
    for name, value in list(graph.initializers.items()):
        if value.const_value is not None and value.const_value.nbytes > LARGE_BYTES:
            value.shape = ir.Shape(value.const_value.shape.numpy())
            value.type = ir.TensorType(value.const_value.dtype)
            graph.initializers.pop(name)
            value.const_value = None
            if not value.is_graph_input():
                graph.inputs.append(value)
    return ir.serde.serialize_model(light)
