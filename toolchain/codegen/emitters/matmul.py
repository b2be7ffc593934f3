"""MatMul and BlockedMatMul: rows of `a` times panels of a constant or computed matrix."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np

from toolchain.codegen.calls import Kernel
from toolchain.codegen.emitters.product import (
    Product,
    column_points,
    finished,
    finished_blocks,
    needs_wide,
)
from toolchain.codegen.emitters.weights import as_signed, lowered_points, panels
from toolchain.codegen.literals import Fields, Struct, Word, element_type
from toolchain.codegen.loops import broadcast_strides, loops, row_major_strides
from toolchain.codegen.operands import Operand, row_major
from toolchain.core.dtypes import DType
from toolchain.program.records import BlockedMatMul

if TYPE_CHECKING:
    from toolchain.codegen.calls import Argument
    from toolchain.codegen.scope import Scope
    from toolchain.core.dtypes import Array
    from toolchain.program.records import MatMul

_MATMUL = Kernel("tc_matmul", parallel=True)
_SCRATCH_ALIGNMENT = 16


def emit_matmul(op: MatMul, scope: Scope) -> None:
    """Product with one scale for each column."""
    constants = scope.program.constants
    zeros = None if op.b_zero_point is None else constants[op.b_zero_point]
    a, y = _operands(op, scope)
    if op.b is not None:
        weight = constants[op.b]
        batch, product = _sizes(op, a, weight.shape, DType(weight.dtype.name), y)
        fields = _packed(op.name, weight, product, scope)
        fields |= column_points(op.name, zeros, weight, product.columns, scope)
        whole = finished(op, fields, product.columns, scope)
        _call(op, (a, Word("NULL"), y), batch, product, whole, scope)
        return
    b = scope.read(op.inputs[1], row_major(len(scope.tensor(op.inputs[1]).shape)))
    batch, product = _sizes(op, a, b.shape, b.dtype, y)
    signed = element_type(DType(f"int{8 * b.dtype.numpy.itemsize}"))
    fields = product.fields(signed, Word("NULL"))
    sample = np.empty(0, b.dtype.numpy)
    fields |= column_points(op.name, zeros, sample, product.columns, scope)
    whole = finished(op, fields, product.columns, scope)
    _call(op, (a, b, y), batch, product, whole, scope)


def emit_blocked_matmul(op: BlockedMatMul, scope: Scope) -> None:
    """Product with one scale for each block of rows and column."""
    constants = scope.program.constants
    weight = constants[op.b]
    a, y = _operands(op, scope)
    batch, product = _sizes(op, a, weight.shape, DType(weight.dtype.name), y)
    factor = constants[op.finish.factor].astype(np.float32)
    zeros = None if op.b_zero_point is None else constants[op.b_zero_point]
    left = lowered_points(zeros, weight.dtype, factor.shape)
    fields = _packed(op.name, weight, product, scope)
    whole = finished_blocks(op, fields, (1, product.depth), factor, left, scope)
    _call(op, (a, Word("NULL"), y), batch, product, whole, scope)


def _operands(op: MatMul | BlockedMatMul, scope: Scope) -> tuple[Operand, Operand]:
    a = scope.read(op.inputs[0], row_major(len(scope.tensor(op.inputs[0]).shape)))
    return a, scope.write(op.outputs[0])


def _packed(label: str, weight: Array, product: Product, scope: Scope) -> Fields:
    signed = as_signed(weight).reshape(-1, *weight.shape[-2:])
    packed = scope.constant(panels(signed), f"{label}_weights")
    return product.fields(element_type(DType(signed.dtype.name)), packed)


def _call(
    op: MatMul | BlockedMatMul,
    operands: tuple[Operand, Argument, Operand],
    batch: Struct,
    product: Product,
    whole: Struct,
    scope: Scope,
) -> None:
    """One call of the kernel; a computed `b` is packed behind the rows of every part."""
    a, b, y = operands
    scratch = product.scratch_bytes
    fields: Fields = {
        "batch": batch,
        "rows": product.rows,
        "a_type": element_type(a.dtype),
        "a_zero_point": op.a_zero_point,
    }
    if isinstance(b, Operand):
        fields["b_type"] = element_type(b.dtype)
        scratch += product.depth * product.columns * b.dtype.numpy.itemsize
    scratch = -(-scratch // _SCRATCH_ALIGNMENT) * _SCRATCH_ALIGNMENT
    fields |= {
        "block_rows": product.block_rows,
        "parts": scope.workers,
        "scratch_bytes": scratch,
        "product": whole,
    }
    size = scope.workers * scratch
    scope.call(_MATMUL, fields, (a, b), (y,), name=op.name, scratch_bytes=size)


def _sizes(
    op: MatMul | BlockedMatMul, a: Operand, b_shape: tuple[int, ...], b_dtype: DType, y: Operand
) -> tuple[Struct, Product]:
    """Loops over pairs of matrices, and the sizes of each; one `b` meets all rows at once."""
    depth, columns = b_shape[-2:]
    if prod(b_shape[:-2]) == 1:
        batch, rows = loops((1,), (0,), (0,), (0,)), prod(a.shape[:-1])
    else:
        outer = y.shape[:-2]
        batch = loops(
            outer,
            _matrix_strides(a.shape, outer),
            _matrix_strides(b_shape, outer),
            _matrix_strides(y.shape, outer),
        )
        rows = a.shape[-2]
    wide = needs_wide(a.dtype, op.a_zero_point, b_dtype, depth)
    odd = isinstance(op, BlockedMatMul) and op.block_size % 2 == 1
    return batch, Product(depth=depth, columns=columns, rows=rows, wide=wide, odd=odd)


def _matrix_strides(shape: tuple[int, ...], outer: tuple[int, ...]) -> tuple[int, ...]:
    """Elements from one matrix to the next, for each axis of the batch."""
    return broadcast_strides(row_major_strides(shape)[:-2], shape[:-2], outer)
