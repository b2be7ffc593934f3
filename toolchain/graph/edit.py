"""Building blocks of every rewrite: constants, nodes and edges of an onnx_ir graph.

Values and nodes keep the names that users type: a rewritten node keeps its name and its outputs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolchain.errors import Code, InternalError
from toolchain.graph.tensors import tensor_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import onnx_ir as ir

    from toolchain.core.dtypes import Array, DType


def unique_name(model: ir.Model, wish: str) -> str:
    """`wish`, or with a number behind it where a value of the main graph has that name."""
    taken = {value.name for value in model.graph.inputs} | set(model.graph.initializers)
    taken.update(value.name for node in model.graph for value in node.outputs)
    name, count = wish, 1
    while name in taken:
        count += 1
        name = f"{wish}_{count}"
    return name


def add_initializer(
    model: ir.Model, name: str, array: Array, dtype: DType | None = None
) -> ir.Value:
    """Add a constant under `name`, or the next free name like it.

    `dtype` is needed only where numpy has no such type (4-bit integers, held in 8-bit arrays).
    """
    import onnx_ir as ir

    tensor = tensor_of(array, dtype)
    tensor.name = unique_name(model, name)
    value = ir.Value(
        name=tensor.name,
        shape=ir.Shape(array.shape),
        type=ir.TensorType(tensor.dtype),
        const_value=tensor,
    )
    model.graph.register_initializer(value)
    return value


def replace_constant(model: ir.Model, name: str, array: Array) -> None:
    """Give the initializer `name` other numbers of its own element type; the shape may change."""
    import onnx_ir as ir

    value = model.graph.initializers.get(name)
    if value is None or value.const_value is None:
        raise InternalError(Code.INTERNAL, f"There is no constant {name!r}")
    data_type = value.const_value.dtype
    stored = array.astype(data_type.numpy(), copy=False)
    value.const_value = ir.Tensor(stored, dtype=data_type, name=name)
    value.shape = ir.Shape(array.shape)


def set_constant(model: ir.Model, node: ir.Node, index: int, array: Array, name: str) -> None:
    """Let input number `index` of `node` be a constant of these numbers.

    A constant there that only this node reads gets the numbers; else one is added, called like the
    old one or `name`.
    """
    value = node.inputs[index] if index < len(node.inputs) else None
    if value is not None and value.name and value.is_initializer() and read_only_by(value, node):
        replace_constant(model, value.name, array)
        return
    wish = name if value is None or value.name is None else value.name
    if index >= len(node.inputs):
        node.resize_inputs(index + 1)
    node.replace_input_with(index, add_initializer(model, wish, array))


def insert_node(
    before: ir.Node,
    op_type: str,
    inputs: Sequence[ir.Value | None],
    output: str,
    name: str,
    attributes: Mapping[str, ir.Attr | int | float | str | Sequence[int]] | None = None,
) -> ir.Value:
    """Insert a node of one output in front of `before`; the new value has no type or shape yet."""
    import onnx_ir as ir

    graph = before.graph
    if graph is None:
        raise InternalError(Code.INTERNAL, f"Node {before.name!r} is in no graph")
    value = ir.Value(name=output)
    node = ir.node(op_type, inputs, attributes=attributes, outputs=[value], name=name)
    graph.insert_before(before, node)
    return value


def rewrite(
    node: ir.Node,
    op_type: str,
    inputs: Sequence[ir.Value | None],
    attributes: Mapping[str, int | float | str | Sequence[int]] | None = None,
) -> None:
    """Turn `node` into another operator in place: its name and its outputs stay.

    Producers that nobody reads any more are removed.
    """
    import onnx_ir as ir

    before = [value for value in node.inputs if value is not None]
    node.resize_inputs(len(inputs))
    for index, value in enumerate(inputs):
        node.replace_input_with(index, value)
    node.op_type = op_type
    node.attributes.clear()
    for attribute in ir.convenience.convert_attributes(attributes or {}):
        node.attributes.add(attribute)
    remove_unread(before)


def remove_unread(values: Iterable[ir.Value]) -> None:
    """Remove the producers of values that nobody reads, and what only they read; constants too."""
    pending = list(values)
    while pending:
        value = pending.pop()
        if value.uses() or value.is_graph_output() or value.is_graph_input():
            continue
        node = value.producer()
        if node is None:
            _drop_initializer(value)
        elif node.graph is not None and not any(
            out.uses() or out.is_graph_output() for out in node.outputs
        ):
            pending.extend(item for item in node.inputs if item is not None)
            node.graph.remove(node, safe=True)


def bypass(node: ir.Node, value: ir.Value) -> bool:
    """Remove `node`, whose first output always equals `value`; readers take `value` instead.

    A model output keeps its name, which `value` takes over. False, and nothing done, where that
    cannot be: `value` is a model input, output or constant itself, or belongs to another graph.
    """
    output = node.outputs[0]
    if any(other.uses() or other.is_graph_output() for other in node.outputs[1:]):
        return False
    if output.is_graph_output() and not _can_take_name(value, node):
        return False
    absorb(node, value, keep_name=not output.is_graph_output())
    return True


def absorb(node: ir.Node, value: ir.Value, *, keep_name: bool = False) -> None:
    """Remove `node` and let `value` stand for its first output, under that output's name.

    Name and type stay those of `value` with `keep_name`, where `value` means what it meant before.
    """
    output, graph = node.outputs[0], node.graph
    before = [item for item in node.inputs if item is not None and item is not value]
    output.replace_all_uses_with(value, replace_graph_outputs=True)
    if value.shape is None:
        value.shape = output.shape
    if value.type is None:
        value.type = output.type
    if not keep_name:
        name, output.name = output.name, None
        value.name = name
    if graph is not None:
        graph.remove(node, safe=True)
    remove_unread(before)


def read_only_by(value: ir.Value, node: ir.Node) -> bool:
    """True if `node` is the only reader of `value` and no model output is."""
    return not value.is_graph_output() and all(use.node is node for use in value.uses())


def _can_take_name(value: ir.Value, node: ir.Node) -> bool:
    producer = value.producer()
    taken = value.is_graph_input() or value.is_graph_output() or value.is_initializer()
    return producer is not None and producer.graph is node.graph and not taken


def _drop_initializer(value: ir.Value) -> None:
    graph = value.graph
    if graph is not None and value.is_initializer() and value.name is not None:
        graph.initializers.pop(value.name)
