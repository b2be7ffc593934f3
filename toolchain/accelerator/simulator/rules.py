"""Whether the operands of an instruction fit each other."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

from toolchain.accelerator.isa import instructions as isa
from toolchain.accelerator.isa.code import Code
from toolchain.accelerator.isa.operands import Engine, Finish, ToFloat, View
from toolchain.accelerator.simulator.order import said
from toolchain.accelerator.simulator.refusal import refusal
from toolchain.core.dtypes import DType
from toolchain.errors import Problem

Finding: TypeAlias = tuple[str, object, str]
"""What is wrong, what was found, what is allowed."""

Shape: TypeAlias = tuple[int, ...]

_NARROW = (DType.INT8, DType.UINT8, DType.INT16, DType.UINT16)
_INTEGERS = (*_NARROW, DType.INT32, DType.INT64)
_BYTES = (DType.INT8, DType.UINT8)
_INT32 = (DType.INT32,)
_FLOAT = (DType.FLOAT32,)


def rule_problems(code: Code) -> Iterator[Problem]:
    """All instructions whose operands do not fit each other."""
    for queue, instructions in code.queues.items():
        for index, at in enumerate(instructions):
            depthwise = isinstance(at, isa.Convolve) and queue.engine is Engine.TENSOR
            findings = [*_RULES[type(at)](at), *(_depthwise(at) if depthwise else ())]
            for message, got, allowed in findings:
                where = said((queue, index), code.queues)
                yield refusal(message, where=where, got=got, allowed=allowed)


def _is(name: str, view: View | None, shape: Shape, types: tuple[DType, ...]) -> Iterator[Finding]:
    """An operand of one shape and one of some types, or none at all."""
    if view is None:
        return
    if view.shape != shape:
        yield f"{name} has another shape", view.shape, str(shape)
    if view.dtype not in types:
        yield f"{name} has another type", view.dtype, ", ".join(types)


def _ranks(rank: int, **views: View) -> list[Finding]:
    return [
        (f"{name} has another rank", view.shape, f"{rank} axes")
        for name, view in views.items()
        if len(view.shape) != rank
    ]


def _finish(how: Finish, target: View, *factors: float) -> Iterator[Finding]:
    if not all(math.isfinite(factor) for factor in factors):
        yield "a factor is not finite", factors, "finite float32 numbers"
    if not 0 <= how.guard_bits <= 16:
        yield "guard_bits is out of range", how.guard_bits, "0 to 16"
    if isinstance(how, ToFloat):
        if target.dtype is not DType.FLOAT32:
            yield "the target of a float finish has another type", target.dtype, "float32"
        return
    if target.dtype not in _INTEGERS:
        yield "the target of an integer finish has another type", target.dtype, ", ".join(_INTEGERS)
    elif not target.dtype.qmin <= how.low <= how.high <= target.dtype.qmax:
        got, allowed = f"{how.low} to {how.high}", f"{target.dtype.qmin} to {target.dtype.qmax}"
        yield "the bounds of a finish are not those of its target", got, allowed
    if abs(how.zero_point) >= 1 << 32:
        yield "the zero point is out of range", how.zero_point, "33 bits"


def _windows(at: isa.Convolve | isa.Pool, kernel: Shape, pads: int) -> list[Finding]:
    extents = {"kernel": kernel, "strides": at.strides, "dilations": at.dilations}
    found: list[Finding] = [
        (f"{name} is not of a window", values, "2 numbers from 1")
        for name, values in extents.items()
        if len(values) != 2 or min(values) < 1
    ]
    if len(at.pads) != pads:
        found.append(("pads have another number", at.pads, f"{pads} numbers"))
    return found


def _copy(at: isa.Copy) -> Iterator[Finding]:
    if at.source.shape != at.target.shape:
        yield "source has another shape", at.source.shape, str(at.target.shape)
    if at.source.itemsize != at.target.itemsize:
        yield "source has elements of another size", at.source.itemsize, str(at.target.itemsize)


def _fill(at: isa.Fill) -> Iterator[Finding]:
    dtype = at.target.dtype
    if dtype.is_integer:
        low, high = dtype.qmin, dtype.qmax
    else:
        low, high = (0, 1) if dtype is DType.BOOL else (-(2**24), 2**24)
    if not low <= at.value <= high:
        yield "the value does not fit its type", at.value, f"{low} to {high}"


def _gather(at: isa.Gather) -> Iterator[Finding]:
    if len(at.indices.shape) != 1 or not 0 <= at.axis < len(at.source.shape):
        got = f"indices {at.indices.shape}, axis {at.axis}"
        yield "indices are not along an axis", got, "(n,), and an axis of the source"
        return
    shape = (*at.source.shape[: at.axis], *at.indices.shape, *at.source.shape[at.axis + 1 :])
    yield from _is("target", at.target, shape, (at.source.dtype,))
    yield from _is("indices", at.indices, at.indices.shape, _INT32)


def _convolve(at: isa.Convolve) -> Iterator[Finding]:
    wrong = _ranks(4, source=at.source, weights=at.weights, target=at.target)
    wrong += _windows(at, at.weights.shape[1:3], 2)
    if wrong or at.groups < 1:
        yield from wrong or [("groups are no number", at.groups, "from 1")]
        return
    samples, channels, filters = at.source.shape[0], at.source.shape[3], at.weights.shape[0]
    if channels % at.groups or filters % at.groups:
        got = f"{at.groups} groups of {channels} and {filters} channels"
        yield "groups do not divide the channels", got, "a common divisor"
    shape = (filters, *at.weights.shape[1:3], channels // at.groups)
    yield from _is("weights", at.weights, shape, _NARROW)
    yield from _is("source", at.source, at.source.shape, _NARROW)
    shape = (samples, *at.target.shape[1:3], filters)
    yield from _is("target", at.target, shape, (at.target.dtype,))
    yield from _is("weight_zero", at.weight_zero, (filters,), _INT32)
    yield from _is("bias", at.bias, (filters,), _INT32)
    yield from _is("factor", at.factor, (filters,), _FLOAT)
    yield from _finish(at.finish, at.target)


def _depthwise(at: Any) -> Iterator[Finding]:
    if len(at.weights.shape) == 4 and at.weights.shape[3] != 1:
        yield "the tensor engine convolves one channel a group", at.weights.shape[3], "1"


def _multiply(at: isa.Multiply) -> Iterator[Finding]:
    wrong = _ranks(3, a=at.a, b=at.b, target=at.target)
    yield from wrong
    if wrong:
        return
    (samples, rows, depth), columns = at.a.shape, at.b.shape[2]
    yield from _is("a", at.a, at.a.shape, _NARROW)
    yield from _is("b", at.b, (samples, depth, columns), _NARROW)
    yield from _is("target", at.target, (samples, rows, columns), (at.target.dtype,))
    yield from _is("b_zero", at.b_zero, (columns,), _INT32)
    yield from _is("bias", at.bias, (columns,), _INT32)
    yield from _is("factor", at.factor, (columns,), _FLOAT)
    yield from _finish(at.finish, at.target)


def _pool(at: isa.Pool) -> Iterator[Finding]:
    wrong = _ranks(4, source=at.source, target=at.target) + _windows(at, at.kernel, 4)
    yield from wrong
    if wrong:
        return
    shape = (at.source.shape[0], *at.target.shape[1:3], at.source.shape[3])
    if at.kind is isa.PoolKind.MAX:
        yield from _is("source", at.source, at.source.shape, _INTEGERS)
        yield from _is("target", at.target, shape, (at.source.dtype,))
    else:
        yield from _is("source", at.source, at.source.shape, (*_NARROW, DType.INT32))
        yield from _is("target", at.target, shape, (at.target.dtype,))
        yield from _finish(at.finish, at.target, at.factor)


def _combine(at: isa.Combine) -> Iterator[Finding]:
    yield from _is("a", at.a, at.target.shape, (*_NARROW, DType.INT32))
    yield from _is("b", at.b, at.target.shape, (*_NARROW, DType.INT32))
    yield from _finish(at.finish, at.target, at.a_factor, at.b_factor)


def _lookup(at: isa.Lookup) -> Iterator[Finding]:
    yield from _is("source", at.source, at.target.shape, _BYTES)
    shape = (256,) if len(at.table.shape) == 1 else (*at.target.shape[-1:], 256)
    yield from _is("table", at.table, shape, (at.target.dtype,))


def _scale(at: isa.Scale) -> Iterator[Finding]:
    yield from _is("source", at.source, at.target.shape, _INTEGERS)
    yield from _is("negative", at.negative, at.target.shape, _FLOAT)
    yield from _finish(at.finish, at.target, at.factor)


def _reduce(at: isa.Reduce) -> Iterator[Finding]:
    source, target = at.source.shape, at.target.shape
    fits = len(source) == len(target)
    if not fits or any(t not in (1, s) for s, t in zip(source, target, strict=True)):
        yield "target has another shape", target, f"{source}, with any extents replaced by 1"
    yield from _is("source", at.source, source, _INTEGERS)
    if at.kind is isa.ReduceKind.SUM:
        yield from _finish(at.finish, at.target, at.factor)
    else:
        yield from _is("target", at.target, target, (at.source.dtype,))


def _extreme(at: isa.Extreme) -> Iterator[Finding]:
    if not 0 <= at.axis < len(at.source.shape):
        yield "the axis is none of the source", at.axis, f"0 to {len(at.source.shape) - 1}"
        return
    shape = (*at.source.shape[: at.axis], 1, *at.source.shape[at.axis + 1 :])
    yield from _is("source", at.source, at.source.shape, _INTEGERS)
    yield from _is("target", at.target, shape, (DType.INT64,))


def _softmax(at: isa.Softmax) -> Iterator[Finding]:
    yield from _is("source", at.source, at.target.shape, _BYTES if at.low is None else _NARROW[2:])
    yield from _is("exponentials", at.exponentials, (256,), _INT32)
    yield from _is("low", at.low, (256,), _INT32)
    if not at.target.shape:
        yield "target has another rank", at.target.shape, "at least 1 axis"
    yield from _finish(at.finish, at.target, at.factor)


def _normalize(at: isa.Normalize) -> Iterator[Finding]:
    wrong = _ranks(2, source=at.source)
    yield from wrong
    yield from _is("source", at.source, at.target.shape, _NARROW)
    yield from _is("gain", at.gain, at.target.shape, _FLOAT)
    yield from _is("offset", at.offset, at.target.shape, _FLOAT)
    if not (at.epsilon >= 0 and math.isfinite(at.epsilon)):
        yield "epsilon is negative", at.epsilon, "a finite float64 number from 0"
    yield from _finish(at.finish, at.target)


def _blend(at: isa.Blend) -> Iterator[Finding]:
    wrong = _ranks(4, source=at.source, target=at.target)
    yield from wrong
    if wrong:
        return
    _, rows, columns, _ = at.target.shape
    shape = (at.source.shape[0], rows, columns, at.source.shape[3])
    yield from _is("target", at.target, shape, (at.target.dtype,))
    yield from _is("source", at.source, at.source.shape, _NARROW)
    for name, view, extent in (
        ("row_low", at.row_low, rows),
        ("row_high", at.row_high, rows),
        ("column_low", at.column_low, columns),
        ("column_high", at.column_high, columns),
    ):
        yield from _is(name, view, (extent,), _INT32)
    yield from _is("row_weights", at.row_weights, (rows,), _FLOAT)
    yield from _is("column_weights", at.column_weights, (columns,), _FLOAT)
    yield from _finish(at.finish, at.target, at.factor)


_RULES: Mapping[type[isa.Instruction], Callable[[Any], Iterator[Finding]]] = MappingProxyType(
    {
        isa.Copy: _copy,
        isa.Fill: _fill,
        isa.Gather: _gather,
        isa.Convolve: _convolve,
        isa.Multiply: _multiply,
        isa.Pool: _pool,
        isa.Combine: _combine,
        isa.Lookup: _lookup,
        isa.Scale: _scale,
        isa.Reduce: _reduce,
        isa.Extreme: _extreme,
        isa.Softmax: _softmax,
        isa.Normalize: _normalize,
        isa.Blend: _blend,
    }
)
"""The rules of every instruction."""
