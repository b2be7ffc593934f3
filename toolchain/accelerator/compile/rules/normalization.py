"""Normalization of runs of elements."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from toolchain.accelerator.compile.boxes import Box
from toolchain.accelerator.compile.rules.base import Facts, Operands, Parameter, Rule
from toolchain.accelerator.compile.rules.elementwise import constant_part
from toolchain.accelerator.compile.views import broadcast, joined_rows, split_axes
from toolchain.accelerator.isa.instructions import Instruction
from toolchain.accelerator.isa.instructions import Normalize as NormalizeInstruction

if TYPE_CHECKING:
    from toolchain.program.records import Normalize


def normalize_rule(op: Normalize, facts: Facts) -> Rule:
    """Runs of neighbouring elements in row-major order."""
    shape = facts.shape(op.outputs[0])
    axis, width = run_axis(shape, op.length)
    cuts = dict.fromkeys(range(axis), 1)
    if width < shape[axis]:
        cuts[axis] = width
    parameters = []
    for role, name in (("gain", op.gain), ("offset", op.offset)):
        if name is not None:
            array = facts.program.constants[name].astype(np.float32)
            array = array.reshape((1,) * (len(shape) - array.ndim) + array.shape)
            parameters.append(Parameter(role=role, array=np.ascontiguousarray(array)))
    return Normalization(
        facts=facts,
        name=op.name,
        output=op.outputs[0],
        inputs=op.inputs,
        cuts=cuts,
        parameters=tuple(parameters),
        op=op,
        axis=axis,
        width=width,
    )


def run_axis(shape: tuple[int, ...], length: int) -> tuple[int, int]:
    """The first axis that a run spans, and how many of its indices.

    The number is 0 where runs begin within an index of that axis.
    """
    axis = len(shape) - 1
    while axis > 0 and prod(shape[axis:]) < length:
        axis -= 1
    width, rest = divmod(length, prod(shape[axis + 1 :]))
    return (axis, 0) if rest or shape[axis] % width else (axis, width)


@dataclass(frozen=True, slots=True, kw_only=True)
class Normalization(Rule):
    """Parts of a normalization, whole runs.

    Attributes:
        axis: The first axis that a run spans.
        width: How many of its indices.
    """

    op: Normalize
    axis: int
    width: int

    def needs(self, box: Box) -> tuple[Box | None, ...]:
        """The same part."""
        return (box,)

    def instructions(self, at: Operands) -> tuple[Instruction, ...]:
        """One normalization, or several where runs cannot be run through as one axis."""
        shape = at.target.shape
        factors = tuple(
            (extent // self.width, self.width) if axis == self.axis else (extent,)
            for axis, extent in enumerate(shape)
        )
        views = {"target": at.target, "source": at.source().view} | {
            role: broadcast(constant_part(at, role), shape) for role in at.parameters
        }
        split = [split_axes(view, factors) for view in views.values()]
        found = (dict(zip(views, rows, strict=True)) for rows in joined_rows(self.axis + 1, *split))
        return tuple(
            NormalizeInstruction(
                operation=0,
                target=rows["target"],
                source=rows["source"],
                gain=rows["gain"],
                offset=rows.get("offset"),
                centred=self.op.centred,
                source_zero=self.op.x_zero_point,
                epsilon=self.op.epsilon,
                finish=self.facts.in_float(self.output, self.op.zero_point),
            )
            for rows in found
        )
