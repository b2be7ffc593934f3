"""Bounds: Relu, Clip, and Min and Max with a constant."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from toolchain.graph.edit import add_initializer, bypass, read_only_by, rewrite
from toolchain.graph.tensors import constant_of, dtype_of, rank_of, scalar_of

if TYPE_CHECKING:
    import onnx_ir as ir

_INFINITY = float("inf")


class _Bound(NamedTuple):
    value: ir.Value
    low: float
    high: float


def canonicalize_clip(model: ir.Model) -> bool:
    """Merge bounds that follow each other; Min and Max become Clip, Clip from 0 becomes Relu."""
    changed = False
    for node in list(model.graph):
        bound = _bound(node)
        if bound is None:
            continue
        inner = _inner_bound(bound.value, node)
        low, high = bound.low, bound.high
        if inner is not None:
            low, high = (min(max(limit, low), high) for limit in (inner.low, inner.high))
        if low == -_INFINITY and high == _INFINITY:
            changed |= bypass(node, bound.value)
        elif inner is not None or not _is_canonical(node, low, high):
            _write(model, node, _Bound(bound.value if inner is None else inner.value, low, high))
            changed = True
    return changed


def _bound(node: ir.Node) -> _Bound | None:
    """What the node clamps to, None where it is no clamp by finite float constants."""
    if node.domain != "" or not node.inputs or node.inputs[0] is None:
        return None
    dtype = dtype_of(node.outputs[0].dtype or node.inputs[0].dtype)
    if dtype is None or not dtype.is_float:
        return None
    if node.op_type == "Relu":
        return _Bound(node.inputs[0], 0.0, _INFINITY)
    if node.op_type == "Clip":
        low, high = _limit(node, 1, -_INFINITY), _limit(node, 2, _INFINITY)
        if low is None or high is None or not low <= high:
            return None
        return _Bound(node.inputs[0], low, high)
    return _min_max(node) if node.op_type in ("Min", "Max") else None


def _min_max(node: ir.Node) -> _Bound | None:
    if len(node.inputs) != 2:
        return None
    value, limit = node.inputs
    if scalar_of(limit) is None:
        value, limit = limit, value
    number, array, rank = scalar_of(limit), constant_of(limit), rank_of(value)
    if value is None or number is None or np.isnan(number) or constant_of(value) is not None:
        return None
    if array is None or rank is None or array.ndim > rank:
        return None
    return (
        _Bound(value, number, _INFINITY)
        if node.op_type == "Max"
        else _Bound(value, -_INFINITY, number)
    )


def _limit(node: ir.Node, index: int, default: float) -> float | None:
    if index >= len(node.inputs) or node.inputs[index] is None:
        return default
    return scalar_of(node.inputs[index])


def _inner_bound(value: ir.Value, node: ir.Node) -> _Bound | None:
    producer = value.producer()
    if producer is None or producer.graph is not node.graph or not read_only_by(value, node):
        return None
    return _bound(producer)


def _is_canonical(node: ir.Node, low: float, high: float) -> bool:
    if (low, high) == (0.0, _INFINITY):
        return node.op_type == "Relu"
    return node.op_type == "Clip"


def _write(model: ir.Model, node: ir.Node, bound: _Bound) -> None:
    if (bound.low, bound.high) == (0.0, _INFINITY):
        rewrite(node, "Relu", [bound.value])
        return
    dtype = dtype_of(node.outputs[0].dtype or bound.value.dtype)
    limits = [
        None
        if abs(limit) == _INFINITY
        else add_initializer(
            model,
            f"{node.name}.{name}",
            np.array(limit, "float32" if dtype is None else dtype.numpy),
        )
        for name, limit in (("min", bound.low), ("max", bound.high))
    ]
    rewrite(node, "Clip", [bound.value, *(limits if limits[1] is not None else limits[:1])])
