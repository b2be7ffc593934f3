"""Operations on rows of elements: products of activations, softmax, normalization, reductions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from toolchain.accelerator.compile.boxes import Box
from toolchain.accelerator.compile.rules.base import (
    Facts,
    Operands,
    Parameter,
    Rule,
    all_of,
    single,
)
from toolchain.accelerator.compile.views import broadcast, inserted, joined_rows, permuted
from toolchain.accelerator.isa.instructions import (
    Extreme,
    Instruction,
    Multiply,
    ReduceKind,
)
from toolchain.accelerator.isa.instructions import Reduce as ReduceInstruction
from toolchain.accelerator.isa.instructions import Softmax as SoftmaxInstruction
from toolchain.accelerator.isa.operands import Engine, View

if TYPE_CHECKING:
    from toolchain.program.records import (
        ArgExtreme,
        MatMul,
        Reduce,
        Softmax,
        WideSoftmax,
    )


def _free(shape: tuple[int, ...], *used: int) -> Mapping[int, int]:
    """Parts may be cut along axes that are not used up."""
    return {axis: 1 for axis in range(len(shape)) if axis not in used}


def product_rule(op: MatMul, facts: Facts) -> Rule:
    """Products of two activations, or with a constant that has several matrices."""
    shape = facts.shape(op.outputs[0])
    columns = shape[-1]
    constants = facts.program.constants
    parameters = [
        Parameter(
            role="factor",
            array=facts.channel(op.finish.factor, columns, np.float32),
            along=len(shape) - 1,
        )
    ]
    for role, name in (("b_zero", op.b_zero_point), ("bias", op.bias)):
        if name is not None and np.any(constants[name]):
            array = facts.channel(name, columns, np.int32)
            parameters.append(Parameter(role=role, array=array, along=len(shape) - 1))
    if op.b is not None:
        parameters.append(Parameter(role="b", array=np.ascontiguousarray(constants[op.b])))
    return Product(
        facts=facts,
        name=op.name,
        output=op.outputs[0],
        inputs=op.inputs,
        cuts=_free(shape),
        parameters=tuple(parameters),
        engine=Engine.CONVOLUTION,
        op=op,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Product(Rule):
    """Parts of (..., R, K) x (..., K, M)."""

    op: MatMul

    def needs(self, box: Box) -> tuple[Box | None, ...]:
        """Rows of the first, columns of the second."""
        first = self._part(self.inputs[0], box[:-2], (box[-2], None))
        if self.op.b is not None:
            return (first,)
        return (first, self._part(self.inputs[1], box[:-2], (None, box[-1])))

    def _part(self, name: str, front: Box, last: tuple[tuple[int, int] | None, ...]) -> Box:
        shape = self.facts.shape(name)
        lead = shape[:-2]
        batch = front[len(front) - len(lead) :] if lead else ()
        return (
            *((0, 1) if n == 1 else b for n, b in zip(lead, batch, strict=True)),
            *(
                (0, n) if bounds is None else bounds
                for n, bounds in zip(shape[-2:], last, strict=True)
            ),
        )

    def instructions(self, at: Operands) -> tuple[Instruction, ...]:
        """One product, or several where the axes in front cannot be run through as one."""
        front = at.target.shape[:-2]
        a = broadcast(at.source().view, (*front, *at.source().view.shape[-2:]))
        second = at.parameters["b"] if self.op.b is not None else at.source(1).view
        b = self._columns(second, at) if self.op.b is not None else second
        b = broadcast(b, (*front, *b.shape[-2:]))
        return tuple(
            Multiply(
                operation=0,
                target=target,
                a=one,
                b=other,
                b_zero=at.parameters.get("b_zero"),
                bias=at.parameters.get("bias"),
                factor=at.parameters["factor"],
                a_zero=self.op.a_zero_point,
                finish=self.facts.finish(self.op.finish),
            )
            for target, one, other in joined_rows(len(front), at.target, a, b)
        )

    def _columns(self, view: View, at: Operands) -> View:
        """What a part needs of a constant."""
        start, stop = at.box[-1]
        offset = view.offset + start * view.strides[-1]
        front = view.shape[:-2]
        for extent, stride, bounds in zip(
            front, view.strides, at.box[:-2][len(at.box) - 2 - len(front) :], strict=False
        ):
            offset += 0 if extent == 1 else bounds[0] * stride
        lead = tuple(
            1 if extent == 1 else bounds[1] - bounds[0]
            for extent, bounds in zip(
                front, at.box[:-2][len(at.box) - 2 - len(front) :], strict=True
            )
        )
        return replace(view, offset=offset, shape=(*lead, view.shape[-2], stop - start))


def softmax_rule(op: Softmax | WideSoftmax, facts: Facts) -> Rule:
    """Softmax along one axis."""
    constants = facts.program.constants
    tables = (
        {"exponentials": op.exponentials}
        if hasattr(op, "exponentials")
        else {"exponentials": op.high, "low": op.low}
    )
    return Shares(
        facts=facts,
        name=op.name,
        output=op.outputs[0],
        inputs=op.inputs,
        cuts=_free(facts.shape(op.outputs[0]), op.axis),
        parameters=tuple(
            Parameter(role=role, array=constants[name].astype(np.int32))
            for role, name in tables.items()
        ),
        axis=op.axis,
        factor=op.factor,
        zero_point=op.zero_point,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares(Rule):
    """Parts of a softmax, all of its axis in each."""

    axis: int
    factor: float
    zero_point: int

    def needs(self, box: Box) -> tuple[Box | None, ...]:
        """The same part."""
        return (box,)

    def instructions(self, at: Operands) -> tuple[Instruction, ...]:
        """One softmax."""
        rank = len(at.box)
        last = (*(axis for axis in range(rank) if axis != self.axis), self.axis)
        return (
            SoftmaxInstruction(
                operation=0,
                target=permuted(at.target, last),
                source=permuted(at.source().view, last),
                exponentials=at.parameters["exponentials"],
                low=at.parameters.get("low"),
                factor=single(self.factor),
                finish=self.facts.in_float(self.output, self.zero_point),
            ),
        )


def reduce_rule(op: Reduce, facts: Facts) -> Rule:
    """One of all elements along some axes."""
    source, target = facts.shape(op.inputs[0]), facts.shape(op.outputs[0])
    kept = len(source) == len(target)
    axes = [a for a in range(len(source)) if kept or a not in op.axes]
    return Reduction(
        facts=facts,
        name=op.name,
        output=op.outputs[0],
        inputs=op.inputs,
        cuts={at: 1 for at, axis in enumerate(axes) if axis not in op.axes},
        op=op,
        places=tuple(axes),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reduction(Rule):
    """Parts of a reduction.

    Attributes:
        places: Axis of the source for every axis of the result.
    """

    op: Reduce
    places: tuple[int, ...]

    def needs(self, box: Box) -> tuple[Box | None, ...]:
        """All of the axes that are reduced."""
        found = list(all_of(self.facts, self.inputs[0]))
        for bounds, axis in zip(box, self.places, strict=True):
            if axis not in self.op.axes:
                found[axis] = bounds
        return (tuple(found),)

    def instructions(self, at: Operands) -> tuple[Instruction, ...]:
        """One reduction."""
        target = at.target
        for axis in range(len(at.source().box)):
            if axis not in self.places:
                target = inserted(target, axis)
        return (
            ReduceInstruction(
                operation=0,
                target=target,
                source=at.source().view,
                kind=ReduceKind[self.op.kind.name],
                source_zero=self.op.x_zero_point,
                factor=single(self.op.factor),
                finish=self.facts.in_float(self.output, self.op.zero_point),
            ),
        )


def extreme_rule(op: ArgExtreme, facts: Facts) -> Rule:
    """Index of the largest or smallest along one axis."""
    source, target = facts.shape(op.inputs[0]), facts.shape(op.outputs[0])
    kept = len(source) == len(target)
    places = tuple(a for a in range(len(source)) if kept or a != op.axis)
    return Finding(
        facts=facts,
        name=op.name,
        output=op.outputs[0],
        inputs=op.inputs,
        cuts={at: 1 for at, axis in enumerate(places) if axis != op.axis},
        op=op,
        places=places,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding(Rule):
    """Parts of a search; `places` as of `Reduction`."""

    op: ArgExtreme
    places: tuple[int, ...]

    def needs(self, box: Box) -> tuple[Box | None, ...]:
        """All of the axis."""
        found = list(all_of(self.facts, self.inputs[0]))
        for bounds, axis in zip(box, self.places, strict=True):
            if axis != self.op.axis:
                found[axis] = bounds
        return (tuple(found),)

    def instructions(self, at: Operands) -> tuple[Instruction, ...]:
        """One search."""
        target = at.target
        if len(target.shape) < len(at.source().box):
            target = inserted(target, self.op.axis)
        return (
            Extreme(
                operation=0,
                target=target,
                source=at.source().view,
                axis=self.op.axis,
                smallest=self.op.smallest,
                last=self.op.last,
            ),
        )
