"""Transposed convolutions, phase by phase.

With a stride of s along an axis, outputs whose distance is a multiple of s meet the same elements
of the kernel: s phases, each of them a convolution with these elements from the last to the first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from math import gcd
from typing import TYPE_CHECKING

import numpy as np

from toolchain.accelerator.compile.boxes import Box
from toolchain.accelerator.compile.rules.base import Facts, Operands, Parameter, Rule
from toolchain.accelerator.compile.rules.convolution import channel_parameters, channels_last_view
from toolchain.accelerator.compile.rules.windows import Axis, spatial
from toolchain.accelerator.isa.instructions import Convolve, Instruction
from toolchain.accelerator.isa.operands import Engine

if TYPE_CHECKING:
    from toolchain.accelerator.isa.operands import View
    from toolchain.core.dtypes import Array
    from toolchain.program.records import ConvTranspose, Finish


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """Outputs that meet the same elements of the kernel, along one axis.

    Attributes:
        rest: Their index in the uncut result, modulo the stride.
        taps: The elements of the kernel, last first; empty where they meet none.
        dilation: Positions of the source from one of them to the next.
        back: Positions of the source before that of the output at which the first one lies.
    """

    rest: int
    taps: tuple[int, ...]
    dilation: int
    back: int


def phases(axis: Axis) -> tuple[Phase, ...]:
    """All phases along an axis, whose windows slide over the result."""
    found = []
    dilation = axis.dilation // gcd(axis.dilation, axis.stride)
    for rest in range(axis.stride):
        at = [k for k in range(axis.kernel) if k * axis.dilation % axis.stride == rest]
        back = (at[-1] * axis.dilation - rest) // axis.stride if at else 0
        found.append(Phase(rest=rest, taps=tuple(reversed(at)), dilation=dilation, back=back))
    return tuple(found)


def transposed_rule(op: ConvTranspose, facts: Facts) -> Rule:
    """Transposed convolution over one or two spatial axes."""
    constants = facts.program.constants
    weights = constants[op.weight]
    if weights.ndim == 3:
        weights = weights[:, :, None, :]
    depth, per_group, *kernel = weights.shape
    source, shape = facts.shape(op.inputs[0]), facts.shape(op.outputs[0])
    axes = spatial(source[2:], kernel, op.strides, op.dilations, op.pads)
    zero = None
    if op.weight_zero_point is not None:
        zero = np.broadcast_to(constants[op.weight_zero_point].reshape(-1), (per_group,))
    # (M, H, W, C / groups), as convolutions have them.
    grouped = weights.reshape(op.groups, depth // op.groups, per_group, *kernel)
    filters = grouped.transpose(0, 2, 3, 4, 1).reshape(-1, *kernel, depth // op.groups)
    every = None if zero is None else np.tile(zero, op.groups)
    depthwise = op.groups > 1 and depth == op.groups
    return Spreading(
        facts=facts,
        name=op.name,
        engine=facts.depthwise if depthwise else Engine.CONVOLUTION,
        output=op.outputs[0],
        inputs=(op.inputs[0],),
        parameters=(
            *_by_phase(filters, axes, every),
            *channel_parameters(facts, len(filters), (every, op.bias, op.finish), along=1),
        ),
        cuts={0: 1, 1: per_group if op.groups > 1 else 1}
        | {2 + at: stride for at, stride in enumerate(op.strides[: len(shape) - 2])},
        axes=axes,
        groups=op.groups,
        per_group=per_group,
        source_zero=op.x_zero_point,
        accumulator=op.finish,
    )


def _by_phase(filters: Array, axes: tuple[Axis, Axis], zero: Array | None) -> Iterator[Parameter]:
    """The elements of every phase; one that adds nothing where there are none."""
    for rows, columns in product(*map(phases, axes)):
        if rows.taps and columns.taps:
            array = filters[:, list(rows.taps)][:, :, list(columns.taps)]
        else:
            array = np.zeros_like(filters[:, :1, :1])
            if zero is not None:
                array[...] = zero.reshape(-1, 1, 1, 1)
        role = _role(rows, columns)
        yield Parameter(role=role, array=np.ascontiguousarray(array), along=1)


def _role(rows: Phase, columns: Phase) -> str:
    return f"weights of phase {rows.rest}, {columns.rest}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spreading(Rule):
    """Parts of a transposed convolution; `axes` slide over the result."""

    axes: tuple[Axis, Axis]
    groups: int
    per_group: int
    source_zero: int
    accumulator: Finish

    def needs(self, box: Box) -> tuple[Box | None, ...]:
        """Positions that reach the part, and the channels of the groups."""
        depth = self.facts.shape(self.inputs[0])[1]
        channels = (0, depth)
        if self.groups > 1:
            width = depth // self.groups
            channels = (
                box[1][0] // self.per_group * width,
                -(-box[1][1] // self.per_group) * width,
            )
        own = self.axes[2 - (len(box) - 2) :]
        return ((box[0], channels, *map(_reached, box[2:], own)),)

    def instructions(self, at: Operands) -> tuple[Instruction, ...]:
        """A convolution for every phase of which the part has any."""
        lone = ((0, 1),) if len(at.box) == 3 else ()
        parts = (*lone, *at.box[2:])
        reads = (*lone, *at.source().box[2:])
        target = channels_last_view(at.target)
        groups = 1
        if self.groups > 1:
            groups = -(-at.box[1][1] // self.per_group) - at.box[1][0] // self.per_group
        found = []
        for pair in product(*map(phases, self.axes)):
            into: View | None = target
            pads = []
            for number, (phase, axis, part, read) in enumerate(
                zip(pair, self.axes, parts, reads, strict=True)
            ):
                first = part[0] + (phase.rest - part[0] - axis.pad) % axis.stride
                if into is not None:
                    into = _every(into, 1 + number, first - part[0], axis.stride)
                pads.append(read[0] - ((first + axis.pad) // axis.stride - phase.back))
            if into is None:
                continue
            found.append(
                Convolve(
                    operation=0,
                    target=into,
                    source=channels_last_view(at.source().view),
                    weights=at.parameters[_role(*pair)],
                    weight_zero=at.parameters.get("weight_zero"),
                    bias=at.parameters.get("bias"),
                    factor=at.parameters["factor"],
                    source_zero=self.source_zero,
                    strides=(1, 1),
                    dilations=tuple(phase.dilation for phase in pair),
                    pads=tuple(pads),
                    groups=groups,
                    finish=self.facts.finish(self.accumulator),
                )
            )
        return tuple(found)


def _reached(outputs: tuple[int, int], axis: Axis) -> tuple[int, int]:
    """Positions of the source whose windows reach a range of outputs, at least one."""
    first = -((axis.kernel - 1) * axis.dilation - outputs[0] - axis.pad) // axis.stride
    last = (outputs[1] - 1 + axis.pad) // axis.stride
    start = min(max(first, 0), axis.extent - 1)
    return start, max(min(last + 1, axis.extent), start + 1)


def _every(view: View, axis: int, first: int, step: int) -> View | None:
    """Every so many indices of an axis, from `first` on; None where there are none."""
    extent = view.shape[axis]
    if first >= extent:
        return None
    shape, strides = list(view.shape), list(view.strides)
    shape[axis] = -(-(extent - first) // step)
    strides[axis] *= step
    offset = view.offset + first * view.strides[axis]
    return replace(view, offset=offset, shape=tuple(shape), strides=tuple(strides))
