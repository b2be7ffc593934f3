"""Convolutions and matrix products."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from toolchain.core.dtypes import Array, DType
from toolchain.core.graph_view import NodeView, ValueView
from toolchain.core.operators import traits, weight_axis
from toolchain.core.quant import PerChannel
from toolchain.errors import Code, CompileError
from toolchain.program.lowering.builder import Builder
from toolchain.program.lowering.finish import IntegerOutput, integer_output
from toolchain.program.lowering.quantized import Quantized
from toolchain.program.lowering.windows import convolution_windows
from toolchain.program.records import Conv, ConvTranspose, Finish, MatMul, Requantize, ToFloat


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Operands:
    """What is multiplied and added.

    Attributes:
        scale: Scale of the accumulator, () or one number per output channel.
        bias: In steps of scale * 2**-guard_bits.
        guard_bits: How much finer than the accumulator the bias is.
    """

    x: Quantized
    weight: Quantized
    scale: NDArray[np.float32]
    bias: NDArray[np.int32] | None = None
    guard_bits: int = 0


def lower_conv(builder: Builder, node: NodeView) -> bool:
    """Conv and ConvTranspose; False where an operand is float."""
    operands = _operands(builder, node)
    windows = convolution_windows(node)
    if operands is None or windows is None:
        return False
    output, finish = _finish(builder, node, operands)
    kind = Conv if node.op_type == "Conv" else ConvTranspose
    builder.add(
        kind(
            name=node.name,
            inputs=(operands.x.name,),
            outputs=(output,),
            weight=builder.constant(operands.weight.name, _weight(operands)),
            weight_zero_point=_weight_zero_point(builder, operands),
            bias=_bias_constant(builder, node, operands),
            x_zero_point=operands.x.zero_point,
            strides=windows.strides,
            pads=windows.pads,
            dilations=windows.dilations,
            groups=node.int_attribute("group", 1),
            finish=finish,
        )
    )
    return True


def lower_matmul(builder: Builder, node: NodeView) -> bool:
    """Gemm with plain factors and MatMul of rank 2 and more; False where an operand is float."""
    if not _plain_product(node):
        return False
    b = builder.integers(node.input(1))
    if b is not None and b.constant is None:
        return _lower_activations(builder, node, b)
    operands = _operands(builder, node)
    if operands is None:
        return False
    output, finish = _finish(builder, node, operands)
    weight = _weight(operands)
    transposed = node.op_type == "Gemm" and node.int_attribute("transB", 0) == 1
    builder.add(
        MatMul(
            name=node.name,
            inputs=(operands.x.name,),
            outputs=(output,),
            b=builder.constant(operands.weight.name, weight.T if transposed else weight),
            a_zero_point=operands.x.zero_point,
            b_zero_point=_weight_zero_point(builder, operands),
            bias=_bias_constant(builder, node, operands),
            finish=finish,
        )
    )
    return True


def _plain_product(node: NodeView) -> bool:
    ranks = [len(v.shape) for v in node.inputs[:2] if v is not None and v.shape is not None]
    if node.op_type == "MatMul":
        return len(ranks) == 2 and min(ranks) >= 2
    factors = node.float_attribute("alpha", 1.0), node.float_attribute("beta", 1.0)
    return node.int_attribute("transA", 0) == 0 and factors == (1.0, 1.0)


def _lower_activations(builder: Builder, node: NodeView, b: Quantized) -> bool:
    a = builder.integers(node.input(0))
    if a is None or a.constant is not None or node.op_type != "MatMul":
        return False
    operands = _Operands(x=a, weight=b, scale=np.asarray(a.scale * b.scale, np.float32))
    output, finish = _finish(builder, node, operands)
    builder.add(
        MatMul(
            name=node.name,
            inputs=(a.name, b.name),
            outputs=(output,),
            b=None,
            a_zero_point=a.zero_point,
            b_zero_point=_weight_zero_point(builder, operands),
            bias=None,
            finish=finish,
        )
    )
    return True


def _operands(builder: Builder, node: NodeView) -> _Operands | None:
    x, weight = builder.integers(node.input(0)), builder.integers(node.input(1))
    if x is None or weight is None or weight.constant is None or x.constant is not None:
        return None
    granularity = weight.params.spec.granularity
    on_axis = isinstance(granularity, PerChannel) and granularity.axis == weight_axis(node)
    if not (weight.per_tensor or on_axis):
        return None
    product = np.asarray(x.params.scale * weight.params.scale, np.float32)
    scale = _per_channel(product, node)
    position = traits(node).bias
    bias = None if position is None else node.input(position)
    guard_bits = 0 if bias is None else _guard_bits(builder, bias, scale)
    steps = np.asarray(np.ldexp(scale, -guard_bits), np.float32)
    integers = None if bias is None else _bias(builder, node, bias, steps)
    if bias is not None and integers is None:
        return None
    return _Operands(x=x, weight=weight, scale=scale, bias=integers, guard_bits=guard_bits)


def _guard_bits(builder: Builder, bias: ValueView, scale: NDArray[np.float32]) -> int:
    """Bits by which a bias with a scale of its own is finer than the accumulator."""
    stored = builder.integers(bias)
    if stored is None or not builder.target.bias.own_scale:
        return 0
    finer = np.frexp(scale)[1] - np.frexp(stored.params.scale)[1]
    return max(0, int(np.max(finer)))


def _bias(
    builder: Builder, node: NodeView, bias: ValueView, scale: NDArray[np.float32]
) -> NDArray[np.int32] | None:
    """The bias in accumulator steps; None where it is computed or not one value per channel."""
    if bias.static_shape not in _bias_shapes(node):
        return None
    stored = builder.integers(bias)
    if stored is not None and stored.constant is not None and _same_scale(stored, scale):
        return np.asarray(stored.constant, np.int32).reshape(-1)
    real = builder.float_constant(bias)
    return None if real is None else _integer_bias(node, real, scale)


def _bias_shapes(node: NodeView) -> tuple[tuple[int, ...], ...]:
    """Shapes of a bias with one value per output channel, which are axis 1 of the result."""
    channels = (node.outputs[0].static_shape or (0, 0))[1]
    return ((channels,), (1, channels)) if node.op_type == "Gemm" else ((channels,),)


def _same_scale(stored: Quantized, scale: NDArray[np.float32]) -> bool:
    """True where stored bias integers are accumulator steps already."""
    known = stored.params
    fits = known.scale.ndim == 0 or known.scale.shape == scale.shape
    return fits and bool(np.all(known.scale == scale)) and not np.any(known.zero_point)


def _integer_bias(node: NodeView, real: Array, scale: NDArray[np.float32]) -> NDArray[np.int32]:
    """rint(bias / (input scale * weight scale)), which must fit the accumulator."""
    steps = np.rint(real.astype(np.float64).reshape(-1) / scale.astype(np.float64))
    if np.any(np.abs(steps) > DType.INT32.qmax):
        raise CompileError(
            Code.LOWERING_FAILED,
            "A bias does not fit the int32 accumulator",
            where=node.name,
            got=f"channel {int(np.abs(steps).argmax())}: {np.abs(steps).max():.3g} steps",
            allowed=f"at most {DType.INT32.qmax}",
            hint="the weights of that channel are almost 0: give it a larger weight scale",
        )
    return steps.astype(np.int32)


def _weight(operands: _Operands) -> Array:
    if operands.weight.constant is None:
        raise CompileError(Code.LOWERING_FAILED, "No constant weight", where=operands.weight.name)
    return operands.weight.constant


def _weight_zero_point(builder: Builder, operands: _Operands) -> str | None:
    points = operands.weight.params.zero_point
    if not np.any(points):
        return None
    return builder.constant(f"{operands.weight.name}/zero_point", np.asarray(points, np.int32))


def _bias_constant(builder: Builder, node: NodeView, operands: _Operands) -> str | None:
    if operands.bias is None:
        return None
    return builder.constant(f"{node.name}/bias", operands.bias)


def _finish(builder: Builder, node: NodeView, operands: _Operands) -> tuple[str, Finish]:
    """Name of the output tensor, and the record that says how the accumulator gets there."""
    found: IntegerOutput | None = integer_output(builder, node, clamps=True)
    if found is None:
        steps = np.asarray(np.ldexp(operands.scale, -operands.guard_bits), np.float32)
        factor = builder.constant(f"{node.name}/factor", steps)
        output = builder.float_tensor(node.outputs[0])
        return output, ToFloat(factor=factor, guard_bits=operands.guard_bits)
    out = found.quantized
    numbers = builder.factors.ratio(operands.scale, out.scale)
    numbers = np.asarray(np.ldexp(numbers, -operands.guard_bits), np.float32)
    return builder.integer_tensor(out, found.shape), Requantize(
        factor=builder.constant(f"{node.name}/factor", numbers),
        zero_point=out.zero_point,
        low=found.low,
        high=found.high,
        guard_bits=operands.guard_bits,
    )


def _per_channel(numbers: NDArray[np.float32], node: NodeView) -> NDArray[np.float32]:
    """() or one number per output channel; a grouped ConvTranspose repeats them per group."""
    if numbers.ndim == 0 or node.op_type != "ConvTranspose":
        return numbers
    return np.tile(numbers, node.int_attribute("group", 1))
