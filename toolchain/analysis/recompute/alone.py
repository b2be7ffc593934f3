"""Operations without an accumulator: their rules, and what they make of inputs on their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from toolchain.analysis.recompute.element import Element, Place
from toolchain.core.divergence import Operand
from toolchain.core.dtypes import DType
from toolchain.numerics.elementary import UNARY
from toolchain.program.interpreter import Interpreter
from toolchain.program.records import (
    ArgExtreme,
    FloatOp,
    Function,
    Interpolate,
    Move,
    Normalize,
    Operation,
    Program,
    Reduce,
    Resize,
    Softmax,
    Table,
    Tensor,
    WideSoftmax,
)

if TYPE_CHECKING:
    from toolchain.core.dtypes import Array

_RULES: Mapping[type[Operation], tuple[str, str]] = {
    Table: ("y = table[x - qmin]", "8.1"),
    Function: (
        "y = saturate(round(f((x - x_zero_point) * x_scale) / y_scale) + zero_point)",
        "8.1",
    ),
    Softmax: ("y = saturate(round(float32(e) / float32(sum of e) * factor) + zero_point)", "8.1"),
    WideSoftmax: (
        "y = saturate(round(float32(e) / float32(sum of e) * factor) + zero_point)",
        "8.1",
    ),
    Normalize: ("y = saturate(round(((float32(d) * r) * gain) + offset) + zero_point)", "8.2"),
    Resize: ("weighted sums of neighbours per axis in float32, rounded at the end", "7"),
    Interpolate: ("weighted sums of taps per axis in float32, rounded at the end", "7"),
    Reduce: ("y = the largest or smallest integer along the axes", "7"),
    ArgExtreme: ("y = index of the largest or smallest integer along the axis", "7"),
    Move: ("y = a copy of one element, or the fill", "7"),
}
_ELEMENTWISE = (Table, Function)
_FLOAT_ELEMENTWISE = frozenset({*UNARY, "Add", "Sub", "Mul", "Div", "PRelu"})


def alone(place: Place) -> Element:
    """The element that the interpreter computes from these inputs, and its rule in words."""
    op = place.op
    rule, section = _rule(op)
    result = run_alone(place)[place.index]
    return Element(rule=rule, section=section, value=result.item(), operands=_operands(place))


def run_alone(place: Place) -> Array:
    """The whole output of the operation on its own."""
    program = _single(place.program, place.op)
    feeds = {name: place.values[name] for name in program.inputs}
    return Interpreter(program, threads=1).run(feeds, [place.output])[place.output]


def _rule(op: Operation) -> tuple[str, str]:
    if isinstance(op, FloatOp):
        return f"{op.op_type} in float32, in the order of operations written there", "9"
    return _RULES[type(op)]


def _single(program: Program, op: Operation) -> Program:
    inputs = tuple(dict.fromkeys(n for n in op.inputs if n and n not in program.constants))
    names = (*inputs, *(name for name in op.outputs if name))
    return replace(
        program,
        inputs=inputs,
        outputs=tuple(name for name in op.outputs if name),
        tensors={name: program.tensors[name] for name in names},
        operations=(op,),
    )


def _operands(place: Place) -> tuple[Operand, ...]:
    """The elements that this one is made of, where they are easily said."""
    op = place.op
    if isinstance(op, _ELEMENTWISE):
        return (place.operand(0),)
    if isinstance(op, Move):
        return _moved(op, place)
    if isinstance(op, FloatOp) and op.op_type in _FLOAT_ELEMENTWISE:
        numbers = [number for number, name in enumerate(op.inputs) if name]
        return tuple(place.operand(number) for number in numbers)
    return ()


def _moved(op: Move, place: Place) -> tuple[Operand, ...]:
    """Where the element comes from: the movement of the elements' numbers tells; a fill is none."""
    names = list(dict.fromkeys(op.inputs))
    feeds, start = {}, 0
    for name in names:
        size = place.values[name].size
        feeds[name] = np.arange(start, start + size, dtype=np.int64).reshape(
            place.values[name].shape
        )
        start += size
    tensors = {
        name: Tensor(name=name, dtype=DType.INT64, shape=shape)
        for name, shape in (
            *((name, place.values[name].shape) for name in names),
            *((name, place.program.tensors[name].shape) for name in op.outputs),
        )
    }
    numbered = replace(
        place.program,
        inputs=tuple(names),
        outputs=op.outputs,
        tensors=tensors,
        constants={n: a for n, a in place.program.constants.items() if n not in names},
        operations=(replace(op, fill=-1),),
    )
    found = Interpreter(numbered, threads=1).run(feeds)[place.output]
    number = int(found[place.index])
    for name in names:
        own = place.values[name]
        first = int(feeds[name].reshape(-1)[0]) if own.size else start
        if own.size and first <= number < first + own.size:
            index = tuple(int(i) for i in np.unravel_index(number - first, own.shape))
            return (Operand(tensor=name, index=index, value=own[index].item()),)
    return ()
