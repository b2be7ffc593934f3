"""Resize in every mode: copies and pairs of neighbours by `resize`, all others as weighted sums."""

from __future__ import annotations

import numpy as np

from toolchain.core.dtypes import Array
from toolchain.core.graph_view import NodeView
from toolchain.numerics.affine import quantize
from toolchain.program.float_ops.call import Call
from toolchain.program.float_ops.resize import Resampled, extrapolation_value, resampled_axes
from toolchain.program.lowering.builder import Builder
from toolchain.program.lowering.finish import integer_output
from toolchain.program.lowering.quantized import Quantized
from toolchain.program.lowering.resize import lower_resize
from toolchain.program.records import FloatOp, Interpolate


def lower_any_resize(builder: Builder, node: NodeView) -> bool:
    """Resize of constant size in any mode, without antialiasing."""
    return lower_resize(builder, node) or _lower_sums(builder, node)


def _lower_sums(builder: Builder, node: NodeView) -> bool:
    x, call = builder.integers(node.input(0)), _call(node)
    shape = None if node.inputs[0] is None else node.inputs[0].static_shape
    if x is None or x.constant is not None or shape is None or call is None:
        return False
    found = integer_output(builder, node, clamps=False)
    if found is None:
        return False
    out, axes = found.quantized, resampled_axes(call, shape)
    cropped = any(axis.outside is not None for axis in axes)
    builder.add(
        Interpolate(
            name=node.name,
            inputs=(x.name,),
            outputs=(builder.integer_tensor(out, found.shape),),
            axes=tuple(axis.axis for axis in axes),
            positions=_constants(builder, node, axes, "positions"),
            weights=_constants(builder, node, axes, "weights"),
            outside=_constants(builder, node, axes, "outside") if cropped else (),
            fill=_fill(call, out) if cropped else out.zero_point,
            x_zero_point=x.zero_point,
            factor=float(np.float32(x.scale / out.scale)),
            zero_point=out.zero_point,
        )
    )
    return True


def _call(node: NodeView) -> Call | None:
    """What says how to resample; None where it is computed, or antialiasing is wanted."""
    others = [node.input(index) for index in (1, 2, 3)]
    if any(value is not None and value.constant is None for value in others):
        return None
    if node.int_attribute("antialias", 0):
        return None
    constants = [None if value is None else value.constant for value in others]
    op = FloatOp(
        name=node.name, inputs=(), outputs=(), op_type=node.op_type, attributes=node.attributes
    )
    return Call(op=op, inputs=(None, *constants))


def _constants(
    builder: Builder, node: NodeView, axes: tuple[Resampled, ...], label: str
) -> tuple[str, ...]:
    return tuple(
        builder.constant(f"{node.name}/axis{axis.axis}/{label}", _array(axis, label))
        for axis in axes
    )


def _array(axis: Resampled, label: str) -> Array:
    match label:
        case "positions":
            return np.stack([index for index, _ in axis.taps]).astype(np.int32)
        case "weights":
            return np.stack([weight for _, weight in axis.taps])
        case _:
            return np.asarray(axis.outside, np.uint8)


def _fill(call: Call, out: Quantized) -> int:
    return int(quantize(np.asarray(extrapolation_value(call)), out.params))
