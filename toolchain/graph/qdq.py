"""The QDQ form: writing it from parameters, and taking it out of models that bring it along.

Behind every stored activation `v` stand QuantizeLinear and DequantizeLinear; the raw value is
renamed `v/float`, the integers are `v/quantized`, and `v` is what everybody reads: the name keeps
its meaning, now with quantization. A model input keeps its own name and `v/dequantized` is read
instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import onnx_ir as ir

from toolchain.core.artifacts import ModelArtifact
from toolchain.core.dtypes import Array, DType
from toolchain.core.quant import Edge, PerBlock, PerChannel, QuantParams
from toolchain.graph.edit import replace_constant
from toolchain.graph.float_weights import protect_float_weights
from toolchain.graph.save import read, save_model
from toolchain.graph.tensors import data_type_of, tensor_of


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StoredConstant:
    """One initializer as integers, for the edges that read it that way.

    Attributes:
        value: Name of the float initializer.
        name: Prefix of what is written; differs from `value` where edges need different integers.
        integers: The quantized array, in the numpy type of the dtype of `params`.
        params: Scale and zero point.
        edges: Who reads it.
    """

    value: str
    name: str
    integers: Array
    params: QuantParams
    edges: tuple[Edge, ...]


def write_qdq(
    source: Path,
    destination: Path,
    *,
    activations: Mapping[str, QuantParams],
    constants: Iterable[StoredConstant],
    conversions: Mapping[Edge, QuantParams],
    replaced: Mapping[str, Array],
    metadata: Mapping[str, str],
) -> ModelArtifact:
    """Write the float model `source` with Q/DQ at the given places.

    Args:
        source: Float model.
        destination: The QDQ model.
        activations: Stored values that are no constants.
        constants: Stored initializers.
        conversions: Edges that read an activation in other parameters than it is stored in.
        replaced: New float arrays of initializers.
        metadata: What must travel with the model; keys begin with `tc.`.
    """
    model = read(source)
    writer = _Writer(model)
    for name, array in replaced.items():
        replace_constant(model, name, array)
    for name, params in activations.items():
        writer.store_activation(name, params)
    for constant in constants:
        writer.store_constant(constant)
    for edge, params in conversions.items():
        writer.convert_edge(edge, params)
    protect_float_weights(model)
    writer.drop_unread_initializers()
    model.metadata_props.update(metadata)
    model.graph.sort()
    return save_model(model, destination)


def _granularity(params: QuantParams) -> dict[str, int]:
    """Attributes of Q and DQ that say which elements share a scale."""
    match params.spec.granularity:
        case PerChannel(axis) if params.scale.ndim == 1:
            return {"axis": axis}
        case PerBlock(axis, size):
            return {"axis": axis, "block_size": size}
        case _:
            return {}


class _Writer:
    """Inserts Q/DQ into one model."""

    def __init__(self, model: ir.Model) -> None:
        self._graph = model.graph
        self._nodes = {node.name: node for node in model.graph}
        self._values: dict[str, ir.Value] = {v.name: v for v in model.graph.inputs if v.name}
        self._values |= {v.name: v for node in model.graph for v in node.outputs if v.name}

    def store_activation(self, name: str, params: QuantParams) -> None:
        """Put Q and DQ behind a value, for all who read it."""
        value = self._values[name]
        uses = [(use.node, use.idx) for use in value.uses()]
        is_input = value.is_graph_input()
        if not is_input:
            value.name = f"{name}/float"
        behind = self._pair(value, name, params, name if not is_input else f"{name}/dequantized")
        for node, index in uses:
            node.replace_input_with(index, behind)
        if value.is_graph_output() and not is_input:
            outputs = self._graph.outputs
            outputs[outputs.index(value)] = behind
        self._values[name] = behind

    def convert_edge(self, edge: Edge, params: QuantParams) -> None:
        """Put Q and DQ on one edge, behind whatever it reads now."""
        node = self._nodes[edge.node]
        value = node.inputs[edge.position]
        if value is None:
            return
        prefix = f"{edge.value}/{edge.node}/{edge.position}"
        node.replace_input_with(
            edge.position, self._pair(value, prefix, params, f"{prefix}/dequantized")
        )

    def store_constant(self, constant: StoredConstant) -> None:
        """Replace an initializer by integers and a DQ for the edges of `constant`."""
        name, params = constant.name, constant.params
        integers = self._initializer(f"{name}/quantized", constant.integers, params.spec.dtype)
        old = self._graph.initializers[constant.value]
        output = ir.Value(name=f"{name}/dequantized", shape=old.shape, type=old.type)
        node = self._node("DequantizeLinear", integers, name, params, output)
        first = self._nodes[constant.edges[0].node]
        self._graph.insert_before(first, node)
        for edge in constant.edges:
            self._nodes[edge.node].replace_input_with(edge.position, output)

    def drop_unread_initializers(self) -> None:
        """Remove float initializers whose readers all read integers now."""
        for name, value in list(self._graph.initializers.items()):
            if not value.uses() and not value.is_graph_output() and not value.is_graph_input():
                del self._graph.initializers[name]

    def _pair(
        self, value: ir.Value, prefix: str, params: QuantParams, output_name: str
    ) -> ir.Value:
        dtype = data_type_of(params.spec.dtype)
        integers = ir.Value(
            name=f"{prefix}/quantized", shape=value.shape, type=ir.TensorType(dtype)
        )
        output = ir.Value(name=output_name, shape=value.shape, type=value.type)
        quantize = self._node("QuantizeLinear", value, prefix, params, integers)
        dequantize = self._node("DequantizeLinear", integers, prefix, params, output)
        producer = value.producer()
        if producer is None:
            first = next(iter(self._graph), None)
            if first is None:
                self._graph.append(quantize)
            else:
                self._graph.insert_before(first, quantize)
        else:
            self._graph.insert_after(producer, quantize)
        self._graph.insert_after(quantize, dequantize)
        return output

    def _node(
        self, op_type: str, value: ir.Value, prefix: str, params: QuantParams, output: ir.Value
    ) -> ir.Node:
        kind = "quantize" if op_type == "QuantizeLinear" else "dequantize"
        name = f"{prefix}/{kind}"
        dtype = params.spec.dtype
        scale = self._initializer(f"{prefix}/scale", params.scale, DType.FLOAT32)
        point = self._initializer(
            f"{prefix}/zero_point", params.zero_point.astype(dtype.numpy), dtype
        )
        return ir.node(
            op_type,
            [value, scale, point],
            attributes=_granularity(params),
            outputs=[output],
            name=name,
        )

    def _initializer(self, name: str, array: Array, dtype: DType) -> ir.Value:
        known = self._graph.initializers.get(name)
        if known is not None:
            return known
        tensor = tensor_of(array, dtype)
        tensor.name = name
        value = ir.Value(
            name=name,
            shape=ir.Shape(array.shape),
            type=ir.TensorType(tensor.dtype),
            const_value=tensor,
        )
        self._graph.register_initializer(value)
        return value
