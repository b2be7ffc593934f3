"""Inputs of float operators, in the order of ONNX: tensors, constants, or left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolchain.codegen.loops import Strides, row_major_strides
from toolchain.codegen.operands import Order, row_major

if TYPE_CHECKING:
    from toolchain.codegen.calls import Argument
    from toolchain.codegen.operands import Operand
    from toolchain.codegen.scope import Scope
    from toolchain.core.dtypes import Array
    from toolchain.program.records import FloatOp


def constant(op: FloatOp, index: int, scope: Scope) -> Array | None:
    """The constant in input `index`; None where it is left out or computed."""
    name = op.constants.get(index)
    if name is None and index < len(op.inputs):
        name = op.inputs[index]
    return None if name is None else scope.program.constants.get(name)


def is_given(op: FloatOp, index: int) -> bool:
    """True if input `index` is there, constant or computed."""
    return index in op.constants or (index < len(op.inputs) and bool(op.inputs[index]))


def argument(
    op: FloatOp, index: int, scope: Scope, order: Order | None = None
) -> tuple[Argument, tuple[int, ...], Strides]:
    """Input `index` as an argument of a call, with its shape and its strides in elements.

    A computed one is in `order`, or in the order in which it lies where that is None; a constant
    is row-major.
    """
    array = constant(op, index, scope)
    if array is not None:
        found = scope.constant(array, f"{op.name}_{index}")
        return found, array.shape, row_major_strides(array.shape)
    operand = scope.read(op.inputs[index], order)
    return operand, operand.shape, operand.strides


def plain(op: FloatOp, index: int, scope: Scope) -> tuple[Argument, tuple[int, ...]]:
    """Input `index` in row-major order, with its shape."""
    array = constant(op, index, scope)
    rank = len(scope.tensor(op.inputs[index]).shape) if array is None else array.ndim
    found, shape, _ = argument(op, index, scope, row_major(rank))
    return found, shape


def names(op: FloatOp) -> tuple[str, ...]:
    """Names of all inputs, those of constants filled in, "" where one is left out."""
    return tuple(op.constants.get(index, name) for index, name in enumerate(op.inputs))


def read(op: FloatOp, index: int, scope: Scope) -> Operand:
    """Input `index` as it lies in memory, where a constant is put, too."""
    return scope.read(names(op)[index])


def integers(op: FloatOp, index: int, scope: Scope) -> tuple[int, ...] | None:
    """The integers of an input that must be constant (axes, pads), None where it is left out."""
    array = constant(op, index, scope)
    return None if array is None else tuple(int(item) for item in array.reshape(-1))
