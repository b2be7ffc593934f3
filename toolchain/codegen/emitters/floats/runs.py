"""Runs of elements along one axis of a tensor in memory."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from toolchain.core.dtypes import DType

if TYPE_CHECKING:
    from toolchain.codegen.literals import Fields, Word
    from toolchain.codegen.operands import Operand
    from toolchain.codegen.scope import Scope
    from toolchain.program.records import FloatOp


def runs(x: Operand, axis: int) -> Fields:
    """`outer`, `length` and `inner`: outer * inner runs, each of elements `inner` apart."""
    at = x.order.index(axis % len(x.shape))
    extents = x.extents
    return {"outer": prod(extents[:at]), "length": extents[at], "inner": prod(extents[at + 1 :])}


def number_type(op: FloatOp, name: str, scope: Scope) -> Word:
    """The `tc_type` of a tensor of float32 or integers; others have no kernels."""
    dtype = scope.tensor(name).dtype
    if dtype is DType.FLOAT64:
        raise scope.unsupported(op, f"{op.op_type} of {dtype}", dtype)
    return scope.element(name)
