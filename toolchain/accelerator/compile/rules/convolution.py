"""Convolutions, and matrix products with constants."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from toolchain.accelerator.compile.boxes import Box
from toolchain.accelerator.compile.rules.base import Facts, Operands, Parameter, Rule
from toolchain.accelerator.compile.rules.windows import Axis, spatial, taken
from toolchain.accelerator.compile.views import inserted, permuted
from toolchain.accelerator.isa.instructions import BlockedConvolve, Convolve, Instruction
from toolchain.accelerator.isa.operands import Engine, ToFloat, View
from toolchain.accelerator.isa.operands import Finish as InstructionFinish

if TYPE_CHECKING:
    from toolchain.core.dtypes import Array
    from toolchain.program.records import Conv, Finish, MatMul


def conv_rule(op: Conv, facts: Facts) -> Rule:
    """Convolution over one or two spatial axes."""
    weights = facts.program.constants[op.weight]
    channels = weights.shape[0]
    if weights.ndim == 3:
        weights = weights[:, :, None, :]
    per_group = channels // op.groups
    source = facts.shape(op.inputs[0])
    axes = spatial(source[2:], weights.shape[2:], op.strides, op.dilations, op.pads)
    depthwise = op.groups > 1 and weights.shape[1] == 1
    shape = facts.shape(op.outputs[0])
    return Convolution(
        facts=facts,
        name=op.name,
        engine=facts.depthwise if depthwise else Engine.CONVOLUTION,
        output=op.outputs[0],
        inputs=(op.inputs[0],),
        parameters=_parameters(
            facts,
            weights.transpose(0, 2, 3, 1),
            (op.weight_zero_point, op.bias, op.finish),
            along=1,
        ),
        cuts={0: 1, 1: per_group if op.groups > 1 else 1} | dict.fromkeys(range(2, len(shape)), 1),
        axes=axes,
        groups=op.groups,
        per_group=per_group,
        source_zero=op.x_zero_point,
        accumulator=op.finish,
    )


def _parameters(
    facts: Facts,
    weights: Array,
    others: tuple[str | None, str | None, Finish],
    *,
    along: int,
) -> tuple[Parameter, ...]:
    """Weights (M, H, W, C) and what is added to or multiplied with every channel."""
    zero, bias, finish = others
    found = None if zero is None else facts.program.constants[zero]
    array = np.ascontiguousarray(weights)
    return (
        Parameter(role="weights", array=array, along=along),
        *channel_parameters(facts, len(weights), (found, bias, finish), along=along),
    )


def channel_parameters(
    facts: Facts,
    channels: int,
    others: tuple[Array | None, str | None, Finish],
    *,
    along: int,
) -> tuple[Parameter, ...]:
    """Zero points of weights, bias and factors, one for every channel."""
    zero, bias, finish = others
    arrays = {}
    if zero is not None and np.any(zero):
        each = np.broadcast_to(zero.astype(np.int32).reshape(-1), (channels,))
        arrays["weight_zero"] = np.ascontiguousarray(each)
    if bias is not None:
        arrays["bias"] = facts.channel(bias, channels, np.int32)
    arrays["factor"] = facts.channel(finish.factor, channels, np.float32)
    return tuple(Parameter(role=role, array=a, along=along) for role, a in arrays.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Convolution(Rule):
    """Parts of a convolution and of `Convolve`; `block` as of `BlockedConvolve`."""

    axes: tuple[Axis, Axis]
    groups: int
    per_group: int
    source_zero: int
    accumulator: Finish
    block: int | None = None

    def needs(self, box: Box) -> tuple[Box | None, ...]:
        """Rows and columns of the windows, and the channels of the groups."""
        depth = self.facts.shape(self.inputs[0])[1]
        channels = (0, depth)
        if self.groups > 1:
            width = depth // self.groups
            first, last = box[1][0] // self.per_group, -(-box[1][1] // self.per_group)
            channels = (first * width, last * width)
        windows = [taken(a, b) for a, b in zip(self._two(box), self.axes, strict=True)]
        kept = windows[2 - (len(box) - 2) :]
        return ((box[0], channels, *kept),)

    def instructions(self, at: Operands) -> tuple[Instruction, ...]:
        """One convolution."""
        source = at.source()
        rows, columns = self._two(at.box)
        begins = self._two(source.box)
        groups = 1
        if self.groups > 1:
            groups = -(-at.box[1][1] // self.per_group) - at.box[1][0] // self.per_group
        return (
            convolving(
                self.block,
                target=channels_last_view(at.target),
                source=channels_last_view(source.view),
                weights=at.parameters["weights"],
                weight_zero=at.parameters.get("weight_zero"),
                bias=at.parameters.get("bias"),
                factor=at.parameters["factor"],
                source_zero=self.source_zero,
                strides=tuple(axis.stride for axis in self.axes),
                dilations=tuple(axis.dilation for axis in self.axes),
                pads=tuple(
                    begin[0] - (out[0] * axis.stride - axis.pad)
                    for out, begin, axis in zip((rows, columns), begins, self.axes, strict=True)
                ),
                groups=groups,
                finish=total_finish(self.facts, self.accumulator, self.block),
            ),
        )

    @staticmethod
    def _two(box: Box) -> tuple[tuple[int, int], tuple[int, int]]:
        """Rows and columns; a tensor with one spatial axis has one row."""
        return ((0, 1), box[2]) if len(box) == 3 else (box[2], box[3])


def convolving(block: int | None, **fields: Any) -> Instruction:
    """A convolution, whose factors may be those of blocks of channels."""
    if block is None:
        return Convolve(operation=0, **fields)
    return BlockedConvolve(operation=0, block=block, **fields)


def total_finish(facts: Facts, finish: Finish, block: int | None) -> InstructionFinish:
    """How sums leave; those of blocks are in float32, also where programs requantize exactly."""
    found = facts.finish(finish)
    if block is None or isinstance(found, ToFloat):
        return found
    return replace(found, exact=False)


def channels_last_view(view: View) -> View:
    """A view with axes (N, C, W) or (N, C, H, W) as (N, H, W, C)."""
    return permuted(inserted(view, 2) if len(view.shape) == 3 else view, (0, 2, 3, 1))


def dense_rule(op: MatMul, facts: Facts) -> Rule:
    """Matrix product with a constant matrix: a convolution whose positions are the rows."""
    matrix = facts.program.constants[str(op.b)]
    shape = facts.shape(op.outputs[0])
    rank = len(shape)
    return Dense(
        facts=facts,
        name=op.name,
        engine=Engine.CONVOLUTION,
        output=op.outputs[0],
        inputs=(op.inputs[0],),
        parameters=_parameters(
            facts,
            matrix.T[:, None, None, :],
            (op.b_zero_point, op.bias, op.finish),
            along=rank - 1,
        ),
        cuts=dict.fromkeys(range(rank), 1),
        source_zero=op.a_zero_point,
        accumulator=op.finish,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Dense(Rule):
    """Parts of a product (..., R, K) x (K, M) and of `Convolve`; `block` as above."""

    source_zero: int
    accumulator: Finish
    block: int | None = None

    def needs(self, box: Box) -> tuple[Box | None, ...]:
        """Whole rows."""
        return ((*box[:-1], (0, self.facts.shape(self.inputs[0])[-1])),)

    def instructions(self, at: Operands) -> tuple[Instruction, ...]:
        """One convolution with a kernel of one position."""
        return (
            convolving(
                self.block,
                target=_four(at.target),
                source=_four(at.source().view),
                weights=at.parameters["weights"],
                weight_zero=at.parameters.get("weight_zero"),
                bias=at.parameters.get("bias"),
                factor=at.parameters["factor"],
                source_zero=self.source_zero,
                strides=(1, 1),
                dilations=(1, 1),
                pads=(0, 0),
                groups=1,
                finish=total_finish(self.facts, self.accumulator, self.block),
            ),
        )


def _four(view: View) -> View:
    """A view of at most four axes with axes of extent 1 in front."""
    while len(view.shape) < 4:
        view = inserted(view, 0)
    return view
