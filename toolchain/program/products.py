"""The matrix products that operations amount to, from shapes alone."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from toolchain.core.cost import MatrixShape
from toolchain.program.records import (
    BlockedConv,
    BlockedMatMul,
    Conv,
    ConvTranspose,
    FloatOp,
    MatMul,
)

if TYPE_CHECKING:
    from toolchain.program.records import Operation, Program

    Shape = tuple[int, ...]


def products_of(op: Operation, program: Program) -> MatrixShape | None:
    """The products of a convolution or matrix product, on integers or in float; else None."""
    output = program.tensors[op.outputs[0]].shape if op.outputs and op.outputs[0] else ()
    match op:
        case Conv() | BlockedConv():
            return _convolution(output, program.constants[op.weight].shape, op.groups)
        case ConvTranspose():
            data = program.tensors[op.inputs[0]].shape
            return _transposed(data, program.constants[op.weight].shape, op.groups)
        case MatMul() | BlockedMatMul():
            a, b = _shape(op.inputs[0], program), _shape(op.b or op.inputs[1], program)
            return _matrices(a, b, output)
        case FloatOp(op_type="Conv" | "ConvTranspose" | "Gemm" | "MatMul"):
            return _in_float(op, program, output)
    return None


def _in_float(op: FloatOp, program: Program, output: Shape) -> MatrixShape:
    a, b = (_shape(op.constants.get(i) or op.inputs[i], program) for i in range(2))
    groups = op.attributes.get("group", 1)
    match op.op_type:
        case "Conv":
            return _convolution(output, b, groups if isinstance(groups, int) else 1)
        case "ConvTranspose":
            return _transposed(a, b, groups if isinstance(groups, int) else 1)
        case "Gemm":
            depth = a[0] if op.attributes.get("transA", 0) else a[1]
            return MatrixShape(count=1, rows=output[0], depth=depth, columns=output[1])
    return _matrices(a, b, output)


def _shape(name: str, program: Program) -> Shape:
    if name in program.tensors:
        return program.tensors[name].shape
    return program.constants[name].shape


def _convolution(output: Shape, weight: Shape, groups: int) -> MatrixShape:
    """`output` (N, M, o...), `weight` (M, C/groups, k...)."""
    return MatrixShape(
        count=groups,
        rows=output[0] * math.prod(output[2:]),
        depth=math.prod(weight[1:]),
        columns=weight[0] // groups,
        window=math.prod(weight[2:]),
    )


def _transposed(data: Shape, weight: Shape, groups: int) -> MatrixShape:
    """`data` (N, C, i...), `weight` (C, M/groups, k...): all positions meet all weights."""
    return MatrixShape(
        count=groups,
        rows=data[0] * math.prod(data[2:]),
        depth=weight[0] // groups,
        columns=math.prod(weight[1:]),
    )


def _matrices(a: Shape, b: Shape, output: Shape) -> MatrixShape:
    """As numpy's matmul; a `b` of two axes is one matrix for all of `a`."""
    columns = b[-1] if len(b) > 1 else 1
    whole = math.prod(output)
    rows = whole // columns if len(b) <= 2 else a[-2] if len(a) > 1 else 1
    return MatrixShape(count=whole // (rows * columns), rows=rows, depth=a[-1], columns=columns)
