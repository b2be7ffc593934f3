"""A constant factor behind products: 1 / sqrt(d) of attention goes into the query's weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from toolchain.graph.affine import Affine, elementwise_affine, fold_behind
from toolchain.graph.edit import absorb, read_only_by

if TYPE_CHECKING:
    import onnx_ir as ir

_MOVES = frozenset({"Flatten", "Reshape", "Squeeze", "Transpose", "Unsqueeze"})


def fold_factor(model: ir.Model) -> bool:
    """Fold Mul and Div by one number into weights, over moves and products of two values."""
    changed = False
    for node in list(model.graph):
        found = elementwise_affine(node)
        if found is None:
            continue
        value, affine = found
        if affine.scale.size != 1 or np.any(affine.shift) or not read_only_by(value, node):
            continue
        if _fold(model, value, affine):
            absorb(node, value)
            changed = True
    return changed


def _fold(model: ir.Model, value: ir.Value | None, affine: Affine) -> bool:
    """Multiply `value`, which one node reads, by changing weights that it depends on."""
    node = None if value is None else value.producer()
    if node is None or node.domain != "":
        return False
    if node.op_type in _MOVES:
        return _fold_operand(model, node, 0, affine)
    if node.op_type == "MatMul" and node.inputs[0] is not node.inputs[1]:
        return any(_fold_operand(model, node, index, affine) for index in (0, 1))
    return fold_behind(model, node, affine)


def _fold_operand(model: ir.Model, node: ir.Node, index: int, affine: Affine) -> bool:
    value = node.inputs[index]
    return value is not None and read_only_by(value, node) and _fold(model, value, affine)
