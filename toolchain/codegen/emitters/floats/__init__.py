"""Operators of float islands, a module for each family (docs/numerics.md, 9).

Every module has `OPS`: an emitter by ONNX operator. What an operator's attributes and constant
inputs say is settled here, so that kernels get plain numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from toolchain.codegen.emitters.floats import (
    convolution,
    elementwise,
    functions,
    indexing,
    matrix,
    movement,
    normalization,
    pooling,
    reductions,
    resize,
)
from toolchain.codegen.literals import C_TYPES

if TYPE_CHECKING:
    from toolchain.codegen.scope import Scope
    from toolchain.program.records import FloatOp

    FloatEmitter = Callable[[FloatOp, Scope], None]

FLOAT_OPS: Mapping[str, FloatEmitter] = {
    **convolution.OPS,
    **matrix.OPS,
    **normalization.OPS,
    **pooling.OPS,
    **reductions.OPS,
    **resize.OPS,
    **functions.OPS,
    **elementwise.OPS,
    **movement.OPS,
    **indexing.OPS,
}
"""What is called for each ONNX operator."""


def emit_float_op(op: FloatOp, scope: Scope) -> None:
    """One operator of a float island."""
    emit = FLOAT_OPS.get(op.op_type)
    if emit is None:
        raise scope.unsupported(op, "there is no float kernel", op.op_type)
    for name in (*op.inputs, *op.constants.values(), *op.outputs):
        if name and scope.tensor(name).dtype not in C_TYPES:
            raise scope.unsupported(op, "C has no such elements", scope.tensor(name).dtype)
    emit(op, scope)
