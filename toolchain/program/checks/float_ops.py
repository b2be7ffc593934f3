"""FloatOp and Function: what comes out of an ONNX operator, from shapes, types and constants.

The rules read the operator through `Call`, as its evaluation does, on inputs that have a shape and
a type but no elements of their own; only constants have values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from toolchain.core.dtypes import DType
from toolchain.numerics.elementary import UNARY
from toolchain.program.checks.elementwise import check_quantized
from toolchain.program.checks.float_movement import MOVEMENTS
from toolchain.program.checks.float_windows import WINDOWS
from toolchain.program.float_ops import elementwise
from toolchain.program.float_ops.call import Call
from toolchain.program.records import FloatOp

if TYPE_CHECKING:
    from toolchain.core.dtypes import Array
    from toolchain.program.checks.facts import Facts
    from toolchain.program.records import Function

Results: TypeAlias = tuple[tuple[tuple[int, ...], DType], ...]
"""Shape and type of every output."""

Rule: TypeAlias = Callable[[Call], Results]

_COMPARISONS = frozenset({"Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"})
_LOGICAL = frozenset({"And", "Or"})
_SETTINGS: Mapping[str, tuple[int, ...]] = {
    **dict.fromkeys(("Reshape", "Expand", "Tile", "Squeeze", "Unsqueeze"), (1,)),
    **dict.fromkeys(("Split", "TopK", "CumSum", "Trilu"), (1,)),
    **dict.fromkeys(("ReduceSum", "ReduceProd", "ReduceMax", "ReduceMin", "ReduceMean"), (1,)),
    **dict.fromkeys(("ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSumExp"), (1,)),
    "Slice": (1, 2, 3, 4),
    "Pad": (1, 3),
    "Resize": (1, 2, 3),
    "ConstantOfShape": (0,),
    "Range": (0, 1, 2),
}
"""Inputs that say what an operator does, which must be constants: shapes are static."""


def check_float_op(op: FloatOp, facts: Facts) -> None:
    """A known operator whose outputs are what its inputs and attributes give."""
    _check_attributes(op, facts)
    for index in op.constants:
        facts.require(
            index < len(op.inputs) and op.inputs[index] == "",
            "A constant has no place among the inputs",
            index,
        )
    for index in _SETTINGS.get(op.op_type, ()):
        given = index < len(op.inputs) and op.inputs[index]
        facts.require(
            not given or given in facts.program.constants,
            f"Input {index} of {op.op_type} must be a constant",
            given or None,
        )
    results = _results(op, tuple(_stand_in(op, index, facts) for index in range(len(op.inputs))))
    facts.require(
        1 <= len(op.outputs) <= len(results),
        "The operator has fewer outputs",
        len(op.outputs),
        f"1 to {len(results)}",
    )
    for index, (shape, dtype) in enumerate(results[: len(op.outputs)]):
        if op.outputs[index]:
            facts.result(shape, dtype, index)


def check_function(op: Function, facts: Facts) -> None:
    """A float operator that keeps the shape, both sides quantized."""
    facts.arity(1)
    _check_attributes(op, facts)
    facts.tensor(op.inputs[0])
    facts.integers(op.inputs[0])
    check_quantized(facts.x, facts)
    check_quantized(facts.y, facts)
    facts.saturates(facts.y.zero_point)
    others: list[Array | None] = [None, None]
    for index, name in op.constants.items():
        facts.require(1 <= index <= 2, "There is no such input", index, "1 or 2")
        array = facts.constant(name, DType.FLOAT32)
        facts.require(array.size == 1, f"Constant {name!r} must have one element", array.shape)
        others[index - 1] = array.reshape(())
    while others and others[-1] is None:
        others.pop()
    call = FloatOp(
        name=op.name,
        inputs=op.inputs,
        outputs=op.outputs,
        op_type=op.op_type,
        attributes=op.attributes,
    )
    facts.require(op.op_type in ELEMENT_WISE, "There is no such function", op.op_type)
    ((shape, dtype), *_) = _results(call, (_like(facts.x.shape, DType.FLOAT32), *others))
    facts.require(dtype is DType.FLOAT32, "The function's result must be float32", dtype)
    facts.result(shape)


def _check_attributes(op: FloatOp | Function, facts: Facts) -> None:
    """Numbers are float32's, as ONNX stores them."""
    for name, value in op.attributes.items():
        for item in value if isinstance(value, tuple) else (value,):
            if isinstance(item, float):
                facts.real(item, f"Attribute {name}")


def _stand_in(op: FloatOp, index: int, facts: Facts) -> Array | None:
    name = op.inputs[index] or op.constants.get(index, "")
    if not name:
        return None
    constant = facts.program.constants.get(name)
    return _like(facts.shape(name), facts.dtype(name)) if constant is None else constant


def _like(shape: tuple[int, ...], dtype: DType) -> Array:
    """An array of some shape and type whose elements are all one."""
    return np.broadcast_to(np.ones((), dtype.numpy), shape)


def _results(op: FloatOp, inputs: tuple[Array | None, ...]) -> Results:
    call = Call(op=op, inputs=inputs)
    rule = RULES.get(op.op_type)
    if rule is None:
        raise call.invalid("not a float operator", allowed=", ".join(sorted(RULES)))
    return rule(call)


def _own(array: Array) -> DType:
    return DType(array.dtype.name)


def _broadcast(arrays: tuple[Array, ...]) -> tuple[int, ...]:
    return np.broadcast_shapes(*(array.shape for array in arrays))


def _unary(call: Call) -> Results:
    x = call.real(0)
    for name in ("alpha", "beta", "gamma"):
        call.number(name, 0.0)
    # One element says whether the other attributes can be evaluated.
    one = Call(op=call.op, inputs=(np.ones(1, np.float32), *call.inputs[1:]))
    elementwise.OPS[call.op.op_type](one)
    return ((x.shape, DType.FLOAT32),)


def _same_type(call: Call) -> tuple[Array, ...]:
    values = tuple(call.array(index) for index in range(len(call.inputs)))
    if not values or len({value.dtype for value in values}) != 1:
        raise call.invalid("inputs of different types", got=[v.dtype.name for v in values])
    return values


def _fold(call: Call) -> Results:
    values = _same_type(call)
    if call.op.op_type in ("Add", "Sub", "Mul", "Div") and len(values) != 2:
        raise call.invalid("inputs", got=len(values), allowed="2")
    if call.op.op_type == "Mean":
        call.reals()
    return ((_broadcast(values), _own(values[0])),)


def _comparison(call: Call) -> Results:
    a, b = _same_type(call)
    return ((_broadcast((a, b)), DType.BOOL),)


def _power(call: Call) -> Results:
    base, exponent = call.array(0), call.array(1)
    if base.dtype.kind == "f":
        call.real(0)
    elif exponent.dtype.kind not in "iu":
        raise call.invalid("exponent of an integer base", allowed="integers >= 0")
    return ((_broadcast((base, exponent)), _own(base)),)


def _where(call: Call) -> Results:
    condition, a, b = call.array(0), call.array(1), call.array(2)
    if condition.dtype != np.bool_ or a.dtype != b.dtype:
        raise call.invalid("input types", got=[v.dtype.name for v in (condition, a, b)])
    return ((_broadcast((condition, a, b)), _own(a)),)


def _clip(call: Call) -> Results:
    x, bounds = call.array(0), (call.optional(1), call.optional(2))
    for bound in bounds:
        if bound is not None and (bound.size != 1 or bound.dtype != x.dtype):
            raise call.invalid("a bound", got=bound.shape, allowed=f"one element of {x.dtype}")
    return ((x.shape, _own(x)),)


def _prelu(call: Call) -> Results:
    x, slope = call.real(0), call.real(1)
    if _broadcast((x, slope)) != x.shape:
        raise call.invalid("shape of the slope", got=slope.shape)
    return ((x.shape, DType.FLOAT32),)


def _not(call: Call) -> Results:
    return ((call.array(0).shape, DType.BOOL),)


def _cast(call: Call) -> Results:
    x = call.array(0)
    one = Call(op=call.op, inputs=(np.ones(1, x.dtype),))
    (result,) = elementwise.OPS["Cast"](one)
    return ((x.shape, _own(result)),)


def _reduction(call: Call) -> Results:
    x = call.array(0)
    axes = call.numbers(1) if call.optional(1) is not None else call.integers("axes")
    reduced = call.axes(axes or (), x.ndim)
    if not axes and not call.integer("noop_with_empty_axes", 0):
        reduced = tuple(range(x.ndim))
    return ((_left(x.shape, reduced, keep=bool(call.integer("keepdims", 1))), _own(x)),)


def _left(shape: tuple[int, ...], axes: tuple[int, ...], *, keep: bool) -> tuple[int, ...]:
    if keep:
        return tuple(1 if axis in axes else extent for axis, extent in enumerate(shape))
    return tuple(extent for axis, extent in enumerate(shape) if axis not in axes)


def _real_reduction(call: Call) -> Results:
    call.real(0)
    return _reduction(call)


def _arg(call: Call) -> Results:
    x = call.array(0)
    axis = call.axis(call.integer("axis", 0), x.ndim)
    call.integer("select_last_index", 0)
    return ((_left(x.shape, (axis,), keep=bool(call.integer("keepdims", 1))), DType.INT64),)


def _top_k(call: Call) -> Results:
    x, count = call.array(0), call.numbers(1)
    axis = call.axis(call.integer("axis", -1), x.ndim)
    if not count or not 1 <= count[0] <= x.shape[axis]:
        raise call.invalid("k", got=count, allowed=f"1 to {x.shape[axis]}")
    call.integer("largest", 1)
    shape = (*x.shape[:axis], count[0], *x.shape[axis + 1 :])
    return (shape, _own(x)), (shape, DType.INT64)


def _cum_sum(call: Call) -> Results:
    x, axes = call.array(0), call.numbers(1)
    if not axes:
        raise call.invalid("input 1 is missing")
    call.axis(axes[0], x.ndim)
    call.integer("reverse", 0)
    call.integer("exclusive", 0)
    return ((x.shape, _own(x)),)


def _along(call: Call) -> Results:
    x = call.real(0)
    call.axis(call.integer("axis", -1), x.ndim)
    if call.op.op_type == "LpNormalization" and call.integer("p", 2) not in (1, 2):
        raise call.invalid("attribute p", got=call.integer("p", 2), allowed="1, 2")
    return ((x.shape, DType.FLOAT32),)


def _layer(call: Call) -> Results:
    x = call.real(0)
    axis = call.axis(call.integer("axis", -1), x.ndim)
    call.number("epsilon", 1e-5)
    for index in range(1, min(len(call.inputs), 3)):
        parameter = call.optional_real(index)
        if parameter is not None and _broadcast((x, parameter)) != x.shape:
            raise call.invalid(f"shape of input {index}", got=parameter.shape)
    call.real(1)
    if call.op.op_type == "RMSNormalization":
        return ((x.shape, DType.FLOAT32),)
    kept = (*x.shape[:axis], *(1,) * (x.ndim - axis))
    return tuple((shape, DType.FLOAT32) for shape in (x.shape, kept, kept))


def _by_channel(count: int) -> Rule:
    """A normalization with `count` parameters (channels,)."""

    def rule(call: Call) -> Results:
        x = call.real(0)
        call.number("epsilon", 1e-5)
        if x.ndim < 2:
            raise call.invalid("rank of the input", got=x.ndim, allowed="at least 2")
        for index in range(1, 1 + count):
            if call.real(index).shape != x.shape[1:2]:
                raise call.invalid(f"shape of input {index}", got=call.real(index).shape)
        if call.op.op_type == "GroupNormalization":
            groups = call.integer("num_groups")
            if groups < 1 or x.shape[1] % groups:
                raise call.invalid("attribute num_groups", got=groups)
        if call.op.op_type == "BatchNormalization" and call.integer("training_mode", 0):
            raise call.invalid("attribute training_mode", got=1, allowed="0")
        return ((x.shape, DType.FLOAT32),)

    return rule


def _lrn(call: Call) -> Results:
    x, size = call.real(0), call.integer("size")
    if x.ndim < 2 or not 1 <= size <= 2 * x.shape[1]:
        raise call.invalid("attribute size", got=size, allowed="1 to twice the channels")
    for name in ("alpha", "beta", "bias"):
        call.number(name, 1.0)
    return ((x.shape, DType.FLOAT32),)


def _matmul(call: Call) -> Results:
    a, b = call.real(0).shape, call.real(1).shape
    if not a or not b or a[-1] != b[-2 if len(b) > 1 else 0]:
        raise call.invalid("the matrices do not fit", got=f"{a} times {b}")
    batch = np.broadcast_shapes(a[:-2], b[:-2])
    return (((*batch, *a[-2:-1], *(b[-1:] if len(b) > 1 else ())), DType.FLOAT32),)


def _gemm(call: Call) -> Results:
    a, b, c = call.real(0), call.real(1), call.optional_real(2)
    call.number("alpha", 1.0)
    call.number("beta", 1.0)
    left = a.shape[::-1] if call.integer("transA", 0) else a.shape
    right = b.shape[::-1] if call.integer("transB", 0) else b.shape
    if len(left) != 2 or len(right) != 2 or left[1] != right[0]:
        raise call.invalid("the matrices do not fit", got=f"{left} times {right}")
    shape = (left[0], right[1])
    if c is not None and np.broadcast_shapes(c.shape, shape) != shape:
        raise call.invalid("shape of input 2", got=c.shape)
    return ((shape, DType.FLOAT32),)


ELEMENT_WISE: Mapping[str, Rule] = {
    **dict.fromkeys(UNARY, _unary),
    **dict.fromkeys(("Add", "Sub", "Mul", "Div", "Min", "Max", "Sum", "Mean"), _fold),
    **dict.fromkeys((*_COMPARISONS, *_LOGICAL), _comparison),
    "Pow": _power,
    "Not": _not,
    "Where": _where,
    "Clip": _clip,
    "PRelu": _prelu,
    "Cast": _cast,
}

RULES: Mapping[str, Rule] = {
    **ELEMENT_WISE,
    **dict.fromkeys(("ReduceSum", "ReduceProd", "ReduceMax", "ReduceMin"), _reduction),
    **dict.fromkeys(("ReduceMean", "ReduceL1", "ReduceL2"), _real_reduction),
    **dict.fromkeys(("ReduceSumSquare", "ReduceLogSumExp"), _real_reduction),
    **dict.fromkeys(("ArgMax", "ArgMin"), _arg),
    "TopK": _top_k,
    "CumSum": _cum_sum,
    **dict.fromkeys(("Softmax", "LogSoftmax", "LpNormalization"), _along),
    **dict.fromkeys(("LayerNormalization", "RMSNormalization"), _layer),
    **dict.fromkeys(("InstanceNormalization", "GroupNormalization"), _by_channel(2)),
    "BatchNormalization": _by_channel(4),
    "LRN": _lrn,
    "MatMul": _matmul,
    "Gemm": _gemm,
    **WINDOWS,
    **MOVEMENTS,
}
"""What comes out of each operator that `float_ops.evaluate` knows."""
