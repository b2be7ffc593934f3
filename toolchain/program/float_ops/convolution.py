"""Convolutions of any rank: sums over channel, then window position, bias last."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from toolchain.program.float_ops.call import Call, Kernel
from toolchain.program.float_ops.windows import (
    Windows,
    auto_pad,
    explicit_pads,
    per_axis,
    sliding_windows,
    split_pads,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from toolchain.core.dtypes import Array

_BLOCK_ELEMENTS = 1 << 16
"""Outputs summed at a time, so that they stay in the cache; no influence on the result."""


def _conv(call: Call) -> tuple[Array, ...]:
    """y[n,m,o] = ((0 + x*w) + x*w + ...) + bias[m], c rising, then the window row-major.

    Positions outside x may be left out: they add a zero, which changes no sum that began with +0
    (weights are finite).
    """
    x, weight = call.real(0), call.real(1)
    groups = _groups(call, x.shape[1])
    if weight.shape[0] % groups or weight.shape[1] * groups != x.shape[1]:
        raise call.invalid("shape of the weight", got=weight.shape)
    windows = sliding_windows(call, x.shape[2:], weight.shape[2:])
    filters = weight.reshape(groups, -1, *weight.shape[1:])
    patches = tuple(windows.positions(windows.padded(x, 0.0)))
    rows = windows.output[0]
    per_row = x.shape[0] * weight.shape[0] * math.prod(windows.output[1:])
    step = max(1, _BLOCK_ELEMENTS // max(1, per_row))
    blocks = [
        _conv_rows(patches, filters, slice(start, min(start + step, rows)))
        for start in range(0, rows, step)
    ]
    return (_with_bias(call, np.concatenate(blocks, axis=2)),)


def _conv_rows(
    patches: tuple[tuple[tuple[int, ...], Array], ...], filters: NDArray[np.float32], rows: slice
) -> NDArray[np.float32]:
    """The sums for some rows of the first spatial axis: (N, M, rows, ...).

    `patches` are the window positions with what lies there, `filters` is (groups, M / groups,
    C / groups, kernel...).
    """
    groups, outputs, channels = filters.shape[:3]
    batch, _, *extent = patches[0][1][:, :, rows].shape
    total = np.zeros((batch, groups, outputs, math.prod(extent)), np.float32)
    products = np.empty_like(total)
    for channel in range(channels):
        for position, patch in patches:
            columns = patch[:, channel::channels, rows].reshape(batch, groups, 1, -1)
            factors = filters[:, :, channel, *position, np.newaxis]
            np.multiply(columns, factors, out=products)
            np.add(total, products, out=total)
    return total.reshape(batch, groups * outputs, *extent)


def _conv_transpose(call: Call) -> tuple[Array, ...]:
    """y[n,m,i*stride + k*dilation - pad] += x[n,c,i] * w[c,m,k], c rising, then k row-major.

    Every sum begins with 0; the bias is added last.
    """
    x, weight = call.real(0), call.real(1)
    groups = _groups(call, x.shape[1])
    if weight.shape[0] != x.shape[1]:
        raise call.invalid("shape of the weight", got=weight.shape)
    windows = transposed_windows(call, x.shape[2:], weight.shape[2:])
    outputs, extents = weight.shape[1], windows.reach()
    filters = weight.reshape(groups, -1, outputs, math.prod(windows.kernel), *(1,) * (x.ndim - 2))
    values = x.reshape(x.shape[0], groups, -1, 1, *x.shape[2:])
    total = np.zeros((x.shape[0], groups * outputs, *extents), np.float32)
    places = tuple(windows.positions(total))
    for channel in range(values.shape[2]):
        for index, (_, place) in enumerate(places):
            products = values[:, :, channel] * filters[:, channel, :, index]
            np.add(place, products.reshape(place.shape), out=place)
    for axis, (front, behind) in enumerate(zip(windows.before, windows.after, strict=True), 2):
        total = _cut(total, axis, front, behind)
    return (_with_bias(call, total),)


def _cut(values: Array, axis: int, front: int, behind: int) -> Array:
    """`values` without some elements at both ends of an axis; a negative number adds zeros."""
    size = values.shape[axis]
    kept = np.take(values, range(max(front, 0), size - max(behind, 0)), axis=axis)
    widths = [(0, 0)] * values.ndim
    widths[axis] = (max(-front, 0), max(-behind, 0))
    return np.pad(kept, widths)


def transposed_windows(call: Call, sizes: tuple[int, ...], kernel: tuple[int, ...]) -> Windows:
    """Where every input element lands: one window each, pads to be cut (ConvTranspose-22)."""
    rank = len(sizes)
    strides = per_axis(call, "strides", rank, 1)
    windows = Windows(
        kernel=kernel,
        strides=strides,
        dilations=per_axis(call, "dilations", rank, 1),
        before=(0,) * rank,
        after=(0,) * rank,
        output=sizes,
    )
    reach, extra = windows.reach(), per_axis(call, "output_padding", rank, 0)
    before, after = explicit_pads(call, rank)
    if call.integers("output_shape") is not None:
        wanted = per_axis(call, "output_shape", rank, 0)
    elif auto_pad(call).startswith("SAME"):
        wanted = tuple(size * stride for size, stride in zip(sizes, strides, strict=True))
    else:
        after = tuple(a - e for a, e in zip(after, extra, strict=True))
        return replace(windows, before=before, after=after)
    spans = zip(reach, extra, wanted, strict=True)
    before, after = split_pads(call, tuple(max(r + e - w, 0) for r, e, w in spans))
    after = tuple(r - b - w for r, b, w in zip(reach, before, wanted, strict=True))
    return replace(windows, before=before, after=after)


def _groups(call: Call, channels: int) -> int:
    """The attribute `group`, which must divide the input channels."""
    groups = call.integer("group", 1)
    if groups < 1 or channels % groups:
        raise call.invalid("attribute group", got=groups, allowed=f"a divisor of {channels}")
    return groups


def _with_bias(call: Call, total: NDArray[np.float32]) -> NDArray[np.float32]:
    bias = call.optional_real(2)
    return total if bias is None else total + bias.reshape(-1, *(1,) * (total.ndim - 2))


OPS: Mapping[str, Kernel] = MappingProxyType({"Conv": _conv, "ConvTranspose": _conv_transpose})
"""Kernels of this family by ONNX operator name."""
