"""Conv and MatMul of 8-bit integers."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from toolchain.codegen.calls import Kernel
from toolchain.codegen.emitters.windows import window
from toolchain.codegen.factors import finish
from toolchain.codegen.literals import Fields, Struct, Word
from toolchain.codegen.loops import broadcast_strides, loops
from toolchain.codegen.operands import channels_last, row_major

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from toolchain.codegen.scope import Scope
    from toolchain.program.records import Conv, MatMul

_CONV = Kernel("tc_conv", parallel=True)
_DEPTHWISE = Kernel("tc_depthwise", parallel=True)
_MATMUL = Kernel("tc_matmul", parallel=True)

COLUMNS = 64
"""Columns of a panel of weights (TC_COLUMNS)."""

_TAPS = 32
"""Kernel positions along the last axis that the depthwise kernel takes (TC_TAPS)."""

_GATHERED_ELEMENTS = 16384
"""16-bit inputs gathered at a time: 32 KiB, a first-level cache."""
_TILE = 8
_MOST_ROWS = 64


def panels(matrix: NDArray[np.int8]) -> NDArray[np.int8]:
    """Rearrange (depth, columns) into panels of up to 64 columns, each (depth, width), in a row."""
    parts = range(0, matrix.shape[1], COLUMNS)
    return np.concatenate([matrix[:, first : first + COLUMNS].reshape(-1) for first in parts])


def block_rows(depth: int, rows: int) -> int:
    """Rows gathered at a time: a multiple of a tile's, as many as the cache holds."""
    fitting = _GATHERED_ELEMENTS // depth // _TILE * _TILE
    return max(1, min(max(_TILE, min(fitting, _MOST_ROWS)), rows))


def even(number: int) -> int:
    """The next even number."""
    return number + number % 2


def centred_int8(
    values: NDArray[np.integer[Any]],
    zero_point: NDArray[np.integer[Any]] | None,
) -> tuple[NDArray[np.int8], NDArray[np.int32] | None]:
    """Weights and their zero points (one per column, or one) as int8 and what is left of them."""
    offset = 128 if values.dtype == np.uint8 else 0
    zeros = np.asarray(0 if zero_point is None else zero_point, np.int32) - offset
    shifted = (values.astype(np.int16) - offset).astype(np.int8)
    return shifted, zeros if np.any(zeros) else None


def emit_conv(op: Conv, scope: Scope) -> None:
    """Depthwise, or gathered inputs times panels of weights."""
    x = scope.read(op.inputs[0], channels_last(len(scope.tensor(op.inputs[0]).shape)))
    y = scope.write(op.outputs[0], channels_last(len(scope.tensor(op.outputs[0]).shape)))
    weight = scope.program.constants[op.weight]
    fields: Fields = {
        "window": window(op, weight.shape[2:], x, y, scope),
        "x_type": scope.element(op.inputs[0]),
        "x_zero_point": op.x_zero_point,
    }
    last: Fields = {"finish": finish(op, op.finish, op.bias, y.shape[1], scope)}
    zeros = None if op.weight_zero_point is None else scope.program.constants[op.weight_zero_point]
    if op.groups == x.shape[1] == y.shape[1] and weight.shape[-1] <= _TAPS:
        offsets = 0 if zeros is None else zeros.reshape(-1, *(1,) * (weight.ndim - 1))
        taps = (weight.astype(np.int16) - offsets).astype(np.int16).reshape(y.shape[1], -1).T
        name = scope.constant(taps, f"{op.name}_weights")
        own: Fields = {"weights": name, "parts": scope.workers}
        scope.call(_DEPTHWISE, fields | own | last, (x,), (y,), name=op.name)
        return
    shifted, left = centred_int8(weight, zeros)
    depth = prod(weight.shape[1:])
    rows = block_rows(depth, y.elements // y.shape[1])
    own = {
        "groups": op.groups,
        "weights": scope.constant(_grouped_panels(shifted, op.groups), f"{op.name}_weights"),
        "block_rows": rows,
        "row_step": even(depth),
        "parts": scope.workers,
    }
    if left is not None:
        each = np.ascontiguousarray(np.broadcast_to(left, (y.shape[1],)))
        own["weight_zero_point"] = scope.constant(each, f"{op.name}_zeros")
    scope.call(
        _CONV,
        fields | own | last,
        (x,),
        (y,),
        name=op.name,
        scratch_bytes=scope.workers * rows * even(depth) * 2,
    )


def _grouped_panels(weight: NDArray[np.int8], groups: int) -> NDArray[np.int8]:
    """Panels of all groups; within a column kernel positions come first, then channels."""
    by_group = weight.reshape(groups, -1, *weight.shape[1:])
    return np.concatenate(
        [panels(np.moveaxis(one, 1, -1).reshape(one.shape[0], -1).T) for one in by_group]
    )


def emit_matmul(op: MatMul, scope: Scope) -> None:
    """Rows of `a` times panels of a constant, or of a computed matrix packed on the way."""
    a = scope.read(op.inputs[0], row_major(len(scope.tensor(op.inputs[0]).shape)))
    y = scope.write(op.outputs[0])
    zeros = None if op.b_zero_point is None else scope.program.constants[op.b_zero_point]
    own: Fields = {}
    if op.b is None:
        b = scope.read(op.inputs[1], row_major(len(scope.tensor(op.inputs[1]).shape)))
        b_shape, inputs = b.shape, (a, b)
        offset = 128 if scope.tensor(op.inputs[1]).dtype.qmin == 0 else 0
        points = np.asarray(0 if zeros is None else zeros, np.int32) - offset
        left = points if np.any(points) else None
        own["b_type"] = scope.element(op.inputs[1])
    else:
        weight = scope.program.constants[op.b]
        b_shape, inputs = weight.shape, (a, Word("NULL"))  # type: ignore[assignment]
        shifted, left = centred_int8(weight, zeros)
        flat = shifted.reshape(-1, *weight.shape[-2:])
        packed = np.concatenate([panels(one) for one in flat])
        own["weights"] = scope.constant(packed, f"{op.name}_weights")
    depth, columns = b_shape[-2:]
    batch, rows = _batch(a.shape, b_shape, y.shape)
    gathered = block_rows(depth, rows)
    scratch = _aligned(gathered * even(depth) * 2 + (depth * columns if op.b is None else 0))
    if left is not None:
        each = np.ascontiguousarray(np.broadcast_to(left, (columns,)))
        own["b_zero_point"] = scope.constant(each, f"{op.name}_zeros")
    fields: Fields = {
        "batch": batch,
        "rows": rows,
        "depth": depth,
        "columns": columns,
        "a_type": scope.element(op.inputs[0]),
        "a_zero_point": op.a_zero_point,
        **own,
        "block_rows": gathered,
        "row_step": even(depth),
        "parts": scope.workers,
        "scratch_bytes": scratch,
        "finish": finish(op, op.finish, op.bias, columns, scope),
    }
    scope.call(
        _MATMUL,
        fields,
        inputs,
        (y,),
        name=op.name,
        scratch_bytes=scope.workers * scratch,
    )


def _aligned(size: int) -> int:
    return -(-size // 16) * 16


def _batch(a: tuple[int, ...], b: tuple[int, ...], y: tuple[int, ...]) -> tuple[Struct, int]:
    """Loops over pairs of matrices, and the rows of each; one `b` meets all rows at once."""
    rows = a[-2] if len(a) > 1 else 1
    if prod(b[:-2]) == 1:
        return loops((1,), (0,), (0,), (0,)), prod(a[:-1])
    shape = y[:-2]

    def strides(outer: tuple[int, ...], size: int) -> tuple[int, ...]:
        own = tuple(prod(outer[axis + 1 :]) * size for axis in range(len(outer)))
        return broadcast_strides(own, outer, shape)

    parts = (strides(a[:-2], a[-2] * a[-1]), strides(b[:-2], b[-2] * b[-1]))
    return loops(shape, *parts, strides(shape, y[-2] * y[-1])), rows
