"""Convolutions and matrix products whose weight has one scale per block."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from toolchain.core.dtypes import Array
from toolchain.core.graph_view import NodeView
from toolchain.core.operators import reduction_axis, traits
from toolchain.core.quant import PerBlock
from toolchain.core.target import Requantization
from toolchain.errors import Code, CompileError
from toolchain.numerics.requantize import multiplier
from toolchain.program.lowering.builder import Builder
from toolchain.program.lowering.finish import integer_output
from toolchain.program.lowering.quantized import Quantized
from toolchain.program.lowering.windows import convolution_windows
from toolchain.program.records import (
    BlockedConv,
    BlockedMatMul,
    Finish,
    Requantize,
    ToFloat,
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Operands:
    """What is multiplied: weight, its zero points and scales as the record lays them out."""

    x: Quantized
    weight: Array
    zero_points: NDArray[np.int32]
    scales: NDArray[np.float32]
    bias: NDArray[np.float32] | None
    name: str
    block_size: int


def lower_blocked(builder: Builder, node: NodeView) -> bool:
    """Conv, Gemm and MatMul with a weight per block; False for all others.

    Raises:
        CompileError: The target has no multiplier that could take one scale per block.
    """
    operands = _operands(builder, node)
    if operands is None:
        return False
    if builder.target.requantization is not Requantization.FLOAT32_MULTIPLIER:
        raise CompileError(
            Code.LOWERING_FAILED,
            "The target cannot multiply by one scale per block of a weight",
            where=node.name,
            got=builder.target.requantization,
            allowed="weights with one scale per output channel",
        )
    if node.op_type == "Conv":
        return _add_conv(builder, node, operands)
    output, finish, bias = _finish(builder, node, operands)
    builder.add(
        BlockedMatMul(
            name=node.name,
            inputs=(operands.x.name,),
            outputs=(output,),
            b=builder.constant(operands.name, operands.weight),
            b_zero_point=_zero_point(builder, operands),
            bias=bias,
            a_zero_point=operands.x.zero_point,
            block_size=operands.block_size,
            finish=finish,
        )
    )
    return True


def _add_conv(builder: Builder, node: NodeView, operands: _Operands) -> bool:
    windows = convolution_windows(node)
    if windows is None:
        return False
    output, finish, bias = _finish(builder, node, operands)
    builder.add(
        BlockedConv(
            name=node.name,
            inputs=(operands.x.name,),
            outputs=(output,),
            weight=builder.constant(operands.name, operands.weight),
            weight_zero_point=_zero_point(builder, operands),
            bias=bias,
            x_zero_point=operands.x.zero_point,
            block_size=operands.block_size,
            strides=windows.strides,
            pads=windows.pads,
            dilations=windows.dilations,
            groups=node.int_attribute("group", 1),
            finish=finish,
        )
    )
    return True


def _operands(builder: Builder, node: NodeView) -> _Operands | None:
    if node.op_type not in ("Conv", "Gemm", "MatMul") or not _plain(node):
        return None
    x, weight = builder.integers(node.input(0)), builder.integers(node.input(1))
    if x is None or x.constant is not None or weight is None or weight.constant is None:
        return None
    granularity = weight.params.spec.granularity
    if not isinstance(granularity, PerBlock) or granularity.axis != reduction_axis(node):
        return None
    known, bias = _bias(builder, node)
    if not known:
        return None
    params = weight.params
    transposed = node.op_type == "Gemm" and node.int_attribute("transB", 0) == 1
    return _Operands(
        x=x,
        weight=weight.constant.T if transposed else weight.constant,
        zero_points=params.zero_point.T if transposed else params.zero_point,
        scales=params.scale.T if transposed else params.scale,
        bias=bias,
        name=weight.name,
        block_size=granularity.size,
    )


def _plain(node: NodeView) -> bool:
    factors = node.float_attribute("alpha", 1.0), node.float_attribute("beta", 1.0)
    ranks = [len(v.shape) for v in node.inputs[:2] if v is not None and v.shape is not None]
    matrices = len(ranks) == 2 and min(ranks) >= 2
    return matrices and node.int_attribute("transA", 0) == 0 and factors == (1.0, 1.0)


def _bias(builder: Builder, node: NodeView) -> tuple[bool, NDArray[np.float32] | None]:
    """Whether the bias is one constant per output channel or missing, and its real numbers."""
    position = traits(node).bias
    bias = None if position is None else node.input(position)
    if bias is None:
        return True, None
    channels = (node.outputs[0].static_shape or (0, 0))[1]
    real = builder.float_constant(bias)
    if real is None or real.shape not in ((channels,), (1, channels)):
        return False, None
    return True, np.asarray(real, np.float32).reshape(-1)


def _zero_point(builder: Builder, operands: _Operands) -> str | None:
    if not np.any(operands.zero_points):
        return None
    return builder.constant(f"{operands.name}/zero_point", operands.zero_points.astype(np.int32))


def _finish(
    builder: Builder, node: NodeView, operands: _Operands
) -> tuple[str, Finish, str | None]:
    """Output tensor, what becomes of the total, and the bias in its units."""
    found = integer_output(builder, node, clamps=True)
    scale = np.float32(1.0) if found is None else found.quantized.scale
    factor = builder.constant(
        f"{node.name}/factor",
        multiplier(operands.x.params.scale, operands.scales, np.asarray(scale)),
    )
    bias = None
    if operands.bias is not None:
        bias = builder.constant(f"{node.name}/bias", np.asarray(operands.bias / scale, np.float32))
    if found is None:
        return builder.float_tensor(node.outputs[0]), ToFloat(factor=factor), bias
    output = builder.integer_tensor(found.quantized, found.shape)
    finish = Requantize(
        factor=factor, zero_point=found.quantized.zero_point, low=found.low, high=found.high
    )
    return output, finish, bias
