"""Operators that give elements another place or shape, on any type."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from toolchain.program.float_ops.call import Call, Kernel

if TYPE_CHECKING:
    from toolchain.core.dtypes import Array


def _needed(call: Call, index: int) -> tuple[int, ...]:
    values = call.numbers(index)
    if values is None:
        raise call.invalid(f"input {index} is missing")
    return values


def _reshape(call: Call) -> tuple[Array, ...]:
    """-1 is what remains; 0 copies the input's extent unless `allowzero`."""
    x, wanted = call.array(0), _needed(call, 1)
    if not call.integer("allowzero", 0):
        if any(dim == 0 for dim in wanted[x.ndim :]):
            raise call.invalid("a 0 beyond the input's rank", got=wanted)
        wanted = tuple(x.shape[i] if dim == 0 else dim for i, dim in enumerate(wanted))
    return (x.reshape(wanted),)


def _flatten(call: Call) -> tuple[Array, ...]:
    x, axis = call.array(0), call.integer("axis", 1)
    if not -x.ndim <= axis <= x.ndim:
        raise call.invalid("axis", got=axis, allowed=f"{-x.ndim} to {x.ndim}")
    axis += x.ndim if axis < 0 else 0
    return (x.reshape(math.prod(x.shape[:axis]), math.prod(x.shape[axis:])),)


def _transpose(call: Call) -> tuple[Array, ...]:
    x = call.array(0)
    perm = call.integers("perm")
    return (np.ascontiguousarray(x.transpose(perm)),)


def _squeeze(call: Call) -> tuple[Array, ...]:
    x, axes = call.array(0), call.numbers(1)
    return (np.squeeze(x, axis=None if axes is None else call.axes(axes, x.ndim)),)


def _unsqueeze(call: Call) -> tuple[Array, ...]:
    x, axes = call.array(0), _needed(call, 1)
    return (np.expand_dims(x, call.axes(axes, x.ndim + len(axes))),)


def _concat(call: Call) -> tuple[Array, ...]:
    arrays = [call.array(index) for index in range(len(call.inputs))]
    axis = call.axis(call.integer("axis"), arrays[0].ndim)
    if len({array.dtype for array in arrays}) != 1:
        raise call.invalid("inputs of different types", got=[a.dtype for a in arrays])
    return (np.concatenate(arrays, axis=axis),)


def _split(call: Call) -> tuple[Array, ...]:
    """Parts of the given sizes, or `num_outputs` parts, all but the last ceil(extent / parts)."""
    x, sizes = call.array(0), call.numbers(1)
    axis = call.axis(call.integer("axis", 0), x.ndim)
    extent = x.shape[axis]
    if sizes is None:
        parts = call.integer("num_outputs", len(call.op.outputs))
        part = -(-extent // parts)
        sizes = (*(part,) * (parts - 1), extent - part * (parts - 1))
    if sum(sizes) != extent or min(sizes, default=0) < 0:
        raise call.invalid("sizes of the parts", got=sizes, allowed=f"a sum of {extent}")
    ends = np.cumsum(sizes)[:-1]
    return tuple(np.ascontiguousarray(part) for part in np.split(x, ends, axis=axis))


def _expand(call: Call) -> tuple[Array, ...]:
    x, wanted = call.array(0), _needed(call, 1)
    return (np.broadcast_to(x, np.broadcast_shapes(x.shape, wanted)).copy(),)


def _tile(call: Call) -> tuple[Array, ...]:
    x, repeats = call.array(0), _needed(call, 1)
    if len(repeats) != x.ndim:
        raise call.invalid("repeats", got=repeats, allowed=f"{x.ndim} integers")
    return (np.tile(x, repeats),)


def _depth_to_space(call: Call) -> tuple[Array, ...]:
    """(N, b*b*C, H, W) to (N, C, H*b, W*b); DCR has the block outermost in depth, CRD innermost."""
    x, block = call.array(0), call.integer("blocksize")
    batch, depth, height, width = x.shape
    channels = depth // (block * block)
    if call.text("mode", "DCR", ("DCR", "CRD")) == "DCR":
        blocks = x.reshape(batch, block, block, channels, height, width)
        moved = blocks.transpose(0, 3, 4, 1, 5, 2)
    else:
        blocks = x.reshape(batch, channels, block, block, height, width)
        moved = blocks.transpose(0, 1, 4, 2, 5, 3)
    return (moved.reshape(batch, channels, height * block, width * block),)


def _space_to_depth(call: Call) -> tuple[Array, ...]:
    """(N, C, H, W) to (N, b*b*C, H/b, W/b), the block outermost in depth."""
    x, block = call.array(0), call.integer("blocksize")
    batch, channels, height, width = x.shape
    blocks = x.reshape(batch, channels, height // block, block, width // block, block)
    moved = blocks.transpose(0, 3, 5, 1, 2, 4)
    return (moved.reshape(batch, channels * block * block, height // block, width // block),)


def _identity(call: Call) -> tuple[Array, ...]:
    return (call.array(0),)


def _shape(call: Call) -> tuple[Array, ...]:
    shape = call.array(0).shape
    end = call.integer("end", len(shape))
    return (np.asarray(shape[slice(call.integer("start", 0), end)], np.int64),)


def _size(call: Call) -> tuple[Array, ...]:
    return (np.asarray(call.array(0).size, np.int64),)


def _constant_of_shape(call: Call) -> tuple[Array, ...]:
    value = np.asarray(call.op.attributes.get("value", np.zeros(1, np.float32)))
    if value.size != 1:
        raise call.invalid("attribute value", got=value.shape, allowed="one element")
    return (np.full(_needed(call, 0), value.ravel()[0], value.dtype),)


def _range(call: Call) -> tuple[Array, ...]:
    """Return start + i * delta for 0 <= i < ceil((limit - start) / delta), in the input's type."""
    start, limit, delta = (call.array(index).reshape(()) for index in range(3))
    if delta == 0:
        raise call.invalid("delta", got=0, allowed="any other number")
    count = max(math.ceil((limit.item() - start.item()) / delta.item()), 0)
    steps = np.arange(count).astype(start.dtype)
    return (np.asarray(start + steps * delta, start.dtype),)


def _trilu(call: Call) -> tuple[Array, ...]:
    """The upper (or lower) triangle of the last two axes, 0 elsewhere."""
    x, offset = call.array(0), call.numbers(1)
    keep = np.triu if call.integer("upper", 1) else np.tril
    return (keep(x, offset[0] if offset else 0),)


OPS: Mapping[str, Kernel] = MappingProxyType(
    {
        "Reshape": _reshape,
        "Flatten": _flatten,
        "Transpose": _transpose,
        "Squeeze": _squeeze,
        "Unsqueeze": _unsqueeze,
        "Concat": _concat,
        "Split": _split,
        "Expand": _expand,
        "Tile": _tile,
        "DepthToSpace": _depth_to_space,
        "SpaceToDepth": _space_to_depth,
        "Identity": _identity,
        "Shape": _shape,
        "Size": _size,
        "ConstantOfShape": _constant_of_shape,
        "Range": _range,
        "Trilu": _trilu,
    }
)
"""Kernels of this family by ONNX operator name."""
