"""Functions of one element: unary operators, and others whose further inputs are single numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from math import inf, isnan
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from toolchain.codegen.calls import Kernel
from toolchain.codegen.emitters.factors import grid
from toolchain.codegen.emitters.floats.inputs import read
from toolchain.codegen.literals import Fields, Struct, Word

if TYPE_CHECKING:
    from toolchain.codegen.operands import Operand
    from toolchain.codegen.scope import Scope
    from toolchain.program.records import FloatOp, Function

Numbers: TypeAlias = "list[float | None]"
"""Further inputs of an operator, None where one is left out."""

_UNARY = Kernel("tc_unary", "tc_elementary", in_place=True)
_FUNCTION = Kernel("tc_function", in_place=True)

_PLAIN = (
    "Abs Ceil Cos Erf Exp Floor HardSwish Log Mish Neg Reciprocal Relu Round Sigmoid Sign Sin "
    "Softplus Softsign Sqrt Tanh"
).split()

_ATTRIBUTES: Mapping[str, tuple[tuple[str, float], ...]] = {
    "Celu": (("alpha", 1.0),),
    "Elu": (("alpha", 1.0),),
    "HardSigmoid": (("alpha", 0.2), ("beta", 0.5)),
    "LeakyRelu": (("alpha", 0.01),),
    "Selu": (("alpha", 1.67326319217681884765625), ("gamma", 1.05070102214813232421875)),
    "Swish": (("alpha", 1.0),),
    "ThresholdedRelu": (("alpha", 1.0),),
}
"""Attributes that become `alpha` and `beta`, with ONNX's defaults."""


def elementary(kind: str, alpha: float | None = None, beta: float | None = None) -> Struct:
    """`tc_elementary`: a function with its numbers."""
    fields: Fields = {"kind": Word(f"TC_FN_{kind.upper()}")}
    fields |= {
        name: np.float32(value)
        for name, value in (("alpha", alpha), ("beta", beta))
        if value is not None
    }
    return Struct("tc_elementary", fields)


def apply(function: Struct, x: Operand, y: Operand, label: str, scope: Scope) -> None:
    """Let y be the function of x, element by element; y may be x."""
    scope.call(_UNARY, {"count": x.elements, "function": function}, (x,), (y,), name=label)


def _unary(op: FloatOp | Function) -> Struct:
    if op.op_type == "Gelu":
        return elementary("Gelu_tanh" if op.attributes.get("approximate") == "tanh" else "Gelu")
    values = []
    for name, default in _ATTRIBUTES.get(op.op_type, ()):
        value = op.attributes.get(name, default)
        values.append(float(value) if isinstance(value, (int, float)) else default)
    return elementary(op.op_type, *values)


def _larger(a: float, b: float) -> float:
    return b if b > a or isnan(b) else a


def _smaller(a: float, b: float) -> float:
    return b if b < a or isnan(b) else a


def _bounds(numbers: Numbers) -> Struct:
    low, high = (*numbers, None, None)[:2]
    return elementary("Clip", -inf if low is None else low, inf if high is None else high)


def _given(numbers: Numbers) -> list[float]:
    return [number for number in numbers if number is not None]


_OF_NUMBERS: Mapping[str, Callable[[Numbers], Struct]] = {
    "Clip": _bounds,
    "Div": lambda numbers: elementary("Div", numbers[0]),
    "Max": lambda numbers: _bounds([reduce(_larger, _given(numbers), -inf)]),
    "Min": lambda numbers: _bounds([None, reduce(_smaller, _given(numbers), inf)]),
    "PRelu": lambda numbers: elementary("LeakyRelu", numbers[0]),
    "Pow": lambda numbers: elementary("Pow", numbers[0]),
}
"""Operators of several inputs, as a function of the first one."""


def function_of(op: FloatOp | Function, scope: Scope) -> Struct | None:
    """`tc_elementary` of an operator; None where a further input is not a single constant."""
    if op.op_type in UNARY_OPS:
        return _unary(op)
    numbers: Numbers = []
    for index in range(1, max(len(op.inputs), max(op.constants, default=0) + 1)):
        name = op.constants.get(index) or (op.inputs[index] if index < len(op.inputs) else "")
        array = scope.program.constants.get(name)
        if name and (array is None or array.size != 1):
            return None
        numbers.append(None if array is None else float(array.astype(np.float32).reshape(())))
    return _OF_NUMBERS[op.op_type](numbers) if op.op_type in _OF_NUMBERS else None


def emit_unary(op: FloatOp, scope: Scope) -> None:
    """A function of one float32 element, wherever it lies."""
    function = function_of(op, scope)
    if function is None:
        raise scope.unsupported(op, "this is no function of one element", op.op_type)
    x = read(op, 0, scope)
    apply(function, x, scope.write(op.outputs[0], x.order), op.name, scope)


def emit_function(op: Function, scope: Scope) -> None:
    """A function of one quantized element."""
    function = function_of(op, scope)
    if function is None:
        raise scope.unsupported(op, "this is no function of one element", op.op_type)
    source, target = scope.tensor(op.inputs[0]), scope.tensor(op.outputs[0])
    x = scope.read(op.inputs[0])
    y = scope.write(op.outputs[0], x.order)
    fields: Fields = {
        "count": x.elements,
        "x_type": scope.element(op.inputs[0]),
        "x_zero_point": source.zero_point,
        "x_scale": np.float32(source.scale),
        "function": function,
        "y_scale": np.float32(target.scale),
        "grid": grid(target, target.zero_point, scope.program.rounding),
    }
    scope.call(_FUNCTION, fields, (x,), (y,), name=op.name)


UNARY_OPS = frozenset({*_PLAIN, *_ATTRIBUTES, "Gelu"})
"""Operators of one input."""

OPS: Mapping[str, Callable[[FloatOp, Scope], None]] = dict.fromkeys(UNARY_OPS, emit_unary)
"""Emitters of this family by ONNX operator name."""
