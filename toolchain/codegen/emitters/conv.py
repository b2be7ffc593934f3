"""Conv and BlockedConv: depthwise, or gathered inputs times panels of weights."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np

from toolchain.codegen.calls import Kernel
from toolchain.codegen.emitters.factors import finish
from toolchain.codegen.emitters.product import (
    Product,
    column_points,
    finished,
    finished_blocks,
    needs_wide,
)
from toolchain.codegen.emitters.weights import (
    as_signed,
    convolution_matrices,
    lowered_points,
    panels,
)
from toolchain.codegen.emitters.windows import window
from toolchain.codegen.literals import Fields, element_type
from toolchain.codegen.operands import Operand, channels_last
from toolchain.core.dtypes import DType
from toolchain.program.records import BlockedConv

if TYPE_CHECKING:
    from toolchain.codegen.scope import Scope
    from toolchain.core.dtypes import Array
    from toolchain.program.records import Conv, ConvTranspose

    AnyConv = Conv | ConvTranspose | BlockedConv

_CONV = Kernel("tc_conv", parallel=True)
_DEPTHWISE = Kernel("tc_depthwise", parallel=True)
_DEPTHWISE_WIDE = Kernel("tc_depthwise_wide", parallel=True)

_TAPS = 32
"""Kernel positions along the last axis that depthwise kernels take (TC_TAPS)."""


def emit_conv(op: Conv, scope: Scope) -> None:
    """Convolution with one scale for each output channel."""
    weight = scope.program.constants[op.weight]
    zeros = None if op.weight_zero_point is None else scope.program.constants[op.weight_zero_point]
    x, y = operands(op.inputs[0], op.outputs[0], scope)
    if op.groups == x.shape[1] == y.shape[1] and weight.shape[-1] <= _TAPS:
        _depthwise(op, x, y, weight, zeros, scope)
        return
    product, fields = gathered(op, op.name, weight, x, y.elements // y.shape[1], scope)
    fields |= column_points(op.name, zeros, weight, y.shape[1], scope)
    params: Fields = {
        "window": window(op, weight.shape[2:], x, y, scope),
        **input_fields(op, x, product, scope),
        "product": finished(op, fields, y.shape[1], scope),
    }
    scratch = scope.workers * product.scratch_bytes
    scope.call(_CONV, params, (x,), (y,), name=op.name, scratch_bytes=scratch)


def operands(source: str, result: str, scope: Scope) -> tuple[Operand, Operand]:
    """Input and output, channels last."""
    order = channels_last(len(scope.tensor(source).shape))
    return scope.read(source, order), scope.write(result, order)


def gathered(
    op: AnyConv, label: str, weight: Array, x: Operand, rows: int, scope: Scope
) -> tuple[Product, Fields]:
    """The product of `rows` gathered rows and a weight (M, C/groups, k...), but for its ending."""
    depth = prod(weight.shape[1:])
    product = Product(
        depth=depth,
        columns=weight.shape[0] // op.groups,
        rows=rows,
        wide=needs_wide(x.dtype, op.x_zero_point, DType(weight.dtype.name), depth),
        odd=isinstance(op, BlockedConv) and (op.block_size % 2 or weight.shape[1] % 2) == 1,
    )
    signed = as_signed(weight)
    packed = scope.constant(panels(convolution_matrices(signed, op.groups)), f"{label}_weights")
    return product, product.fields(element_type(DType(signed.dtype.name)), packed)


def input_fields(op: AnyConv, x: Operand, product: Product, scope: Scope) -> Fields:
    """What `tc_conv_params` say between window and product."""
    return {
        "groups": op.groups,
        "x_type": element_type(x.dtype),
        "x_zero_point": op.x_zero_point,
        "block_rows": product.block_rows,
        "parts": scope.workers,
    }


def _depthwise(
    op: Conv, x: Operand, y: Operand, weight: Array, zero_point: Array | None, scope: Scope
) -> None:
    offsets = 0 if zero_point is None else zero_point.reshape(-1, *(1,) * (weight.ndim - 1))
    centred = (weight.astype(np.int32) - offsets).reshape(y.shape[1], -1).T
    depth = prod(weight.shape[1:])
    wide = needs_wide(x.dtype, op.x_zero_point, DType(weight.dtype.name), depth)
    taps = scope.constant(centred.astype(np.int32 if wide else np.int16), f"{op.name}_weights")
    fields: Fields = {
        "window": window(op, weight.shape[2:], x, y, scope),
        "x_type": element_type(x.dtype),
        "x_zero_point": op.x_zero_point,
        "weights": taps,
        "parts": scope.workers,
        "finish": finish(op, op.finish, op.bias, y.shape[1], scope),
    }
    scope.call(_DEPTHWISE_WIDE if wide else _DEPTHWISE, fields, (x,), (y,), name=op.name)


def emit_blocked_conv(op: BlockedConv, scope: Scope) -> None:
    """Convolution with one scale for each block of input channels and kernel position."""
    constants = scope.program.constants
    weight = constants[op.weight]
    x, y = operands(op.inputs[0], op.outputs[0], scope)
    product, fields = gathered(op, op.name, weight, x, y.elements // y.shape[1], scope)
    factor = constants[op.finish.factor].astype(np.float32)
    zeros = None if op.weight_zero_point is None else constants[op.weight_zero_point]
    left = lowered_points(zeros, weight.dtype, factor.shape)
    params: Fields = {
        "window": window(op, weight.shape[2:], x, y, scope),
        **input_fields(op, x, product, scope),
        "product": finished_blocks(
            op,
            fields,
            (prod(weight.shape[2:]), weight.shape[1]),
            convolution_matrices(factor, op.groups),
            None if left is None else convolution_matrices(left, op.groups),
            scope,
        ),
    }
    scratch = scope.workers * product.scratch_bytes
    scope.call(_CONV, params, (x,), (y,), name=op.name, scratch_bytes=scratch)
