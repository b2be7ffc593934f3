"""Pooling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolchain.accelerator.compile.boxes import Box
from toolchain.accelerator.compile.rules.base import Facts, Operands, Rule, every_axis, single
from toolchain.accelerator.compile.rules.convolution import channels_last_view
from toolchain.accelerator.compile.rules.windows import Axis, spatial, taken
from toolchain.accelerator.isa.instructions import Instruction
from toolchain.accelerator.isa.instructions import Pool as PoolInstruction
from toolchain.accelerator.isa.instructions import PoolKind as InstructionKind
from toolchain.program.records import PoolKind

if TYPE_CHECKING:
    from toolchain.accelerator.isa.operands import ToInteger
    from toolchain.program.records import Pool


def pool_rule(op: Pool, facts: Facts) -> Rule:
    """Windows over one or two spatial axes."""
    source = facts.shape(op.inputs[0])
    return Pooling(
        facts=facts,
        name=op.name,
        output=op.outputs[0],
        inputs=op.inputs,
        cuts=every_axis(facts.shape(op.outputs[0])),
        axes=spatial(source[2:], op.kernel, op.strides, op.dilations, op.pads),
        op=op,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Pooling(Rule):
    """Parts of a pooling and of `Pool`."""

    axes: tuple[Axis, Axis]
    op: Pool

    def needs(self, box: Box) -> tuple[Box | None, ...]:
        """Rows and columns of the windows."""
        axes = self.axes[2 - (len(box) - 2) :]
        return ((*box[:2], *(taken(a, b) for a, b in zip(box[2:], axes, strict=True))),)

    def _finish(self) -> ToInteger:
        op = self.op
        if op.kind is PoolKind.MAX:
            # What is largest leaves as it is, whatever bounds the program names.
            return self.facts.stored(self.output, 0)
        return self.facts.to_integer(op.zero_point, (op.low, op.high))

    def instructions(self, at: Operands) -> tuple[Instruction, ...]:
        """One pooling."""
        source = at.source()
        lone = ((0, 1),) if len(at.box) == 3 else ()
        begins, ends = [], []
        for out, read, axis in zip(
            (*lone, *at.box[2:]), (*lone, *source.box[2:]), self.axes, strict=True
        ):
            begins.append(read[0] - (out[0] * axis.stride - axis.pad))
            ends.append(axis.pad_end if read[1] == axis.extent else 0)
        return (
            PoolInstruction(
                operation=0,
                target=channels_last_view(at.target),
                source=channels_last_view(source.view),
                kind=InstructionKind[self.op.kind.name],
                kernel=tuple(axis.kernel for axis in self.axes),
                strides=tuple(axis.stride for axis in self.axes),
                dilations=tuple(axis.dilation for axis in self.axes),
                pads=(*begins, *ends),
                count_padding=self.op.count_include_pad,
                source_zero=self.op.x_zero_point,
                factor=single(self.op.factor),
                finish=self._finish(),
            ),
        )
