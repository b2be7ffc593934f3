"""Whether the operands of an instruction fit each other: docs/isa.md, Instructions.

Every rule yields the field, what was found there, and what is allowed. Types and ranks are those
of `OPERANDS` when the rules of shapes begin.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np

from toolchain.accelerator.isa.fields import FIELDS, Kind
from toolchain.accelerator.isa.instructions import (
    Blend,
    BlockedConvolve,
    Combine,
    Convolve,
    Copy,
    Extreme,
    Fill,
    Gather,
    Instruction,
    Lookup,
    Multiply,
    Normalize,
    Pool,
    PoolKind,
    Reduce,
    ReduceKind,
    Scale,
    Softmax,
)
from toolchain.accelerator.isa.operand_types import OPERANDS
from toolchain.accelerator.isa.operands import Finish, ToFloat, View
from toolchain.core.dtypes import DType

Findings: TypeAlias = Iterator[tuple[str, object, str]]
"""What is wrong: where, what was found, and what is allowed."""

MAX_GUARD_BITS = 16
"""Of a finish."""

_WORD = (1 << 31) - 1
_LARGEST_FLOAT = float(np.finfo(np.float32).max)
_GUARDED = (Convolve, Multiply)
_NOT_EXACT = (Softmax, Normalize, Blend, BlockedConvolve)


def instruction_findings(instruction: Instruction) -> Findings:
    """All that does not fit within an instruction, whose views lie in their memories."""
    types = tuple(_types(instruction))
    yield from types
    yield from _scalars(instruction)
    if not types:
        yield from _SHAPES[type(instruction)](instruction)


def _types(instruction: Instruction) -> Findings:
    for name, operand in OPERANDS[type(instruction)].items():
        view = getattr(instruction, name)
        if view is None:
            continue
        if view.dtype not in operand.dtypes:
            yield name, view.dtype.value, ", ".join(operand.dtypes)
        if operand.rank not in (None, len(view.shape)):
            yield name, _extents(view.shape), f"{operand.rank} axes"


def _scalars(instruction: Instruction) -> Findings:
    for at in FIELDS[type(instruction)]:
        value = getattr(instruction, at.name)
        match at.kind:
            case Kind.NUMBER if at.name == "epsilon":
                if not (math.isfinite(value) and value >= 0):
                    yield at.name, value, "a float64 number, at least 0"
            case Kind.NUMBER:
                if not _is_float32(value):
                    yield at.name, value, "a finite float32 number"
            case Kind.INTEGER if at.name.endswith("_zero"):
                source = getattr(instruction, at.name.removesuffix("_zero")).dtype
                yield from _within(at.name, (value,), source)
            case Kind.INTEGERS:
                yield from _positions(instruction, at.name, value)
            case Kind.FINISH:
                yield from _finish(instruction, value)


def _is_float32(value: float) -> bool:
    return abs(value) <= _LARGEST_FLOAT and float(np.float32(value)) == value


def _within(name: str, values: Sequence[int], dtype: DType) -> Findings:
    """Integers that a type can hold."""
    if dtype.is_integer and not all(dtype.qmin <= value <= dtype.qmax for value in values):
        yield name, ", ".join(map(str, values)), f"{dtype.qmin} to {dtype.qmax}, for {dtype.value}"


def _positions(instruction: Instruction, name: str, values: Sequence[int]) -> Findings:
    count = 4 if name == "pads" and isinstance(instruction, Pool) else 2
    least = 1 if name != "pads" else -_WORD if count == 2 else 0
    if len(values) != count or not all(least <= value <= _WORD for value in values):
        yield name, ", ".join(map(str, values)), f"{count} numbers from {least} to {_WORD}"


def _finish(instruction: Instruction, finish: Finish) -> Findings:
    dtype = instruction.target.dtype
    most = MAX_GUARD_BITS if isinstance(instruction, _GUARDED) else 0
    if not 0 <= finish.guard_bits <= most:
        yield "finish.guard_bits", finish.guard_bits, f"0 to {most}"
    if isinstance(finish, ToFloat) != (dtype is DType.FLOAT32):
        yield "finish", type(finish).__name__, "ToFloat for float32, ToInteger for integers"
        return
    if not finish.low <= finish.high:
        yield "finish.low", finish.low, f"at most high, {finish.high}"
        return
    if isinstance(finish, ToFloat):
        for name, bound in (("low", finish.low), ("high", finish.high)):
            if not (math.isinf(bound) or _is_float32(bound)):
                yield f"finish.{name}", bound, "a float32 number or an infinity"
        return
    yield from _within("finish.low", (finish.low,), dtype)
    yield from _within("finish.high", (finish.high,), dtype)
    yield from _within("finish.zero_point", (finish.zero_point,), dtype)
    if finish.exact and isinstance(instruction, _NOT_EXACT):
        yield "finish.exact", finish.exact, "false for this instruction"


def _extents(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape)) or "no axes"


def _shape(name: str, view: View | None, expected: Sequence[int]) -> Findings:
    """A view that is there has an expected shape."""
    if view is not None and view.shape != tuple(expected):
        yield name, _extents(view.shape), _extents(expected)


def _type(name: str, view: View, other: View) -> Findings:
    """A view has the type of another."""
    if view.dtype is not other.dtype:
        yield name, view.dtype.value, other.dtype.value


def _axis(axis: int, rank: int) -> Findings:
    if not 0 <= axis < rank:
        yield "axis", axis, f"an axis of {rank}, from 0"


def _copy(it: Copy) -> Findings:
    yield from _shape("source", it.source, it.target.shape)
    if it.source.itemsize != it.target.itemsize:
        yield "source", it.source.dtype.value, f"elements of {it.target.itemsize} bytes"


def _fill(it: Fill) -> Findings:
    if it.target.dtype is DType.BOOL and it.value not in (0, 1):
        yield "value", it.value, "0 or 1 for bool"
    elif it.target.dtype is DType.FLOAT32 and abs(it.value) > 1 << 24:
        yield "value", it.value, "-16777216 to 16777216 for float32"
    yield from _within("value", (it.value,), it.target.dtype)


def _gather(it: Gather) -> Findings:
    yield from _type("target", it.target, it.source)
    rank = len(it.source.shape)
    wrong = tuple(_axis(it.axis, rank))
    yield from wrong
    if not wrong:
        expected = list(it.source.shape)
        expected[it.axis] = it.indices.shape[0]
        yield from _shape("target", it.target, expected)


def _convolve(it: Convolve) -> Findings:
    yield from _convolution(it)
    for name in ("weight_zero", "bias", "factor"):
        yield from _shape(name, getattr(it, name), it.weights.shape[:1])


def _blocked_convolve(it: BlockedConvolve) -> Findings:
    yield from _convolution(it)
    *kernel, depth = it.weights.shape
    if not 1 <= it.block <= depth:
        yield "block", it.block, f"1 to the {depth} channels of a group"
        return
    yield from _shape("bias", it.bias, it.weights.shape[:1])
    for name in ("weight_zero", "factor"):
        yield from _shape(name, getattr(it, name), (*kernel, -(-depth // it.block)))


def _convolution(it: Convolve | BlockedConvolve) -> Findings:
    count, _, _, channels = it.source.shape
    outputs, _, _, depth = it.weights.shape
    if it.groups < 1 or outputs % max(it.groups, 1):
        yield "groups", it.groups, f"a divisor of the {outputs} channels of the target"
    elif depth * it.groups != channels:
        yield "weights", f"{depth} channels in each of {it.groups} groups", f"{channels} in all"
    yield from _shape("target", it.target, (count, *it.target.shape[1:3], outputs))


def _multiply(it: Multiply) -> Findings:
    count, rows, depth = it.a.shape
    columns = it.b.shape[2]
    yield from _shape("b", it.b, (count, depth, columns))
    yield from _shape("target", it.target, (count, rows, columns))
    for name in ("b_zero", "bias", "factor"):
        yield from _shape(name, getattr(it, name), (columns,))


def _pool(it: Pool) -> Findings:
    if it.kind is PoolKind.MAX:
        yield from _type("target", it.target, it.source)
    count, *extents, channels = it.source.shape
    yield from _shape("target", it.target, (count, *it.target.shape[1:3], channels))
    names = ("kernel", "strides", "dilations", "pads")
    if any(True for name in names for _ in _positions(it, name, getattr(it, name))):
        return
    padded = it.count_padding and it.kind is PoolKind.AVERAGE
    for axis, name in enumerate(("height", "width")):
        before, behind = (it.pads[axis], it.pads[2 + axis]) if padded else (0, 0)
        window = _empty_window(it, axis, -before, extents[axis] + behind)
        if window is not None:
            yield "target", f"window {window} of the {name} is empty", "an element in each"


def _empty_window(it: Pool, axis: int, first: int, end: int) -> int | None:
    """The first window along an axis without a position from `first` to before `end`."""
    starts = np.arange(it.target.shape[1 + axis]) * it.strides[axis] - it.pads[axis]
    steps = np.maximum(-((starts - first) // it.dilations[axis]), 0)
    inside = (steps < it.kernel[axis]) & (starts + steps * it.dilations[axis] < end)
    return None if inside.all() else int(np.argmin(inside))


def _combine(it: Combine) -> Findings:
    yield from _shape("a", it.a, it.target.shape)
    yield from _shape("b", it.b, it.target.shape)


def _lookup(it: Lookup) -> Findings:
    yield from _shape("source", it.source, it.target.shape)
    yield from _type("table", it.table, it.target)
    if it.source.dtype.bits == 16:
        yield from _shape("table", it.table, (65536,))
        return
    channels = it.source.shape[-1:]
    if it.table.shape not in ((256,), (*channels, 256)):
        allowed = " or ".join(_extents(shape) for shape in ((256,), (*channels, 256)))
        yield "table", _extents(it.table.shape), allowed


def _scale(it: Scale) -> Findings:
    yield from _shape("source", it.source, it.target.shape)
    yield from _shape("negative", it.negative, it.target.shape)


def _reduce(it: Reduce) -> Findings:
    if it.kind is not ReduceKind.SUM:
        yield from _type("target", it.target, it.source)
    source, target = it.source.shape, it.target.shape
    if len(source) != len(target) or any(
        t not in (1, s) for s, t in zip(source, target, strict=True)
    ):
        yield "target", _extents(target), f"each 1 or as in {_extents(source)}"


def _extreme(it: Extreme) -> Findings:
    wrong = tuple(_axis(it.axis, len(it.source.shape)))
    yield from wrong
    if not wrong:
        expected = list(it.source.shape)
        expected[it.axis] = 1
        yield from _shape("target", it.target, expected)


def _softmax(it: Softmax) -> Findings:
    yield from _shape("source", it.source, it.target.shape)
    if not it.source.shape:
        yield "source", _extents(it.source.shape), "an axis or more"
    yield from _shape("exponentials", it.exponentials, (256,))
    yield from _shape("low", it.low, (256,))
    if (it.low is not None) != (it.source.dtype.bits == 16):
        got = "none" if it.low is None else "a table"
        yield "low", got, "a table for sources of 16 bits, none for those of 8"


def _normalize(it: Normalize) -> Findings:
    if len(it.target.shape) < 2:
        yield "target", _extents(it.target.shape), "two axes or more"
    for name in ("source", "gain", "offset"):
        yield from _shape(name, getattr(it, name), it.target.shape)


def _blend(it: Blend) -> Findings:
    count, _, _, channels = it.source.shape
    _, rows, columns, _ = it.target.shape
    yield from _shape("target", it.target, (count, rows, columns, channels))
    for name in ("row_low", "row_high", "row_weights"):
        yield from _shape(name, getattr(it, name), (rows,))
    for name in ("column_low", "column_high", "column_weights"):
        yield from _shape(name, getattr(it, name), (columns,))


_SHAPES: Mapping[type[Instruction], Callable[[Any], Findings]] = MappingProxyType(
    {
        Copy: _copy,
        Fill: _fill,
        Gather: _gather,
        Convolve: _convolve,
        Multiply: _multiply,
        Pool: _pool,
        Combine: _combine,
        Lookup: _lookup,
        Scale: _scale,
        Reduce: _reduce,
        Extreme: _extreme,
        Softmax: _softmax,
        Normalize: _normalize,
        Blend: _blend,
        BlockedConvolve: _blocked_convolve,
    }
)
