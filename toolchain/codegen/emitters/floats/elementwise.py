"""Operators on elements of one or several tensors, with broadcasting."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from toolchain.codegen.calls import Kernel
from toolchain.codegen.emitters.elementwise import broadcast, common_order, element_wise
from toolchain.codegen.emitters.floats.functions import apply, elementary, function_of
from toolchain.codegen.emitters.floats.inputs import is_given, names, read
from toolchain.codegen.literals import Fields, Word, element_type
from toolchain.codegen.loops import COPY, Strides, copy_fields, loops
from toolchain.core.dtypes import DType

if TYPE_CHECKING:
    from toolchain.codegen.calls import Argument
    from toolchain.codegen.operands import Operand
    from toolchain.codegen.scope import Scope
    from toolchain.program.records import FloatOp

_ARITHMETIC = Kernel("tc_arithmetic", in_place=True)
_COMPARE = Kernel("tc_compare", in_place=True)
_SELECT = Kernel("tc_select")
_CAST = Kernel("tc_cast", in_place=True)


def _arithmetic_fields(kind: str, dtype: DType, other: DType | None = None) -> Fields:
    """Parameters of `_ARITHMETIC` but for its loops; `other` is the second operand's type."""
    return {
        "kind": Word(f"TC_DO_{kind.upper()}"),
        "type": element_type(dtype),
        "b_type": element_type(other or dtype),
    }


def _fold(op: FloatOp, scope: Scope, kind: str = "") -> None:
    """Arithmetic on all inputs from the first to the last, what is found so far being the left."""
    inputs, result = names(op), op.outputs[0]
    dtype = scope.tensor(inputs[0]).dtype
    if dtype is DType.BOOL:
        raise scope.unsupported(op, "arithmetic on bool")
    if len(inputs) == 1:
        scope.alias(result, scope.read(inputs[0]))
    left = inputs[0]
    for right in inputs[1:]:
        arguments, y, nest = element_wise((left, right), result, op.name, scope)
        fields = _arithmetic_fields(kind or op.op_type, dtype) | {"loops": nest}
        scope.call(_ARITHMETIC, fields, arguments, (y,), name=op.name)
        left = result


def _mean(op: FloatOp, scope: Scope) -> None:
    _fold(op, scope, "Add")
    total = scope.read(op.outputs[0])
    y = scope.write(op.outputs[0], total.order)
    apply(elementary("Div", len(names(op))), total, y, f"{op.name}_mean", scope)


def _binary(op: FloatOp, scope: Scope) -> None:
    """Div, PRelu and Pow, whose operands are no equals."""
    if not _of_one_element(op, scope):
        inputs = names(op)
        first, second = (scope.tensor(name).dtype for name in inputs)
        if DType.BOOL in (first, second):
            raise scope.unsupported(op, "arithmetic on bool")
        arguments, y, nest = element_wise(inputs, op.outputs[0], op.name, scope)
        fields = _arithmetic_fields(op.op_type, first, second) | {"loops": nest}
        scope.call(_ARITHMETIC, fields, arguments, (y,), name=op.name)


def _extreme(op: FloatOp, scope: Scope) -> None:
    """Min and Max."""
    if not _of_one_element(op, scope):
        _fold(op, scope)


def _clip(op: FloatOp, scope: Scope) -> None:
    """The larger of x and the lower bound, then the smaller of that and the upper one."""
    if _of_one_element(op, scope):
        return
    inputs, result = names(op), op.outputs[0]
    dtype = scope.tensor(inputs[0]).dtype
    left = inputs[0]
    for index, kind in ((1, "Max"), (2, "Min")):
        if is_given(op, index):
            arguments, y, nest = element_wise((left, inputs[index]), result, op.name, scope)
            fields = _arithmetic_fields(kind, dtype) | {"loops": nest}
            scope.call(_ARITHMETIC, fields, arguments, (y,), name=f"{op.name}_{kind}")
            left = result
    if left != result:
        scope.alias(result, scope.read(left))


def _of_one_element(op: FloatOp, scope: Scope) -> bool:
    """True if the operator was a function of one float32 element, and has been called."""
    inputs, result = names(op), scope.tensor(op.outputs[0])
    source = scope.tensor(inputs[0])
    function = function_of(op, scope)
    same = source.dtype is DType.FLOAT32 and source.shape == result.shape
    if function is None or not same:
        return False
    x = read(op, 0, scope)
    apply(function, x, scope.write(op.outputs[0], x.order), op.name, scope)
    return True


def _compare(op: FloatOp, scope: Scope) -> None:
    """Comparisons, And and Or: bool from two tensors of one type."""
    inputs = names(op)
    dtype = scope.tensor(inputs[0]).dtype
    arguments, y, nest = element_wise(inputs, op.outputs[0], op.name, scope)
    _call_compare(op, op.op_type, dtype, arguments, y, {"loops": nest}, scope)


def _not(op: FloatOp, scope: Scope) -> None:
    """True where an element is 0."""
    x = read(op, 0, scope)
    zero = scope.constant(np.zeros(1, x.dtype.numpy), f"{op.name}_zero")
    y = scope.write(op.outputs[0], x.order)
    nest: Fields = {"loops": loops(x.shape, x.strides, (0,) * len(x.shape), y.strides)}
    _call_compare(op, "Equal", x.dtype, (x, zero), y, nest, scope)


def _call_compare(
    op: FloatOp,
    kind: str,
    dtype: DType,
    arguments: tuple[Argument, ...],
    y: Operand,
    nest: Fields,
    scope: Scope,
) -> None:
    fields: Fields = {"kind": Word(f"TC_IS_{kind.upper()}"), "type": element_type(dtype)}
    scope.call(_COMPARE, fields | nest, arguments, (y,), name=op.name)


def _where(op: FloatOp, scope: Scope) -> None:
    """All elements of the second, then those of the first where the condition holds."""
    condition, first, second = names(op)
    shape = scope.tensor(op.outputs[0]).shape
    order = common_order((condition, first, second), shape, scope)
    select, other, base = (
        broadcast(name, shape, order, op.name, scope) for name in (condition, first, second)
    )
    y = scope.write(op.outputs[0], order)
    choose(op.name, select, other, base, y, scope)


def choose(
    label: str,
    condition: tuple[Argument, Strides],
    first: tuple[Argument, Strides],
    second: tuple[Argument, Strides],
    y: Operand,
    scope: Scope,
) -> None:
    """Let y be `first` where the condition holds, else `second`: arguments with their strides."""
    filling = copy_fields(y.shape, second[1], y.strides, y.dtype)
    scope.call(COPY, filling, (second[0],), (y,), name=f"{label}_else")
    fields: Fields = {
        "size": y.dtype.numpy.itemsize,
        "loops": loops(y.shape, condition[1], first[1], y.strides),
    }
    scope.call(_SELECT, fields, (condition[0], first[0]), (y,), name=label)


def _cast(op: FloatOp, scope: Scope) -> None:
    """Conversion to the type of the output."""
    x = read(op, 0, scope)
    dtype = scope.tensor(op.outputs[0]).dtype
    if dtype is x.dtype:
        scope.alias(op.outputs[0], x)
        return
    y = scope.write(op.outputs[0], x.order)
    fields: Fields = {
        "count": x.elements,
        "x_type": element_type(x.dtype),
        "y_type": element_type(dtype),
        "to_bool": int(dtype is DType.BOOL),
    }
    scope.call(_CAST, fields, (x,), (y,), name=op.name)


OPS: Mapping[str, Callable[[FloatOp, Scope], None]] = {
    **dict.fromkeys(("Add", "Sub", "Mul"), _fold),
    "Sum": partial(_fold, kind="Add"),
    "Mean": _mean,
    **dict.fromkeys(("Div", "Pow", "PRelu"), _binary),
    **dict.fromkeys(("Min", "Max"), _extreme),
    "Clip": _clip,
    **dict.fromkeys(
        ("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "And", "Or"), _compare
    ),
    "Not": _not,
    "Where": _where,
    "Cast": _cast,
}
"""Emitters of this family by ONNX operator name."""
