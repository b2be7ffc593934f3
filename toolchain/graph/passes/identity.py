"""Operators that hand on what they read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from toolchain.graph.attributes import int_of, ints_of
from toolchain.graph.edit import bypass
from toolchain.graph.tensors import constant_of, rank_of, static_shape

if TYPE_CHECKING:
    import onnx_ir as ir


def remove_identities(model: ir.Model) -> bool:
    """Remove Identity, Dropout, and everything else that returns an input unchanged."""
    changed = False
    for node in list(model.graph):
        rule = _RULES.get(node.op_type) if node.domain == "" else None
        index = None if rule is None else rule(node)
        value = None if index is None else node.inputs[index]
        if value is not None:
            changed |= bypass(node, value)
    return changed


def _always(_node: ir.Node) -> int | None:
    return 0


def _single(node: ir.Node) -> int | None:
    return 0 if len(node.inputs) == 1 else None


def _dropout(node: ir.Node) -> int | None:
    if len(node.inputs) < 3 or node.inputs[2] is None:
        return 0
    training = constant_of(node.inputs[2])
    return 0 if training is not None and not training.any() else None


def _same_type(node: ir.Node) -> int | None:
    value = node.inputs[0]
    if value is None or value.dtype is None:
        return None
    return 0 if int(value.dtype) == int_of(node, "to", 0) else None


def _same_shape(node: ir.Node) -> int | None:
    shape = static_shape(node.inputs[0])
    return 0 if shape is not None and shape == static_shape(node.outputs[0]) else None


def _transpose(node: ir.Node) -> int | None:
    rank = rank_of(node.inputs[0])
    if rank is None:
        return None
    perm = ints_of(node, "perm", tuple(reversed(range(rank))))
    return 0 if perm == tuple(range(rank)) else None


def _neutral(number: float, *, either: bool) -> Callable[[ir.Node], int | None]:
    """The rule of an operator for which `number` on the right (or either) side changes nothing."""

    def rule(node: ir.Node) -> int | None:
        for kept, other in ((0, 1), (1, 0)) if either else ((0, 1),):
            array, shape = constant_of(node.inputs[other]), static_shape(node.inputs[kept])
            if array is None or shape is None or shape != static_shape(node.outputs[0]):
                continue
            if array.dtype.kind in "fiu" and np.all(array == number):
                return kept
        return None

    return rule


def _no_pads(node: ir.Node) -> int | None:
    pads = constant_of(node.inputs[1])
    return 0 if pads is not None and not pads.any() else None


def _whole_slice(node: ir.Node) -> int | None:
    if len(node.inputs) > 4 and node.inputs[4] is not None:
        steps = constant_of(node.inputs[4])
        if steps is None or np.any(steps != 1):
            return None
    return _same_shape(node)


_RULES: Mapping[str, Callable[[ir.Node], int | None]] = {
    "Identity": _always,
    "Dropout": _dropout,
    "Cast": _same_type,
    **dict.fromkeys(("Concat", "Max", "Mean", "Min", "Sum"), _single),
    **dict.fromkeys(("Expand", "Flatten", "Reshape", "Squeeze", "Tile", "Unsqueeze"), _same_shape),
    "Slice": _whole_slice,
    "Transpose": _transpose,
    "Pad": _no_pads,
    "Add": _neutral(0.0, either=True),
    "Mul": _neutral(1.0, either=True),
    "Sub": _neutral(0.0, either=False),
    "Div": _neutral(1.0, either=False),
    "Pow": _neutral(1.0, either=False),
}
"""Operator to the rule that gives the number of the input it returns, or None."""
