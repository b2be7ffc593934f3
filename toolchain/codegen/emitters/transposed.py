"""ConvTranspose: one convolution for the outputs of each phase of the strides."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product as combinations
from math import gcd, prod
from typing import TYPE_CHECKING

import numpy as np

from toolchain.codegen.calls import Kernel
from toolchain.codegen.emitters.conv import gathered, input_fields, operands
from toolchain.codegen.emitters.product import column_points, finished
from toolchain.codegen.emitters.windows import SPATIAL_AXES, three, window_of
from toolchain.codegen.literals import Fields, Struct

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolchain.codegen.operands import Operand
    from toolchain.codegen.scope import Scope
    from toolchain.program.records import ConvTranspose

_PHASE = Kernel("tc_conv_phase", "tc_conv", parallel=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Phase:
    """Outputs first, first + stride, ... along one axis: they meet the same kernel elements.

    Attributes:
        first: First output.
        outputs: How many there are.
        taps: Kernel elements that they meet, from the one that meets the first input on.
        pad: How far before the input the first of these lies.
        dilation: Inputs from one of these elements to the next.
    """

    first: int
    outputs: int
    taps: tuple[int, ...]
    pad: int
    dilation: int


def emit_conv_transpose(op: ConvTranspose, scope: Scope) -> None:
    """A call for each phase; what no kernel element reaches is a phase, too."""
    x, y = operands(op.inputs[0], op.outputs[0], scope)
    if len(y.shape) - 2 > SPATIAL_AXES:
        raise scope.unsupported(op, f"more than {SPATIAL_AXES} spatial axes", len(y.shape) - 2)
    for number, phases in enumerate(combinations(*_phases(op, y, scope)), start=1):
        _emit_phase(op, x, y, phases, f"{op.name}_{number}", scope)


def _phases(op: ConvTranspose, y: Operand, scope: Scope) -> Iterator[tuple[_Phase, ...]]:
    """Phases of every axis."""
    kernel = scope.program.constants[op.weight].shape[2:]
    for axis, extent in enumerate(y.shape[2:]):
        stride, dilation = op.strides[axis], op.dilations[axis]
        yield tuple(
            _phase(first, extent, kernel[axis], stride, op.pads[axis], dilation)
            for first in range(min(stride, extent))
        )


def _phase(first: int, extent: int, kernel: int, stride: int, pad: int, dilation: int) -> _Phase:
    """The phase of output `first`, by the elements k that meet a whole input.

    Element k meets input (output + pad - k * dilation) / stride. Where that is whole for none, one
    is kept that lies before all inputs, so that it adds nothing.
    """
    outputs = -(-(extent - first) // stride)
    quotient, rest = divmod(first + pad, stride)
    met = [k for k in reversed(range(kernel)) if k * dilation % stride == rest]
    if not met:
        return _Phase(first=first, outputs=outputs, taps=(0,), pad=outputs, dilation=1)
    return _Phase(
        first=first,
        outputs=outputs,
        taps=tuple(met),
        pad=(met[0] * dilation - rest) // stride - quotient,
        dilation=dilation // gcd(dilation, stride),
    )


def _emit_phase(
    op: ConvTranspose,
    x: Operand,
    y: Operand,
    phases: tuple[_Phase, ...],
    label: str,
    scope: Scope,
) -> None:
    constants = scope.program.constants
    taken = constants[op.weight]
    for axis, phase in enumerate(phases, start=2):
        taken = taken.take(phase.taps, axis)
    by_group = taken.reshape(op.groups, -1, *taken.shape[1:]).swapaxes(1, 2)
    weight = by_group.reshape(-1, *by_group.shape[2:])
    zeros = None if op.weight_zero_point is None else constants[op.weight_zero_point]
    if zeros is not None and zeros.size > 1:
        zeros = np.tile(zeros, op.groups)
    outputs = tuple(phase.outputs for phase in phases)
    product, fields = gathered(op, label, weight, x, x.shape[0] * prod(outputs), scope)
    fields |= column_points(op.name, zeros, weight, y.shape[1], scope)
    place = window_of(
        channels=(x.shape[1], y.shape[1]),
        batch=x.shape[0],
        extents=(x.shape[2:], outputs),
        kernel=tuple(len(phase.taps) for phase in phases),
        strides=(1,) * len(phases),
        pads=tuple(phase.pad for phase in phases),
        dilations=tuple(phase.dilation for phase in phases),
    )
    conv: Fields = {
        "window": place,
        **input_fields(op, x, product, scope),
        "product": finished(op, fields, y.shape[1], scope),
    }
    params: Fields = {
        "conv": Struct("tc_conv_params", conv),
        "y_extent": three(y.shape[2:], 1),
        "y_first": three(tuple(phase.first for phase in phases), 0),
        "y_step": three(op.strides, 1),
    }
    scratch = scope.workers * product.scratch_bytes
    scope.call(_PHASE, params, (x,), (y,), name=label, scratch_bytes=scratch)
