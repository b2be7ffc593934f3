"""Reductions along axes, in row-major order of the reduced elements."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from toolchain.numerics import elementary
from toolchain.program.float_ops.call import Call, Kernel
from toolchain.program.float_ops.folds import (
    first_largest,
    first_smallest,
    ordered_mean,
    ordered_product,
    ordered_sum,
    pick,
    reduced_last,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from toolchain.core.dtypes import Array


def _reduction(function: Callable[[Array], Array], *, real: bool = True) -> Kernel:
    """Kernel of `function` along the last axis; `real` demands float32.

    Axes come from input 1 or the attribute `axes`. Without any, all are reduced, or none if
    `noop_with_empty_axes`: every element is then reduced alone.
    """

    def kernel(call: Call) -> tuple[Array, ...]:
        x = call.real(0) if real else call.array(0)
        axes = call.numbers(1) if call.optional(1) is not None else call.integers("axes")
        reduced = call.axes(axes or (), x.ndim)
        if not axes and not call.integer("noop_with_empty_axes", 0):
            reduced = tuple(range(x.ndim))
        result = function(reduced_last(x, reduced))
        if call.integer("keepdims", 1):
            result = np.expand_dims(result, reduced)
        return (result,)

    return kernel


def _log_sum_exp(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """log(sum(exp(v - m))) + m, m the largest element (0 where that is not finite)."""
    m = pick(values, first_largest(values))
    m = np.where(np.isfinite(m), m, np.float32(0))
    return elementary.log(ordered_sum(elementary.exp(values - m[..., np.newaxis]))) + m


def _arg(select: Callable[[Array], NDArray[np.int64]]) -> Kernel:
    """Index of an extremum along one axis; of equals the first, or the last if asked for."""

    def kernel(call: Call) -> tuple[Array, ...]:
        x = call.array(0)
        axis = call.axis(call.integer("axis", 0), x.ndim)
        moved = np.moveaxis(x, axis, -1)
        if call.integer("select_last_index", 0):
            index = moved.shape[-1] - 1 - select(moved[..., ::-1])
        else:
            index = select(moved)
        return (np.expand_dims(index, axis) if call.integer("keepdims", 1) else index,)

    return kernel


def _top_k(call: Call) -> tuple[Array, ...]:
    """The k largest (or smallest) along an axis, sorted; of equals the lower index comes first."""
    x, count = call.array(0), call.numbers(1)
    axis = call.axis(call.integer("axis", -1), x.ndim)
    if not count or not 0 <= count[0] <= x.shape[axis]:
        raise call.invalid("k", got=count, allowed=f"0 to {x.shape[axis]}")
    values = np.moveaxis(x, axis, -1)
    if call.integer("largest", 1):
        # Reversed before and after, so that a stable ascending sort keeps the lower index first.
        backwards = np.argsort(values[..., ::-1], axis=-1, kind="stable")[..., ::-1]
        order = values.shape[-1] - 1 - backwards
    else:
        order = np.argsort(values, axis=-1, kind="stable")
    order = order[..., : count[0]]
    chosen = np.take_along_axis(values, order, axis=-1)
    return np.moveaxis(chosen, -1, axis), np.moveaxis(order.astype(np.int64), -1, axis)


def _cum_sum(call: Call) -> tuple[Array, ...]:
    """Partial sums from the front (from the back if `reverse`), each one addition to the last."""
    x, axes = call.array(0), call.numbers(1)
    if not axes:
        raise call.invalid("input 1 is missing")
    values = np.moveaxis(x, call.axis(axes[0], x.ndim), -1)
    reverse = bool(call.integer("reverse", 0))
    values = values[..., ::-1] if reverse else values
    if call.integer("exclusive", 0):
        zero = np.zeros((*values.shape[:-1], 1), x.dtype)
        values = np.concatenate([zero, values[..., :-1]], axis=-1)
    sums = np.add.accumulate(values, axis=-1, dtype=x.dtype)
    return (np.moveaxis(sums[..., ::-1] if reverse else sums, -1, call.axis(axes[0], x.ndim)),)


OPS: Mapping[str, Kernel] = MappingProxyType(
    {
        "ReduceSum": _reduction(ordered_sum, real=False),
        "ReduceProd": _reduction(ordered_product, real=False),
        "ReduceMax": _reduction(lambda v: pick(v, first_largest(v)), real=False),
        "ReduceMin": _reduction(lambda v: pick(v, first_smallest(v)), real=False),
        "ReduceMean": _reduction(ordered_mean),
        "ReduceL1": _reduction(lambda v: ordered_sum(np.abs(v))),
        "ReduceL2": _reduction(lambda v: np.sqrt(ordered_sum(v * v))),
        "ReduceSumSquare": _reduction(lambda v: ordered_sum(v * v)),
        "ReduceLogSumExp": _reduction(_log_sum_exp),
        "ArgMax": _arg(first_largest),
        "ArgMin": _arg(first_smallest),
        "TopK": _top_k,
        "CumSum": _cum_sum,
    }
)
"""Kernels of this family by ONNX operator name."""
