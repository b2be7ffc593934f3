"""Element-wise operators: one IEEE 754 float32 operation per step, numpy broadcasting."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from toolchain.core.dtypes import DType
from toolchain.numerics.elementary import UNARY, power
from toolchain.program.float_ops.call import Call, Kernel
from toolchain.program.float_ops.folds import larger, smaller

if TYPE_CHECKING:
    from toolchain.core.dtypes import Array

_ONNX_TYPES: Mapping[int, DType] = MappingProxyType(
    {
        1: DType.FLOAT32,
        2: DType.UINT8,
        3: DType.INT8,
        4: DType.UINT16,
        5: DType.INT16,
        6: DType.INT32,
        7: DType.INT64,
        9: DType.BOOL,
        10: DType.FLOAT16,
        11: DType.FLOAT64,
    }
)
"""Numbers of element types in ONNX (TensorProto.DataType)."""


def _unary(call: Call) -> tuple[Array, ...]:
    return (UNARY[call.op.op_type](call.real(0), call.op.attributes),)


def _checked_pair(call: Call) -> tuple[Array, Array]:
    a, b = call.array(0), call.array(1)
    if a.dtype != b.dtype:
        raise call.invalid("inputs of different types", got=f"{a.dtype} and {b.dtype}")
    return a, b


def _arithmetic(function: np.ufunc) -> Kernel:
    """Add, Sub, Mul on two arrays of one type; integers wrap."""

    def kernel(call: Call) -> tuple[Array, ...]:
        a, b = _checked_pair(call)
        return (np.asarray(function(a, b), a.dtype),)

    return kernel


def _divide(call: Call) -> tuple[Array, ...]:
    """Float division; integers truncate towards 0."""
    a, b = _checked_pair(call)
    if a.dtype.kind == "f":
        return (np.asarray(a / b, a.dtype),)
    if not b.all():
        raise call.invalid("integer division by zero")
    quotient = a // b
    return (np.asarray(quotient + ((quotient < 0) & (quotient * b != a)), a.dtype),)


def _power(call: Call) -> tuple[Array, ...]:
    """Float base with an exponent of any type (rounded to float32); integers exactly, wrapping."""
    base, exponent = call.array(0), call.array(1)
    if base.dtype.kind == "f":
        return (power(call.real(0), exponent.astype(np.float32)),)
    if exponent.dtype.kind not in "iu" or (exponent < 0).any():
        raise call.invalid("exponent of an integer base", allowed="integers >= 0")
    return (np.asarray(np.power(base, exponent), base.dtype),)


def _comparison(function: np.ufunc) -> Kernel:
    """A function of two arrays of one type that gives bool."""
    return lambda call: (np.asarray(function(*_checked_pair(call)), np.bool_),)


def _fold(function: Callable[[Array, Array], Array]) -> Kernel:
    """Inputs of one type joined from the first to the last."""

    def kernel(call: Call) -> tuple[Array, ...]:
        values = tuple(call.array(index) for index in range(len(call.inputs)))
        if len({value.dtype for value in values}) != 1:
            raise call.invalid("inputs of different types", got=[v.dtype for v in values])
        return (np.asarray(reduce(function, values), values[0].dtype),)

    return kernel


def _mean(call: Call) -> tuple[Array, ...]:
    """The sum from the first input to the last, divided by float32(inputs)."""
    values = call.reals()
    return (np.asarray(reduce(np.add, values) / np.float32(len(values)), np.float32),)


def _where(call: Call) -> tuple[Array, ...]:
    condition, a, b = call.array(0), call.array(1), call.array(2)
    if condition.dtype != np.bool_ or a.dtype != b.dtype:
        raise call.invalid("input types", got=[condition.dtype, a.dtype, b.dtype])
    return (np.where(condition, a, b),)


def _clip(call: Call) -> tuple[Array, ...]:
    """The smaller of (the larger of x and min) and max; a bound left out does nothing."""
    x, low, high = call.array(0), call.optional(1), call.optional(2)
    y = x if low is None else larger(x, low)
    return (np.asarray(y if high is None else smaller(y, high), x.dtype),)


def _prelu(call: Call) -> tuple[Array, ...]:
    """Slope * x where x < 0, else x."""
    x, slope = call.real(0), call.real(1)
    return (np.where(x < 0, slope * x, x),)


def _not(call: Call) -> tuple[Array, ...]:
    return (np.logical_not(call.array(0)),)


def _cast(call: Call) -> tuple[Array, ...]:
    """Conversion between types.

    Float to integer truncates towards 0, saturates, and makes 0 of NaN (ONNX leaves the last two
    open); integer to integer keeps the low bits; to float rounds half to even; to bool is x != 0.
    """
    number = call.integer("to")
    if number not in _ONNX_TYPES:
        known = ", ".join(f"{key} ({dtype})" for key, dtype in _ONNX_TYPES.items())
        raise call.invalid("attribute to", got=number, allowed=known)
    x, dtype = call.array(0), _ONNX_TYPES[number]
    if x.dtype.kind == "f" and dtype.is_integer:
        return (_float_to_integer(x, dtype.numpy),)
    return (x.astype(dtype.numpy),)


def _float_to_integer(x: Array, dtype: np.dtype[Any]) -> Array:
    limits = np.iinfo(dtype)
    whole = np.trunc(x.astype(np.float64))
    above, below = whole >= float(limits.max), whole <= float(limits.min)
    inside = np.where(above | below | np.isnan(whole), 0.0, whole).astype(dtype)
    return np.where(above, dtype.type(limits.max), np.where(below, dtype.type(limits.min), inside))


OPS: Mapping[str, Kernel] = MappingProxyType(
    {
        **dict.fromkeys(UNARY, _unary),
        "Add": _arithmetic(np.add),
        "Sub": _arithmetic(np.subtract),
        "Mul": _arithmetic(np.multiply),
        "Div": _divide,
        "Pow": _power,
        "Equal": _comparison(np.equal),
        "Greater": _comparison(np.greater),
        "GreaterOrEqual": _comparison(np.greater_equal),
        "Less": _comparison(np.less),
        "LessOrEqual": _comparison(np.less_equal),
        "And": _comparison(np.logical_and),
        "Or": _comparison(np.logical_or),
        "Not": _not,
        "Min": _fold(smaller),
        "Max": _fold(larger),
        "Sum": _fold(np.add),
        "Mean": _mean,
        "Where": _where,
        "Clip": _clip,
        "PRelu": _prelu,
        "Cast": _cast,
    }
)
"""Kernels of this family by ONNX operator name."""
