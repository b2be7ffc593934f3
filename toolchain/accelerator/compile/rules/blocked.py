"""Convolutions and matrix products whose weights have a scale for every block of channels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from toolchain.accelerator.compile.rules.base import Facts, Parameter, Rule
from toolchain.accelerator.compile.rules.convolution import Convolution, Dense
from toolchain.accelerator.compile.rules.windows import spatial
from toolchain.accelerator.isa.operands import Engine

if TYPE_CHECKING:
    from toolchain.core.dtypes import Array
    from toolchain.program.records import BlockedConv, BlockedMatMul


def blocked_conv_rule(op: BlockedConv, facts: Facts) -> Rule:
    """Convolution over one or two spatial axes."""
    shape, source = facts.shape(op.outputs[0]), facts.shape(op.inputs[0])
    arrays = {
        role: _channels_last(array) if array.ndim > 1 else array
        for role, array in _arrays(op, op.weight, op.weight_zero_point, facts).items()
    }
    per_group = shape[1] // op.groups
    kernel = arrays["weights"].shape[1:3]
    return Convolution(
        facts=facts,
        name=op.name,
        engine=Engine.CONVOLUTION,
        output=op.outputs[0],
        inputs=(op.inputs[0],),
        parameters=_parameters(arrays, along=1),
        cuts={0: 1, 1: per_group if op.groups > 1 else 1} | dict.fromkeys(range(2, len(shape)), 1),
        axes=spatial(source[2:], kernel, op.strides, op.dilations, op.pads),
        groups=op.groups,
        per_group=per_group,
        source_zero=op.x_zero_point,
        accumulator=op.finish,
        block=min(op.block_size, arrays["weights"].shape[3]),
    )


def blocked_dense_rule(op: BlockedMatMul, facts: Facts) -> Rule:
    """Matrix product with a constant matrix."""
    rank = len(facts.shape(op.outputs[0]))
    arrays = {
        role: array.T[:, None, None, :] if array.ndim > 1 else array
        for role, array in _arrays(op, op.b, op.b_zero_point, facts).items()
    }
    return Dense(
        facts=facts,
        name=op.name,
        engine=Engine.CONVOLUTION,
        output=op.outputs[0],
        inputs=(op.inputs[0],),
        parameters=_parameters(arrays, along=rank - 1),
        cuts=dict.fromkeys(range(rank), 1),
        source_zero=op.a_zero_point,
        accumulator=op.finish,
        block=min(op.block_size, arrays["weights"].shape[3]),
    )


def _arrays(
    op: BlockedConv | BlockedMatMul, weight: str, zero: str | None, facts: Facts
) -> dict[str, Array]:
    """Constants by their role, as the program has them."""
    constants = facts.program.constants
    found = {"weights": constants[weight]}
    if zero is not None and np.any(constants[zero]):
        found["weight_zero"] = constants[zero].astype(np.int32)
    if op.bias is not None:
        found["bias"] = constants[op.bias].astype(np.float32)
    return found | {"factor": constants[op.finish.factor].astype(np.float32)}


def _channels_last(array: Array) -> Array:
    """(M, C, W) or (M, C, H, W) as (M, H, W, C)."""
    four = array[:, :, None, :] if array.ndim == 3 else array
    return four.transpose(0, 2, 3, 1)


def _parameters(arrays: dict[str, Array], *, along: int) -> tuple[Parameter, ...]:
    return tuple(
        Parameter(role=role, array=np.ascontiguousarray(array), along=along)
        for role, array in arrays.items()
    )
