"""Reductions along axes."""

from __future__ import annotations

from math import prod

import numpy as np

from toolchain.core.graph_view import NodeView
from toolchain.program.lowering.builder import Builder
from toolchain.program.lowering.finish import IntegerOutput, integer_output
from toolchain.program.lowering.quantized import Quantized
from toolchain.program.records import ArgExtreme, Reduce, ReduceKind


def lower_sum(builder: Builder, node: NodeView) -> bool:
    """ReduceSum and ReduceMean over constant axes."""
    x, axes = builder.integers(node.input(0)), _axes(node)
    if x is None or x.constant is not None or axes is None:
        return False
    found = integer_output(builder, node, clamps=False)
    if found is None:
        return False
    factor = np.float32(x.scale / found.quantized.scale)
    if node.op_type == "ReduceMean":
        shape = _shape(node)
        factor = factor / np.float32(prod(shape[axis] for axis in axes))
    result = builder.integer_tensor(found.quantized, found.shape)
    point = found.quantized.zero_point
    builder.add(_reduce(node, x, result, ReduceKind.SUM, axes, float(factor), point))
    return True


def lower_extreme(builder: Builder, node: NodeView) -> bool:
    """ReduceMax and ReduceMin; a result in other parameters is rescaled behind."""
    x, axes = builder.integers(node.input(0)), _axes(node)
    if x is None or x.constant is not None or axes is None:
        return False
    found = integer_output(builder, node, clamps=False)
    if found is None:
        return False
    kind = ReduceKind.MAX if node.op_type == "ReduceMax" else ReduceKind.MIN
    result, same = _result(builder, node, x, found)
    builder.add(_reduce(node, x, result, kind, axes, 1.0, x.zero_point))
    if not same:
        builder.rescale_tensor(f"{node.name}/rescale", x, result, found.quantized, found.shape)
    return True


def lower_arg_extreme(builder: Builder, node: NodeView) -> bool:
    """ArgMax and ArgMin; the index is no quantized value."""
    x, shape = builder.integers(node.input(0)), _shape(node)
    if x is None or x.constant is not None or not shape:
        return False
    builder.add(
        ArgExtreme(
            name=node.name,
            inputs=(x.name,),
            outputs=(builder.float_tensor(node.outputs[0]),),
            axis=node.int_attribute("axis", 0) % len(shape),
            smallest=node.op_type == "ArgMin",
            last=node.int_attribute("select_last_index", 0) == 1,
        )
    )
    return True


def _reduce(
    node: NodeView,
    x: Quantized,
    result: str,
    kind: ReduceKind,
    axes: tuple[int, ...],
    factor: float,
    zero_point: int,
) -> Reduce:
    return Reduce(
        name=node.name,
        inputs=(x.name,),
        outputs=(result,),
        kind=kind,
        axes=axes,
        x_zero_point=x.zero_point,
        factor=factor,
        zero_point=zero_point,
    )


def _result(
    builder: Builder, node: NodeView, x: Quantized, found: IntegerOutput
) -> tuple[str, bool]:
    """The tensor that an order-preserving operation writes, and whether it is the final one."""
    if x.params.same_numbers(found.quantized.params):
        return builder.integer_tensor(found.quantized, found.shape), True
    return builder.integer_tensor(x, found.shape, name=f"{node.name}/moved"), False


def _shape(node: NodeView) -> tuple[int, ...]:
    x = node.input(0)
    return () if x is None else x.static_shape or ()


def _axes(node: NodeView) -> tuple[int, ...] | None:
    """The reduced axes, rising; None where they are computed or the shape is not known."""
    rank, given = len(_shape(node)), node.input(1)
    if rank == 0 or (given is not None and given.constant is None):
        return None
    listed = () if given is None or given.constant is None else given.constant.reshape(-1)
    if len(listed) == 0:
        none = node.int_attribute("noop_with_empty_axes", 0) == 1
        return () if none else tuple(range(rank))
    return tuple(sorted(int(axis) % rank for axis in listed))
