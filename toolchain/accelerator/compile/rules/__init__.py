"""Rules of operations: which there are, and what has none."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from toolchain.accelerator.compile.rules.base import Facts, Rule
from toolchain.accelerator.compile.rules.blending import linear_rule
from toolchain.accelerator.compile.rules.blocked import blocked_conv_rule, blocked_dense_rule
from toolchain.accelerator.compile.rules.convolution import conv_rule, dense_rule
from toolchain.accelerator.compile.rules.elementwise import (
    binary_rule,
    function_rule,
    rescale_rule,
    slope_rule,
    table_rule,
)
from toolchain.accelerator.compile.rules.lenses import identity
from toolchain.accelerator.compile.rules.movement import move_rule
from toolchain.accelerator.compile.rules.normalization import normalize_rule, run_axis
from toolchain.accelerator.compile.rules.pooling import pool_rule
from toolchain.accelerator.compile.rules.rows import (
    extreme_rule,
    product_rule,
    reduce_rule,
    softmax_rule,
)
from toolchain.accelerator.compile.rules.selection import nearest_rule
from toolchain.accelerator.compile.rules.transposed import transposed_rule
from toolchain.core.dtypes import DType
from toolchain.program.records import (
    ArgExtreme,
    Binary,
    BlockedConv,
    BlockedMatMul,
    Conv,
    ConvTranspose,
    Function,
    MatMul,
    Move,
    MoveKind,
    Normalize,
    Operation,
    Pool,
    Reduce,
    Rescale,
    Resize,
    Slope,
    Softmax,
    Table,
    WideSoftmax,
)

if TYPE_CHECKING:
    from toolchain.core.machine import Machine
    from toolchain.program.records import Program, Tensor

_STORED = frozenset(
    {
        DType.INT4,
        DType.UINT4,
        DType.INT8,
        DType.UINT8,
        DType.INT16,
        DType.UINT16,
        DType.INT32,
        DType.INT64,
        DType.BOOL,
    }
)
_MOST_AXES = 6


def rule_of(op: Operation, facts: Facts) -> Rule:
    """The rule of an operation that the machine can do and no lens can follow (`steps`)."""
    match op:
        case MatMul() if op.b is not None and facts.program.constants[op.b].ndim == 2:
            return dense_rule(op, facts)
        case Resize() if not op.weights:
            return nearest_rule(op, facts)
    return _RULES[type(op)](op, facts)


_RULES: Mapping[type[Operation], Callable[[Any, Facts], Rule]] = {
    ArgExtreme: extreme_rule,
    Binary: binary_rule,
    BlockedConv: blocked_conv_rule,
    BlockedMatMul: blocked_dense_rule,
    Conv: conv_rule,
    ConvTranspose: transposed_rule,
    Function: function_rule,
    MatMul: product_rule,
    Move: move_rule,
    Normalize: normalize_rule,
    Pool: pool_rule,
    Reduce: reduce_rule,
    Rescale: rescale_rule,
    Resize: linear_rule,
    Slope: slope_rule,
    Softmax: softmax_rule,
    Table: table_rule,
    WideSoftmax: softmax_rule,
}


def unsupported(op: Operation, program: Program, machine: Machine) -> str | None:
    """Why the machine cannot do an operation; None if it can."""
    if type(op) not in _RULES:
        return f"there is no instruction for {type(op).__name__}"
    tensors = [program.tensors[n] for n in (*op.inputs, *op.outputs) if n in program.tensors]
    if any(tensor.dtype not in _STORED for tensor in tensors[: len(op.inputs)]):
        return "it reads floating-point numbers"
    if any(len(tensor.shape) > _MOST_AXES for tensor in tensors):
        return f"a tensor has more than {_MOST_AXES} axes"
    reason = _reads_constant(op, program) or _wrong_form(op, tensors, program)
    return reason or _too_wide(op, program, machine)


def _reads_constant(op: Operation, program: Program) -> str | None:
    """A constant as an operand is a parameter of two kinds of operations alone."""
    joins = isinstance(op, Binary) or (isinstance(op, Move) and op.kind is MoveKind.CONCAT)
    constants = [name in program.constants for name in op.inputs]
    if all(constants) or (any(constants) and not joins):
        return "it reads a constant"
    return None


def _wrong_form(op: Operation, tensors: Sequence[Tensor], program: Program) -> str | None:
    shape = tensors[0].shape
    match op:
        case BlockedConv() | Conv() | ConvTranspose() | Pool():
            found = len(shape) not in (3, 4), "windows have three spatial axes"
        case Resize() if op.weights:
            wrong = len(shape) not in (3, 4) or min(op.axes) < 2
            found = wrong, "it blends other axes than rows and columns"
        case Move(kind=MoveKind.RESHAPE):
            lens = identity(shape).reshaped(tensors[-1].shape)
            wrong = lens is None or not lens.copied_at_once
            found = wrong, "the shapes have no common axes, or too many"
        case MatMul() if op.b is None:
            found = any(len(t.shape) > 5 for t in tensors), "there are more than three outer axes"
        case MatMul():
            found = len(shape) > 4, "there are more than two outer axes"
        case BlockedMatMul():
            wrong = len(shape) > 4 or program.constants[op.b].ndim > 2
            found = wrong, "there are more than two outer axes, or several matrices"
        case Function():
            found = tensors[0].dtype.bits > 16, "there is a table for up to 16 bits"
        case Normalize():
            found = not run_axis(shape, op.length)[1], "runs begin within rows"
        case _:
            return None
    return found[1] if found[0] else None


def _too_wide(op: Operation, program: Program, machine: Machine) -> str | None:
    if isinstance(op, (MatMul, BlockedMatMul)):
        constant = op.b
    elif isinstance(op, (BlockedConv, Conv, ConvTranspose)):
        constant = op.weight
    else:
        return None
    bits = [program.tensors[name].dtype.bits for name in op.inputs]
    if constant is not None:
        bits.append(program.constants[constant].dtype.itemsize * 8)
    if max(bits) in machine.convolution.passes or max(bits) < 8:
        return None
    return f"its arrays multiply no operands of {max(bits)} bits"
