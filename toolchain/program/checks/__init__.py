"""Whether every operation fits its tensors and constants, before anything is made of a program.

A module for each family of records. A rule says what must hold for an operation to mean something:
shapes, types, axes, positions inside their axis, sums that stay in the accumulator. What passes can
be executed and generated without a look at any of it again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from toolchain.errors import Code, CompileError, Problem
from toolchain.program.checks.accumulate import (
    check_blocked_conv,
    check_blocked_matmul,
    check_conv,
    check_conv_transpose,
    check_matmul,
)
from toolchain.program.checks.elementwise import (
    check_binary,
    check_dequantize,
    check_normalize,
    check_quantize,
    check_rescale,
    check_slope,
    check_softmax,
    check_table,
    check_wide_softmax,
)
from toolchain.program.checks.facts import Facts
from toolchain.program.checks.float_ops import check_float_op, check_function
from toolchain.program.checks.movement import check_move
from toolchain.program.checks.reduction import check_arg_extreme, check_reduce
from toolchain.program.checks.resampling import check_interpolate, check_resize
from toolchain.program.checks.windows import check_pool
from toolchain.program.records import (
    ArgExtreme,
    Binary,
    BlockedConv,
    BlockedMatMul,
    Conv,
    ConvTranspose,
    Dequantize,
    FloatOp,
    Function,
    Interpolate,
    MatMul,
    Move,
    Normalize,
    Operation,
    Pool,
    Program,
    Quantize,
    Reduce,
    Rescale,
    Resize,
    Slope,
    Softmax,
    Table,
    WideSoftmax,
)

CHECKS: Mapping[type[Operation], Callable[[Any, Facts], None]] = {
    ArgExtreme: check_arg_extreme,
    Binary: check_binary,
    BlockedConv: check_blocked_conv,
    BlockedMatMul: check_blocked_matmul,
    Conv: check_conv,
    ConvTranspose: check_conv_transpose,
    Dequantize: check_dequantize,
    FloatOp: check_float_op,
    Function: check_function,
    Interpolate: check_interpolate,
    MatMul: check_matmul,
    Move: check_move,
    Normalize: check_normalize,
    Pool: check_pool,
    Quantize: check_quantize,
    Reduce: check_reduce,
    Rescale: check_rescale,
    Resize: check_resize,
    Slope: check_slope,
    Softmax: check_softmax,
    Table: check_table,
    WideSoftmax: check_wide_softmax,
}
"""The rules of every record."""


def operation_problems(program: Program) -> Iterator[Problem]:
    """The first thing that is wrong with each operation of a program whose names are all right."""
    for op in program.operations:
        try:
            CHECKS[type(op)](op, Facts(program, op))
        except CompileError as error:
            yield from error.problems
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            # Attributes of float operators may hold anything; what reads them says it in its words.
            yield Problem(
                code=Code.PROGRAM_INVALID,
                message="The operation's numbers do not fit",
                where=op.name,
                got=str(error),
            )
