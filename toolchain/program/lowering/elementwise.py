"""Element-wise operators: sums, products, unary functions as tables, softmax."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from toolchain.core.dtypes import Array
from toolchain.core.graph_view import NodeView
from toolchain.numerics import series
from toolchain.numerics.affine import dequantize, quantize
from toolchain.numerics.elementary import UNARY
from toolchain.program.float_ops import evaluate
from toolchain.program.lowering.builder import Builder, all_codes
from toolchain.program.lowering.finish import integer_output
from toolchain.program.lowering.quantized import Quantized
from toolchain.program.records import Binary, BinaryKind, FloatOp, Softmax, Table

_KINDS = {"Add": BinaryKind.ADD, "Sub": BinaryKind.SUB, "Mul": BinaryKind.MUL}

TABLE_OPS = frozenset(UNARY) | {"Clip", "Div", "Max", "Min", "PRelu", "Pow"}
"""Operators that work on every element by itself, further inputs being scalar constants."""


def lower_binary(builder: Builder, node: NodeView) -> bool:
    """Add, Sub and Mul of two quantized operands, one of which may be constant."""
    a, b = builder.integers(node.input(0)), builder.integers(node.input(1))
    if a is None or b is None or not a.per_tensor or not b.per_tensor:
        return False
    limit = builder.target.wide_accumulator.qmax
    if node.op_type == "Mul" and _magnitude(a) * _magnitude(b) > limit:
        return False
    found = integer_output(builder, node, clamps=True)
    if found is None:
        return False
    kind, out = _KINDS[node.op_type], found.quantized
    if kind is BinaryKind.MUL:
        a_factor = np.float32(builder.factors.ratio(np.float32(a.scale * b.scale), out.scale))
        b_factor = np.float32(1)
    else:
        a_factor, b_factor = builder.factors.pair(a.scale, b.scale, out.scale)
    builder.add(
        Binary(
            name=node.name,
            inputs=(_operand(builder, a), _operand(builder, b)),
            outputs=(builder.integer_tensor(out, found.shape),),
            kind=kind,
            a_zero_point=a.zero_point,
            b_zero_point=b.zero_point,
            a_factor=float(a_factor),
            b_factor=float(b_factor),
            zero_point=out.zero_point,
            low=found.low,
            high=found.high,
        )
    )
    return True


def _magnitude(found: Quantized) -> int:
    """Largest |integer - zero point| that the type allows."""
    spec = found.params.spec
    return max(found.zero_point - spec.qmin, spec.qmax - found.zero_point)


def _operand(builder: Builder, found: Quantized) -> str:
    return found.name if found.constant is None else builder.constant(found.name, found.constant)


def lower_table(builder: Builder, node: NodeView) -> bool:
    """Any function of one 8-bit value whose other inputs are scalar constants."""
    x = builder.integers(node.input(0))
    eight_bit = x is not None and x.constant is None and x.params.spec.dtype.bits == 8
    if x is None or not eight_bit or not _keeps_shape(node):
        return False
    others = [None if v is None else builder.float_constant(v) for v in node.inputs[1:]]
    computed = any(v and a is None for v, a in zip(node.inputs[1:], others, strict=True))
    wide = any(a is not None and a.size != 1 for a in others)
    if computed or wide or node.op_type not in TABLE_OPS:
        return False
    found = integer_output(builder, node, clamps=False)
    if found is None:
        return False
    real = dequantize(all_codes(x), x.params)
    own = builder.target.ops[node.op_type].function if node.op_type in builder.target.ops else None
    result = _apply(node, real, others) if own is None else own(node, real)
    table = quantize(np.asarray(result, np.float32), found.quantized.params)
    builder.add(
        Table(
            name=node.name,
            inputs=(x.name,),
            outputs=(builder.integer_tensor(found.quantized, found.shape),),
            table=builder.constant(f"{node.name}/table", table),
        )
    )
    return True


def _keeps_shape(node: NodeView) -> bool:
    x = node.inputs[0]
    return len(node.outputs) == 1 and x is not None and x.shape == node.outputs[0].shape


def _apply(node: NodeView, real: NDArray[np.float32], others: list[Array | None]) -> Array:
    """The node's function on every representable input."""
    scalars = [None if array is None else array.reshape(()) for array in others]
    op = FloatOp(
        name=node.name, inputs=(), outputs=("y",), op_type=node.op_type, attributes=node.attributes
    )
    (result,) = evaluate(op, [real, *scalars])
    return np.nan_to_num(result, nan=0.0, posinf=np.inf, neginf=-np.inf)


def lower_softmax(builder: Builder, node: NodeView) -> bool:
    """Softmax of an 8-bit value."""
    x = builder.integers(node.input(0))
    shape = node.outputs[0].static_shape
    eight_bit = x is not None and x.constant is None and x.params.spec.dtype.bits == 8
    if x is None or shape is None or not eight_bit:
        return False
    found = integer_output(builder, node, clamps=False)
    if found is None:
        return False
    out = found.quantized
    distances = np.arange(256, dtype=np.float64) * -float(x.scale)
    exponentials = np.rint(series.exp(distances) * 2.0**23).astype(np.int32)
    builder.add(
        Softmax(
            name=node.name,
            inputs=(x.name,),
            outputs=(builder.integer_tensor(out, found.shape),),
            axis=node.int_attribute("axis", -1) % len(shape),
            exponentials=builder.constant(f"{node.name}/exponentials", exponentials),
            factor=float(np.float32(np.float32(1.0) / out.scale)),
            zero_point=out.zero_point,
        )
    )
    return True
