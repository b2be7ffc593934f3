"""Pooling: extrema keep the first of equals, averages divide an ordered sum by the count."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from toolchain.program.float_ops.call import Call, Kernel
from toolchain.program.float_ops.folds import (
    first_largest,
    larger,
    ordered_mean,
    pick,
    reduced_last,
)
from toolchain.program.float_ops.windows import Windows, sliding_windows

if TYPE_CHECKING:
    from toolchain.core.dtypes import Array


def _windows(call: Call, x: Array) -> Windows:
    kernel = call.integers("kernel_shape")
    if kernel is None or len(kernel) != x.ndim - 2:
        raise call.invalid("attribute kernel_shape", got=kernel, allowed=f"{x.ndim - 2} integers")
    return sliding_windows(call, x.shape[2:], kernel)


def _max_pool(call: Call) -> tuple[Array, ...]:
    """Largest element of a window, compared in row-major order; padding is the smallest value."""
    x = call.array(0)
    windows = _windows(call, x)
    lowest = -np.inf if x.dtype.kind == "f" else float(np.iinfo(x.dtype).min)
    patches = windows.positions(windows.padded(x, lowest))
    _, result = next(patches)
    for _, patch in patches:
        result = larger(result, patch)
    return (np.ascontiguousarray(result),)


def _average_pool(call: Call) -> tuple[Array, ...]:
    """((0 + v0) + v1 + ...) / float32(count), the window row-major.

    The count is of elements inside x, or inside x and its padding with `count_include_pad`; what a
    last window of ceil_mode covers beyond the padding never counts.
    """
    x = call.real(0)
    windows = _windows(call, x)
    padded = windows.padded(x, 0.0)
    counted = np.zeros((1, 1, *padded.shape[2:]), np.float32)
    spans = zip(x.shape[2:], windows.before, windows.after, strict=True)
    if call.integer("count_include_pad", 0):
        counts = tuple(slice(0, front + size + behind) for size, front, behind in spans)
    else:
        counts = tuple(slice(front, front + size) for size, front, _ in spans)
    counted[:, :, *counts] = 1
    total = np.zeros((*x.shape[:2], *windows.output), np.float32)
    count = np.zeros((1, 1, *windows.output), np.float32)
    for (_, patch), (_, ones) in zip(
        windows.positions(padded), windows.positions(counted), strict=True
    ):
        total += patch
        count += ones
    return (total / count,)


def _global_average_pool(call: Call) -> tuple[Array, ...]:
    """Ordered sum over all spatial elements, divided by their number."""
    x = call.real(0)
    axes = tuple(range(2, x.ndim))
    return (np.expand_dims(ordered_mean(reduced_last(x, axes)), axes),)


def _global_max_pool(call: Call) -> tuple[Array, ...]:
    x = call.array(0)
    axes = tuple(range(2, x.ndim))
    values = reduced_last(x, axes)
    return (np.expand_dims(pick(values, first_largest(values)), axes),)


OPS: Mapping[str, Kernel] = MappingProxyType(
    {
        "MaxPool": _max_pool,
        "AveragePool": _average_pool,
        "GlobalAveragePool": _global_average_pool,
        "GlobalMaxPool": _global_max_pool,
    }
)
"""Kernels of this family by ONNX operator name."""
