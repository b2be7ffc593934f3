"""Operations on single elements."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import count
from typing import TYPE_CHECKING

import numpy as np

from toolchain.accelerator.compile.boxes import whole
from toolchain.accelerator.compile.rules.base import (
    Elementwise,
    Facts,
    Operands,
    Parameter,
    Rule,
    aligned,
    every_axis,
    names,
    single,
)
from toolchain.accelerator.compile.views import Patch, broadcast, permuted
from toolchain.accelerator.isa.instructions import (
    Combine,
    CombineKind,
    Instruction,
    Lookup,
    Scale,
)
from toolchain.core.dtypes import DType
from toolchain.program.interpreter import Interpreter
from toolchain.program.records import BinaryKind

if TYPE_CHECKING:
    from toolchain.accelerator.isa.operands import ToInteger, View
    from toolchain.program.records import Binary, Function, Rescale, Slope, Table

_KINDS = {
    BinaryKind.ADD: CombineKind.ADD,
    BinaryKind.SUB: CombineKind.SUB,
    BinaryKind.MUL: CombineKind.MUL,
}


def binary_rule(op: Binary, facts: Facts) -> Rule:
    """Sums and products; either operand may be a constant."""
    shape = facts.shape(op.outputs[0])
    constants = tuple(
        Parameter(role=role, array=np.atleast_1d(facts.program.constants[name]))
        for role, name in zip("ab", op.inputs, strict=True)
        if name in facts.program.constants
    )
    return Combining(
        facts=facts,
        name=op.name,
        output=op.outputs[0],
        inputs=names(op, facts),
        parameters=constants,
        cuts=every_axis(shape),
        op=op,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Combining(Elementwise):
    """Parts of a sum or product."""

    op: Binary

    def instructions(self, at: Operands) -> tuple[Instruction, ...]:
        """One combination."""
        op, sources = self.op, count()
        a, b = (
            constant_part(at, role) if role in at.parameters else at.source(next(sources)).view
            for role in "ab"
        )
        return (
            Combine(
                operation=0,
                target=at.target,
                a=broadcast(a, at.target.shape),
                b=broadcast(b, at.target.shape),
                kind=_KINDS[op.kind],
                a_zero=op.a_zero_point,
                b_zero=op.b_zero_point,
                a_factor=single(op.a_factor),
                b_factor=single(op.b_factor),
                finish=self.facts.to_integer(op.zero_point, (op.low, op.high)),
            ),
        )


def constant_part(at: Operands, role: str) -> View:
    """What a part of the result needs of a constant that broadcasts against the result."""
    view = at.parameters[role]
    box = whole(view.shape)
    return Patch(box=box, view=view).crop(aligned(at.box, view.shape)).view


def table_rule(op: Table, facts: Facts) -> Rule:
    """A function of 8 bits, or one for each index of an axis."""
    table = facts.program.constants[op.table]
    # Integers of 4 bits lie in bytes, from whose smallest integer the machine counts.
    source = facts.dtype(op.inputs[0])
    table = np.roll(table, source.qmin - DType(source.numpy.name).qmin, axis=-1)
    return LookingUp(
        facts=facts,
        name=op.name,
        output=op.outputs[0],
        inputs=op.inputs,
        parameters=(Parameter(role="table", array=table, along=op.axis),),
        axis=op.axis,
        cuts=every_axis(facts.shape(op.outputs[0])),
    )


def function_rule(op: Function, facts: Facts) -> Rule:
    """A function of up to 16 bits, as the table of what the reference makes of every integer."""
    program, name = facts.program, op.inputs[0]
    source = program.tensors[name]
    stored = DType(source.dtype.numpy.name)
    # Integers of 4 bits lie in bytes: what they cannot be has any entry.
    every = np.arange(stored.qmin, stored.qmax + 1).clip(source.dtype.qmin, source.dtype.qmax)
    tensors = {
        each: replace(program.tensors[each], shape=every.shape) for each in (name, *op.outputs)
    }
    alone = replace(program, inputs=(name,), outputs=op.outputs, tensors=tensors, operations=(op,))
    (table,) = Interpreter(alone, threads=1).run({name: every.astype(source.dtype.numpy)}).values()
    return LookingUp(
        facts=facts,
        name=op.name,
        output=op.outputs[0],
        inputs=op.inputs[:1],
        parameters=(Parameter(role="table", array=table),),
        axis=None,
        cuts=every_axis(facts.shape(op.outputs[0])),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LookingUp(Elementwise):
    """Parts of a function by its table."""

    axis: int | None

    def instructions(self, at: Operands) -> tuple[Instruction, ...]:
        """One look-up; an axis with tables of its own stands last."""
        source, target, table = at.source().view, at.target, at.parameters["table"]
        if self.axis is not None:
            others = (axis for axis in range(len(target.shape)) if axis != self.axis)
            axes = (*others, self.axis)
            source, target = permuted(source, axes), permuted(target, axes)
        return (Lookup(operation=0, target=target, source=source, table=table),)


def rescale_rule(op: Rescale, facts: Facts) -> Rule:
    """Another scale, zero point or type."""
    return Scaling(
        facts=facts,
        name=op.name,
        output=op.outputs[0],
        inputs=op.inputs,
        cuts=every_axis(facts.shape(op.outputs[0])),
        source_zero=op.x_zero_point,
        factor=single(op.factor),
        finish=facts.stored(op.outputs[0], op.zero_point),
    )


def slope_rule(op: Slope, facts: Facts) -> Rule:
    """Another factor for what lies below the zero point."""
    negative = np.atleast_1d(facts.program.constants[op.negative].astype(np.float32))
    return Scaling(
        facts=facts,
        name=op.name,
        output=op.outputs[0],
        inputs=op.inputs,
        parameters=(Parameter(role="negative", array=negative),),
        cuts=every_axis(facts.shape(op.outputs[0])),
        source_zero=op.x_zero_point,
        factor=single(op.factor),
        finish=facts.in_float(op.outputs[0], op.zero_point),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling(Elementwise):
    """Parts of elements times a factor."""

    source_zero: int
    factor: float
    finish: ToInteger

    def instructions(self, at: Operands) -> tuple[Instruction, ...]:
        """One scaling."""
        negative = None
        if "negative" in at.parameters:
            negative = broadcast(constant_part(at, "negative"), at.target.shape)
        return (
            Scale(
                operation=0,
                target=at.target,
                source=at.source().view,
                negative=negative,
                source_zero=self.source_zero,
                factor=self.factor,
                finish=self.finish,
            ),
        )
