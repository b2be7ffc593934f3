"""Matrix products."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np

from toolchain.codegen.calls import Kernel
from toolchain.codegen.emitters.floats.attributes import integer, number
from toolchain.codegen.emitters.floats.inputs import argument, constant, is_given, plain
from toolchain.codegen.literals import Fields, Word
from toolchain.codegen.loops import broadcast_strides, loops, row_major_strides
from toolchain.codegen.operands import row_major

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolchain.codegen.calls import Argument
    from toolchain.codegen.emitters.floats import FloatEmitter
    from toolchain.codegen.scope import Scope
    from toolchain.program.records import FloatOp

_MATMUL = Kernel("tc_float_matmul", parallel=True)


def emit_matmul(op: FloatOp, scope: Scope) -> None:
    """As numpy.matmul: a vector is a row on the left and a column on the right."""
    (a, left), (b, right) = plain(op, 0, scope), plain(op, 1, scope)
    left = left if len(left) > 1 else (1, *left)
    right = right if len(right) > 1 else (*right, 1)
    batch = np.broadcast_shapes(left[:-2], right[:-2])
    rows = left[-2]
    if prod(right[:-2]) == 1:  # one b meets all rows at once
        rows, batch = rows * prod(batch), ()
    shapes = (left, right, (*batch, rows, right[-1]))
    steps = tuple(_batch_strides(shape, batch) for shape in shapes)
    fields: Fields = {
        "batch": loops(batch, *steps),
        "rows": rows,
        "depth": right[-2],
        "columns": right[-1],
        "alpha": np.float32(1),
        "parts": scope.workers,
    }
    y = scope.write(op.outputs[0])
    scope.call(_MATMUL, fields, (a, b, Word("NULL")), (y,), name=op.name)


def _batch_strides(shape: tuple[int, ...], batch: tuple[int, ...]) -> tuple[int, ...]:
    """Elements from matrix to matrix, along the axes of `batch`; 0 where they repeat."""
    if not batch:
        return ()
    outer = shape[:-2]
    return broadcast_strides(row_major_strides(shape)[:-2], outer, batch)


def emit_gemm(op: FloatOp, scope: Scope) -> None:
    """Gemm: alpha * (A @ B) + beta * C."""
    a, (rows, depth) = _matrix(op, 0, scope, transposed=bool(integer(op, "transA", 0)))
    b, (_, columns) = _matrix(op, 1, scope, transposed=bool(integer(op, "transB", 0)))
    fields: Fields = {
        "batch": loops((), (), (), ()),
        "rows": rows,
        "depth": depth,
        "columns": columns,
        "alpha": number(op, "alpha", 1.0),
    }
    c: Argument = Word("NULL")
    if is_given(op, 2):
        c, shape, strides = argument(op, 2, scope)
        row_step, column_step = broadcast_strides(strides, shape, (rows, columns))
        fields |= {
            "beta": number(op, "beta", 1.0),
            "c_row_step": row_step,
            "c_column_step": column_step,
        }
    fields["parts"] = scope.workers
    y = scope.write(op.outputs[0])
    scope.call(_MATMUL, fields, (a, b, c), (y,), name=op.name)


def _matrix(
    op: FloatOp, index: int, scope: Scope, *, transposed: bool
) -> tuple[Argument, tuple[int, int]]:
    """A factor as it is multiplied, row-major."""
    array = constant(op, index, scope)
    if array is not None:
        matrix = array.T if transposed else array
        rows, columns = matrix.shape
        return scope.constant(matrix, f"{op.name}_{index}"), (rows, columns)
    order = (1, 0) if transposed else row_major(2)
    operand = scope.read(op.inputs[index], order)
    rows, columns = operand.extents
    return operand, (rows, columns)


OPS: Mapping[str, FloatEmitter] = {"MatMul": emit_matmul, "Gemm": emit_gemm}
"""Emitters of this family by ONNX operator."""
