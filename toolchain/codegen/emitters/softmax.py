"""Softmax and WideSoftmax."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from toolchain.codegen.calls import Kernel
from toolchain.codegen.emitters.factors import grid
from toolchain.codegen.literals import Fields

if TYPE_CHECKING:
    from toolchain.codegen.scope import Scope
    from toolchain.program.records import Softmax, WideSoftmax

_SOFTMAX = Kernel("tc_softmax", in_place=True)


def emit_softmax(op: Softmax, scope: Scope) -> None:
    """Elements of 8 bits."""
    _emit(op, _exponentials(op, "low", op.exponentials, scope), scope)


def emit_wide_softmax(op: WideSoftmax, scope: Scope) -> None:
    """Elements of 16 bits."""
    high = _exponentials(op, "high", op.high, scope)
    _emit(op, high | _exponentials(op, "low", op.low, scope), scope)


def _exponentials(op: Softmax | WideSoftmax, part: str, name: str, scope: Scope) -> Fields:
    values = scope.program.constants[name].astype(np.int32)
    return {part: scope.constant(values, f"{op.name}_exponentials_{part}")}


def _emit(op: Softmax | WideSoftmax, exponentials: Fields, scope: Scope) -> None:
    """Rows along the axis, which is made the fastest one where it is not."""
    order = tuple(axis for axis in scope.order(op.inputs[0]) if axis != op.axis)
    x = scope.read(op.inputs[0], (*order, op.axis))
    y = scope.write(op.outputs[0], x.order)
    length = x.shape[op.axis]
    fields: Fields = {
        "rows": x.elements // length,
        "length": length,
        "x_type": scope.element(op.inputs[0]),
        **exponentials,
        "factor": np.float32(op.factor),
        "grid": grid(scope.tensor(op.outputs[0]), op.zero_point, scope.program.rounding),
    }
    scope.call(_SOFTMAX, fields, (x,), (y,), name=op.name)
