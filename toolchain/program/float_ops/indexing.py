"""Operators that choose elements by position, on any type."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from toolchain.program.float_ops.call import Call, Kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from toolchain.core.dtypes import Array


def _slice(call: Call) -> tuple[Array, ...]:
    """Starts and ends are cut to the extent (ONNX Slice-13); a negative one counts from the end."""
    x, starts, ends = call.array(0), call.numbers(1), call.numbers(2)
    if starts is None or ends is None:
        raise call.invalid("starts or ends are missing")
    axes = call.axes(call.numbers(3) or tuple(range(len(starts))), x.ndim)
    steps = call.numbers(4) or (1,) * len(starts)
    if not len(starts) == len(ends) == len(axes) == len(steps) or 0 in steps:
        raise call.invalid("starts, ends, axes and steps", got=(starts, ends, axes, steps))
    cut = [slice(None)] * x.ndim
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        cut[axis] = bounded_slice(x.shape[axis], start, end, step)
    return (np.ascontiguousarray(x[tuple(cut)]),)


def bounded_slice(extent: int, start: int, end: int, step: int) -> slice:
    """The Python slice of an ONNX one; an end before the first element becomes None."""
    # Counting backwards, the end may be -1, "before the first element", which Python reads as last.
    lowest, highest = (0, extent) if step > 0 else (-1, extent - 1)
    start += extent if start < 0 else 0
    end += extent if end < 0 else 0
    start = min(max(start, 0), highest)
    end = min(max(end, lowest), extent)
    return slice(start, None if end < 0 else end, step)


PAD_MODES = ("constant", "reflect", "edge", "wrap")


def _pad(call: Call) -> tuple[Array, ...]:
    """Negative pads cut first; then constant, reflect, edge or wrap."""
    x, pads = call.array(0), call.numbers(1)
    axes = call.axes(call.numbers(3) or tuple(range(x.ndim)), x.ndim)
    if pads is None or len(pads) != 2 * len(axes):
        raise call.invalid("pads", got=pads, allowed=f"{2 * len(axes)} integers")
    mode = call.text("mode", "constant", PAD_MODES)
    cut, widths = [slice(None)] * x.ndim, [(0, 0)] * x.ndim
    for axis, before, after in zip(axes, pads[: len(axes)], pads[len(axes) :], strict=True):
        cut[axis] = slice(max(-before, 0), x.shape[axis] - max(-after, 0))
        widths[axis] = (max(before, 0), max(after, 0))
    kept = x[tuple(cut)]
    if mode == "constant":
        fill = call.optional(2)
        value = x.dtype.type(0) if fill is None else fill.reshape(-1)[0]
        return (np.pad(kept, widths, constant_values=value),)
    return (_pad_by_position(kept, widths, mode),)


def _pad_by_position(x: Array, widths: list[tuple[int, int]], mode: str) -> Array:
    for axis, (before, after) in enumerate(widths):
        if not before and not after:
            continue
        extent = x.shape[axis]
        index = np.arange(-before, extent + after)
        if mode == "edge":
            index = np.clip(index, 0, extent - 1)
        elif mode == "wrap":
            index = np.mod(index, extent)
        else:
            period = max(2 * (extent - 1), 1)
            index = np.mod(index, period)
            index = np.minimum(index, period - index) if extent > 1 else index
        x = np.take(x, index, axis=axis)
    return x


def _positions(call: Call, index: int, extents: Any) -> NDArray[np.int64]:
    """Input `index` as positions counted from the front; `extents` broadcasts against it."""
    values = call.array(index)
    if values.dtype.kind not in "iu":
        raise call.invalid(f"input {index}", got=values.dtype, allowed="an integer type")
    values = values.astype(np.int64)
    if ((values < -np.asarray(extents)) | (values >= extents)).any():
        raise call.invalid("an index lies outside", got=values.tolist(), allowed=str(extents))
    return np.where(values < 0, values + extents, values)


def _gather(call: Call) -> tuple[Array, ...]:
    x = call.array(0)
    axis = call.axis(call.integer("axis", 0), x.ndim)
    return (np.take(x, _positions(call, 1, x.shape[axis]), axis=axis),)


def _open_grid(shape: tuple[int, ...]) -> list[NDArray[np.int64]]:
    return list(np.indices(shape, dtype=np.int64, sparse=True))


def _along_axis(call: Call) -> tuple[NDArray[np.int64], ...]:
    """Full positions of GatherElements and ScatterElements: the grid, one axis replaced."""
    x = call.array(0)
    axis = call.axis(call.integer("axis", 0), x.ndim)
    index = _positions(call, 1, x.shape[axis])
    grid = _open_grid(index.shape)
    grid[axis] = index
    return tuple(grid)


def _gather_elements(call: Call) -> tuple[Array, ...]:
    return (call.array(0)[_along_axis(call)],)


def _gather_nd(call: Call) -> tuple[Array, ...]:
    """The last axis of the indices is a position behind the `batch_dims` shared axes."""
    x, shared = call.array(0), call.integer("batch_dims", 0)
    depth = call.array(1).shape[-1]
    index = _positions(call, 1, np.asarray(x.shape[shared : shared + depth]))
    batch = _open_grid(index.shape[:-1])[:shared]
    return (x[(*batch, *np.moveaxis(index, -1, 0))],)


def _scattered(
    call: Call, where: tuple[NDArray[np.int64], ...], updates: Array
) -> tuple[Array, ...]:
    """A copy of the data with elements replaced, or added one after the other in index order."""
    y = call.array(0).copy()
    if call.text("reduction", "none", ("none", "add")) == "add":
        np.add.at(y, where, updates)
    else:
        y[where] = updates
    return (y,)


def _scatter_elements(call: Call) -> tuple[Array, ...]:
    return _scattered(call, _along_axis(call), call.array(2))


def _scatter_nd(call: Call) -> tuple[Array, ...]:
    x, depth = call.array(0), call.array(1).shape[-1]
    index = _positions(call, 1, np.asarray(x.shape[:depth]))
    return _scattered(call, tuple(np.moveaxis(index, -1, 0)), call.array(2))


OPS: Mapping[str, Kernel] = MappingProxyType(
    {
        "Slice": _slice,
        "Pad": _pad,
        "Gather": _gather,
        "GatherElements": _gather_elements,
        "GatherND": _gather_nd,
        "ScatterElements": _scatter_elements,
        "ScatterND": _scatter_nd,
    }
)
"""Kernels of this family by ONNX operator name."""
