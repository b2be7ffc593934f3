"""Linear resizing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from toolchain.accelerator.compile.boxes import Box
from toolchain.accelerator.compile.rules.base import Facts, Operands, Parameter, Rule, single
from toolchain.accelerator.compile.rules.convolution import channels_last_view
from toolchain.accelerator.isa.instructions import Blend, Instruction

if TYPE_CHECKING:
    from toolchain.program.records import Resize


def linear_rule(op: Resize, facts: Facts) -> Rule:
    """Resize of rows, columns or both; an axis that stays is blended with weights of 0."""
    constants = facts.program.constants
    source = facts.shape(op.inputs[0])
    parameters = []
    for role, axis in (("row", len(source) - 2), ("column", len(source) - 1)):
        extent = source[axis] if axis > 1 else 1
        if axis in op.axes:
            at = op.axes.index(axis)
            low, high, weights = (constants[part[at]] for part in (op.low, op.high, op.weights))
        else:
            low = high = np.arange(extent)
            weights = np.zeros(extent)
        for kind, array in (("low", low), ("high", high)):
            full = array.astype(np.int32)
            parameters.append(Parameter(role=f"{role}_{kind}", array=full))
        full = weights.astype(np.float32)
        parameters.append(Parameter(role=f"{role}_weights", array=full))
    return Blending(
        facts=facts,
        name=op.name,
        output=op.outputs[0],
        inputs=op.inputs,
        cuts={0: 1, 1: 1},
        parameters=tuple(parameters),
        op=op,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Blending(Rule):
    """Parts of a linear resize, whole rows and columns."""

    op: Resize

    def needs(self, box: Box) -> tuple[Box | None, ...]:
        """All positions of the same samples and channels."""
        shape = self.facts.shape(self.inputs[0])
        return ((*box[:2], *((0, extent) for extent in shape[2:])),)

    def instructions(self, at: Operands) -> tuple[Instruction, ...]:
        """One blend."""
        found = at.parameters
        return (
            Blend(
                operation=0,
                target=channels_last_view(at.target),
                source=channels_last_view(at.source().view),
                row_low=found["row_low"],
                row_high=found["row_high"],
                row_weights=found["row_weights"],
                column_low=found["column_low"],
                column_high=found["column_high"],
                column_weights=found["column_weights"],
                widths_first=list(self.op.axes) != sorted(self.op.axes),
                source_zero=self.op.x_zero_point,
                factor=single(self.op.factor),
                finish=self.facts.in_float(self.output, self.op.zero_point),
            ),
        )
