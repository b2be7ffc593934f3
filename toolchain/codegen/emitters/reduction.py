"""Reduce and ArgExtreme: axes of any order, wherever they lie."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from toolchain.codegen.calls import Kernel
from toolchain.codegen.emitters.factors import grid
from toolchain.codegen.literals import Fields, Struct, Word
from toolchain.codegen.loops import loops
from toolchain.program.records import ReduceKind

if TYPE_CHECKING:
    from collections.abc import Collection

    from toolchain.codegen.operands import Operand, Order
    from toolchain.codegen.scope import Scope
    from toolchain.program.records import ArgExtreme, Reduce

_REDUCE = Kernel("tc_reduce")
_ARG_EXTREME = Kernel("tc_arg_extreme", "tc_reduce")


def emit_reduce(op: Reduce, scope: Scope) -> None:
    """Sum, largest or smallest element."""
    x = scope.read(op.inputs[0])
    tensor = scope.tensor(op.outputs[0])
    y = scope.write(op.outputs[0], _order(x, op.axes, len(tensor.shape)))
    is_sum = op.kind is ReduceKind.SUM
    cells = grid(tensor, op.zero_point if is_sum else 0, scope.program.rounding)
    factor = np.float32(op.factor if is_sum else 1)
    kept = [axis for axis in range(len(x.shape)) if axis not in op.axes]
    fields: Fields = {
        "kind": Word(f"TC_REDUCE_{op.kind.name}"),
        "x_type": scope.element(op.inputs[0]),
        "x_zero_point": op.x_zero_point if is_sum else 0,
        "scale": Struct("tc_scale_params", {"factor": factor, "grid": cells}),
        "kept": _loops(x, kept),
        "reduced": _loops(x, op.axes),
    }
    scope.call(_REDUCE, fields, (x,), (y,), name=op.name)


def emit_arg_extreme(op: ArgExtreme, scope: Scope) -> None:
    """Index of the largest or smallest element."""
    x = scope.read(op.inputs[0])
    rank = len(scope.tensor(op.outputs[0]).shape)
    y = scope.write(op.outputs[0], _order(x, (op.axis,), rank))
    fields: Fields = {
        "smallest": int(op.smallest),
        "last": int(op.last),
        "x_type": scope.element(op.inputs[0]),
        "length": x.shape[op.axis],
        "step": x.strides[op.axis],
        "kept": _loops(x, [axis for axis in range(len(x.shape)) if axis != op.axis]),
    }
    scope.call(_ARG_EXTREME, fields, (x,), (y,), name=op.name)


def _order(x: Operand, axes: Collection[int], rank: int) -> Order:
    """The order of a result of `rank` axes: as those of x lie, reduced ones kept or left out."""
    if rank == len(x.shape):
        return x.order
    kept = [axis for axis in range(len(x.shape)) if axis not in axes]
    return tuple(kept.index(axis) for axis in x.order if axis in kept)


def _loops(x: Operand, axes: Collection[int]) -> Struct:
    """Loops over some axes of x, in the order in which they lie."""
    shape = [extent if axis in axes else 1 for axis, extent in enumerate(x.shape)]
    return loops(shape, x.strides)
