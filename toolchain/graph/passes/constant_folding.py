"""Everything that can be computed before the model runs."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from toolchain.graph.attributes import int_of
from toolchain.graph.edit import add_initializer, remove_unread
from toolchain.graph.save import IR_VERSION, save_model
from toolchain.graph.session import open_session, run
from toolchain.graph.tensors import constant_of, dtype_of, static_shape

if TYPE_CHECKING:
    from collections.abc import Sequence

    import onnx_ir as ir

    from toolchain.core.dtypes import Array

MAX_GROWTH_BYTES = 64 << 20
"""A result that is larger than this and than what it is made from stays an operator."""
_KEPT = frozenset(
    {
        "Bernoulli", "DequantizeLinear", "DynamicQuantizeLinear", "If", "Loop", "Multinomial",
        "QuantizeLinear", "RandomNormal", "RandomNormalLike", "RandomUniform",
        "RandomUniformLike", "Scan",
    }
)  # fmt: skip
"""Random and control-flow operators, and quantized weights, which stay as they are."""


def fold_constants(model: ir.Model) -> bool:
    """Replace Shape and Size of static values, and whatever has only constant inputs, by constants.

    All of it is computed in one run of onnxruntime.
    """
    changed = _fold_shapes(model)
    nodes = _foldable(model)
    results = _evaluate(model, nodes) if nodes else {}
    for name, array in results.items():
        _replace(model, name, array)
    return changed or bool(results)


def _fold_shapes(model: ir.Model) -> bool:
    changed = False
    for node in list(model.graph):
        if node.domain != "" or node.op_type not in ("Shape", "Size"):
            continue
        shape, output = static_shape(node.inputs[0]), node.outputs[0]
        if shape is None or output.is_graph_output():
            continue
        if node.op_type == "Size":
            array = np.array(math.prod(shape), np.int64)
        else:
            end = int_of(node, "end", len(shape))
            array = np.array(shape[int_of(node, "start", 0) : end], np.int64)
        _replace(model, output.name or "", array)
        changed = True
    return changed


def _foldable(model: ir.Model) -> list[ir.Node]:
    """Nodes whose inputs are all constant or computed by such nodes, in order."""
    found: dict[ir.Node, None] = {}
    for node in model.graph:
        known = all(
            value is None or constant_of(value) is not None or value.producer() in found
            for value in node.inputs
        )
        if known and _may_fold(node):
            found[node] = None
    return list(found)


def _may_fold(node: ir.Node) -> bool:
    import onnx_ir as ir

    if node.domain != "" or node.op_type in _KEPT:
        return False
    kinds = (ir.AttributeType.GRAPH, ir.AttributeType.GRAPHS)
    if any(attribute.type in kinds for attribute in node.attributes.values()):
        return False
    read = sum(_bytes(value) or 0 for value in node.inputs if value is not None)
    for value in node.outputs:
        size = _bytes(value)
        if value.is_graph_output() or size is None or size > max(MAX_GROWTH_BYTES, read):
            return False
    return True


def _bytes(value: ir.Value) -> int | None:
    """Size of a value of known type and shape; None where unknown, or of a type numpy lacks."""
    shape, dtype = static_shape(value), dtype_of(value.dtype)
    if shape is None or dtype is None or dtype.bits < 8:
        return None
    return math.prod(shape) * dtype.bits // 8


def _evaluate(model: ir.Model, nodes: Sequence[ir.Node]) -> dict[str, Array]:
    """Results of `nodes` that others read, by value name."""
    import onnx_ir as ir

    inside = set(nodes)
    wanted = [
        value.name or ""
        for node in nodes
        for value in node.outputs
        if any(use.node not in inside for use in value.uses())
    ]
    if not wanted:
        return {}
    part = ir.convenience.extract(model.graph, inputs=[], outputs=wanted)
    part.opset_imports.update(model.graph.opset_imports)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "constants.onnx"
        save_model(ir.Model(part, ir_version=IR_VERSION), path)
        return run(open_session(path, threads=1), {}, wanted)


def _replace(model: ir.Model, name: str, array: Array) -> None:
    value = next(v for node in model.graph for v in node.outputs if v.name == name)
    value.name = f"{name}_folded"
    constant = add_initializer(model, name, array)
    value.replace_all_uses_with(constant)
    remove_unread([value])
