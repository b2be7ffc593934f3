"""What comes out of float operators that move or choose elements."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import ceil, prod
from typing import TYPE_CHECKING

import numpy as np

from toolchain.core.dtypes import DType
from toolchain.program.float_ops.indexing import PAD_MODES, bounded_slice

if TYPE_CHECKING:
    from toolchain.core.dtypes import Array
    from toolchain.program.float_ops.call import Call

    Results = tuple[tuple[tuple[int, ...], DType], ...]


def _of(array: Array, shape: tuple[int, ...]) -> Results:
    return ((tuple(int(extent) for extent in shape), DType(array.dtype.name)),)


def _numbers(call: Call, index: int) -> tuple[int, ...]:
    values = call.numbers(index)
    if values is None:
        raise call.invalid(f"input {index} is missing")
    return values


def _reshape(call: Call) -> Results:
    x, wanted = call.array(0), list(_numbers(call, 1))
    if not call.integer("allowzero", 0):
        wanted = [x.shape[i] if dim == 0 else dim for i, dim in enumerate(wanted)]
    if wanted.count(-1) == 1:
        rest = -prod(wanted)
        wanted[wanted.index(-1)] = x.size // rest if rest > 0 else 0
    if min(wanted, default=0) < 0 or prod(wanted) != x.size:
        raise call.invalid("shape", got=wanted, allowed=f"{x.size} elements")
    return _of(x, tuple(wanted))


def _flatten(call: Call) -> Results:
    x, axis = call.array(0), call.integer("axis", 1)
    if not -x.ndim <= axis <= x.ndim:
        raise call.invalid("axis", got=axis, allowed=f"{-x.ndim} to {x.ndim}")
    axis += x.ndim if axis < 0 else 0
    return _of(x, (prod(x.shape[:axis]), prod(x.shape[axis:])))


def _transpose(call: Call) -> Results:
    x, perm = call.array(0), call.integers("perm")
    perm = tuple(reversed(range(x.ndim))) if perm is None else perm
    if sorted(perm) != list(range(x.ndim)):
        raise call.invalid("attribute perm", got=perm, allowed="every axis once")
    return _of(x, tuple(x.shape[axis] for axis in perm))


def _squeeze(call: Call) -> Results:
    x, given = call.array(0), call.numbers(1)
    ones = tuple(axis for axis, extent in enumerate(x.shape) if extent == 1)
    axes = ones if given is None else call.axes(given, x.ndim)
    if not set(axes) <= set(ones):
        raise call.invalid("axes", got=axes, allowed=f"of one element: {ones}")
    return _of(x, tuple(extent for axis, extent in enumerate(x.shape) if axis not in axes))


def _unsqueeze(call: Call) -> Results:
    x, axes = call.array(0), _numbers(call, 1)
    rank = x.ndim + len(axes)
    places, rest = call.axes(axes, rank), iter(x.shape)
    return _of(x, tuple(1 if axis in places else next(rest) for axis in range(rank)))


def _concat(call: Call) -> Results:
    arrays = [call.array(index) for index in range(len(call.inputs))]
    axis = call.axis(call.integer("axis"), arrays[0].ndim)
    first = arrays[0].shape
    for array in arrays:
        others = (*array.shape[:axis], *array.shape[axis + 1 :])
        if array.dtype != arrays[0].dtype or others != (*first[:axis], *first[axis + 1 :]):
            raise call.invalid("inputs differ", got=array.shape, allowed=str(first))
    total = sum(array.shape[axis] for array in arrays)
    return _of(arrays[0], (*first[:axis], total, *first[axis + 1 :]))


def _split(call: Call) -> Results:
    x, sizes = call.array(0), call.numbers(1)
    axis = call.axis(call.integer("axis", 0), x.ndim)
    extent, parts = x.shape[axis], call.integer("num_outputs", len(call.op.outputs))
    if sizes is None:
        if not 1 <= parts <= extent:
            raise call.invalid("attribute num_outputs", got=parts, allowed=f"1 to {extent}")
        part = ceil(extent / parts)
        sizes = (*(part,) * (parts - 1), extent - part * (parts - 1))
    if sum(sizes) != extent or min(sizes, default=0) < 1:
        raise call.invalid("sizes of the parts", got=sizes, allowed=f"a sum of {extent}")
    return tuple(_of(x, (*x.shape[:axis], size, *x.shape[axis + 1 :]))[0] for size in sizes)


def _expand(call: Call) -> Results:
    x = call.array(0)
    return _of(x, np.broadcast_shapes(x.shape, _numbers(call, 1)))


def _tile(call: Call) -> Results:
    x, repeats = call.array(0), _numbers(call, 1)
    if len(repeats) != x.ndim or min(repeats, default=1) < 1:
        raise call.invalid("repeats", got=repeats, allowed=f"{x.ndim} integers above 0")
    return _of(x, tuple(extent * count for extent, count in zip(x.shape, repeats, strict=True)))


def _depth_to_space(call: Call) -> Results:
    x, block = call.array(0), call.integer("blocksize")
    call.text("mode", "DCR", ("DCR", "CRD"))
    if x.ndim != 4 or block < 1 or x.shape[1] % (block * block):
        raise call.invalid("attribute blocksize", got=block, allowed=f"what divides {x.shape}")
    n, c, h, w = x.shape
    return _of(x, (n, c // (block * block), h * block, w * block))


def _space_to_depth(call: Call) -> Results:
    x, block = call.array(0), call.integer("blocksize")
    if x.ndim != 4 or block < 1 or x.shape[2] % block or x.shape[3] % block:
        raise call.invalid("attribute blocksize", got=block, allowed=f"what divides {x.shape}")
    n, c, h, w = x.shape
    return _of(x, (n, c * block * block, h // block, w // block))


def _same(call: Call) -> Results:
    return _of(call.array(0), call.array(0).shape)


def _trilu(call: Call) -> Results:
    x = call.array(0)
    call.integer("upper", 1)
    if x.ndim < 2:
        raise call.invalid("rank of the input", got=x.ndim, allowed="at least 2")
    return _of(x, x.shape)


def _shape(call: Call) -> Results:
    rank = call.array(0).ndim
    cut = slice(call.integer("start", 0), call.integer("end", rank))
    return (((len(range(rank)[cut]),), DType.INT64),)


def _size(call: Call) -> Results:
    call.array(0)
    return (((), DType.INT64),)


def _constant_of_shape(call: Call) -> Results:
    value = np.asarray(call.op.attributes.get("value", np.zeros(1, np.float32)))
    if value.size != 1:
        raise call.invalid("attribute value", got=value.shape, allowed="one element")
    return _of(value, _numbers(call, 0))


def _range(call: Call) -> Results:
    start, limit, delta = (call.array(index) for index in range(3))
    if {start.size, limit.size, delta.size} != {1} or len({start.dtype, limit.dtype}) != 1:
        raise call.invalid("start, limit and delta", allowed="one number each, of one type")
    begin, end, step = (float(value.item()) for value in (start, limit, delta))
    if step == 0 or not np.isfinite([begin, end, step]).all():
        raise call.invalid("start, limit and delta", got=(begin, end, step))
    return _of(start, (max(ceil((limit.item() - start.item()) / delta.item()), 0),))


def _slice(call: Call) -> Results:
    x, starts, ends = call.array(0), _numbers(call, 1), _numbers(call, 2)
    axes = call.axes(call.numbers(3) or tuple(range(len(starts))), x.ndim)
    steps = call.numbers(4) or (1,) * len(starts)
    if not len(starts) == len(ends) == len(axes) == len(steps) or 0 in steps:
        raise call.invalid("starts, ends, axes and steps", got=(starts, ends, axes, steps))
    shape = list(x.shape)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        cut = bounded_slice(x.shape[axis], start, end, step)
        shape[axis] = len(range(*cut.indices(x.shape[axis])))
    return _of(x, tuple(shape))


def _pad(call: Call) -> Results:
    x, pads = call.array(0), _numbers(call, 1)
    axes = call.axes(call.numbers(3) or tuple(range(x.ndim)), x.ndim)
    call.text("mode", "constant", PAD_MODES)
    fill = call.optional(2)
    if len(pads) != 2 * len(axes) or (fill is not None and fill.size != 1):
        raise call.invalid("pads", got=pads, allowed=f"{2 * len(axes)} integers, and one to fill")
    shape = list(x.shape)
    for axis, before, after in zip(axes, pads[: len(axes)], pads[len(axes) :], strict=True):
        if shape[axis] + min(before, 0) + min(after, 0) < 1:
            raise call.invalid("pads cut an axis away", got=pads)
        shape[axis] += before + after
    return _of(x, tuple(shape))


def _indices(call: Call, extents: Array | int) -> Array:
    """Input 1: integers, which lie inside where they are known; elsewhere running finds out."""
    values = call.array(1)
    if values.dtype.kind not in "iu" or min(values.shape, default=1) < 1:
        raise call.invalid("input 1", got=values.dtype, allowed="an integer type")
    known = 0 not in values.strides or values.size == 1
    if known and ((values < -np.asarray(extents)) | (values >= extents)).any():
        raise call.invalid("an index lies outside", allowed=str(extents))
    return values


def _gather(call: Call) -> Results:
    x = call.array(0)
    axis = call.axis(call.integer("axis", 0), x.ndim)
    indices = _indices(call, x.shape[axis])
    return _of(x, (*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]))


def _elements(call: Call) -> Array:
    """Indices of GatherElements and ScatterElements, none longer than the data."""
    x = call.array(0)
    axis = call.axis(call.integer("axis", 0), x.ndim)
    indices = _indices(call, x.shape[axis])
    fits = indices.ndim == x.ndim and all(
        own <= extent
        for number, (own, extent) in enumerate(zip(indices.shape, x.shape, strict=True))
        if number != axis
    )
    if not fits:
        raise call.invalid("shape of the indices", got=indices.shape, allowed=str(x.shape))
    return indices


def _gather_elements(call: Call) -> Results:
    return _of(call.array(0), _elements(call).shape)


def _gather_nd(call: Call) -> Results:
    x, shared = call.array(0), call.integer("batch_dims", 0)
    shape = call.array(1).shape
    depth = shape[-1]
    fits = 0 <= shared < min(len(shape), x.ndim) and shape[:shared] == x.shape[:shared]
    if not fits or not 1 <= depth <= x.ndim - shared:
        raise call.invalid("shape of the indices", got=shape, allowed=f"positions in {x.shape}")
    _indices(call, np.asarray(x.shape[shared : shared + depth]))
    return _of(x, (*shape[:-1], *x.shape[shared + depth :]))


def _updated(call: Call, shape: tuple[int, ...]) -> Results:
    x, updates = call.array(0), call.array(2)
    call.text("reduction", "none", ("none", "add"))
    if updates.shape != shape or updates.dtype != x.dtype:
        raise call.invalid("the updates", got=updates.shape, allowed=f"{x.dtype} {shape}")
    return _of(x, x.shape)


def _scatter_elements(call: Call) -> Results:
    return _updated(call, _elements(call).shape)


def _scatter_nd(call: Call) -> Results:
    x, shape = call.array(0), call.array(1).shape
    if not shape or not 1 <= shape[-1] <= x.ndim:
        raise call.invalid("shape of the indices", got=shape, allowed=f"positions in {x.shape}")
    _indices(call, np.asarray(x.shape[: shape[-1]]))
    return _updated(call, (*shape[:-1], *x.shape[shape[-1] :]))


MOVEMENTS: Mapping[str, Callable[[Call], Results]] = {
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
    "Identity": _same,
    "Shape": _shape,
    "Size": _size,
    "ConstantOfShape": _constant_of_shape,
    "Range": _range,
    "Trilu": _trilu,
    "Slice": _slice,
    "Pad": _pad,
    "Gather": _gather,
    "GatherElements": _gather_elements,
    "GatherND": _gather_nd,
    "ScatterElements": _scatter_elements,
    "ScatterND": _scatter_nd,
}
"""Rules of this family by ONNX operator name."""
