"""The read-only picture of a model that every other floor works with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from toolchain.core.graph_view import Attribute, GraphView, NodeView, ValueView
from toolchain.errors import Code, InternalError
from toolchain.graph.save import read
from toolchain.graph.tensors import array_of, constant_of, dtype_of

if TYPE_CHECKING:
    from pathlib import Path

    import onnx_ir as ir


def read_view(path: Path) -> GraphView:
    """The view of a model that the toolchain wrote."""
    return view(read(path))


def view(model: ir.Model) -> GraphView:
    """The view of `model`, whose nodes are put in topological order.

    Constants are read-only arrays that share the model's memory; 4-bit integers come in 8-bit ones.
    Raises InternalError where node names are empty or not unique: `normalize` gives names.
    """
    model.graph.sort()
    nodes = list(model.graph)
    names = {node.name for node in nodes}
    if len(names) != len(nodes) or not all(names):
        raise InternalError(Code.INTERNAL, "The model has nodes without a unique name")
    values: dict[str, ValueView] = {}
    views = tuple(
        NodeView(
            name=node.name or "",
            op_type=node.op_type,
            domain=node.domain,
            inputs=tuple(None if v is None else _value(v, values) for v in node.inputs),
            outputs=tuple(_value(v, values) for v in node.outputs),
            attributes=_attributes(node),
            has_subgraph=any(_is_graph(attribute) for attribute in node.attributes.values()),
        )
        for node in nodes
    )
    return GraphView(
        nodes=views,
        inputs=tuple(_value(v, values) for v in model.graph.inputs if not v.is_initializer()),
        outputs=tuple(_value(v, values) for v in model.graph.outputs),
        values=values,
        metadata=dict(model.metadata_props),
    )


def _value(value: ir.Value, known: dict[str, ValueView]) -> ValueView:
    name = value.name or ""
    if name in known:
        return known[name]
    constant = constant_of(value)
    shape = None if value.shape is None else tuple(value.shape)
    made = ValueView(
        name=name,
        dtype=dtype_of(value.dtype),
        shape=None if shape is None else tuple(d if isinstance(d, int) else None for d in shape),
        constant=constant,
    )
    if name:
        known[name] = made
    return made


def _attributes(node: ir.Node) -> dict[str, Attribute]:
    found = {
        name: _attribute(attribute)
        for name, attribute in node.attributes.items()
        if not _is_graph(attribute)
    }
    return {name: value for name, value in found.items() if value is not None}


def _attribute(attribute: ir.Attr) -> Any:
    import onnx_ir as ir

    kinds = ir.AttributeType
    if attribute.type in (kinds.INTS, kinds.FLOATS, kinds.STRINGS):
        return tuple(attribute.value)
    if attribute.type in (kinds.INT, kinds.FLOAT, kinds.STRING):
        return attribute.value
    if attribute.type is kinds.TENSOR:
        return np.asarray(array_of(attribute.as_tensor()))
    return None


def _is_graph(attribute: ir.Attr) -> bool:
    import onnx_ir as ir

    return attribute.type in (ir.AttributeType.GRAPH, ir.AttributeType.GRAPHS)
