"""Resize: elements and weights of every axis are settled here (docs/numerics.md, 9.5)."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from toolchain.codegen.calls import Kernel
from toolchain.codegen.emitters.floats.attributes import integer, integers, number, text
from toolchain.codegen.emitters.floats.inputs import constant
from toolchain.codegen.emitters.movement import OUTSIDE, take
from toolchain.codegen.literals import Fields
from toolchain.codegen.operands import Operand

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from toolchain.codegen.emitters.floats import FloatEmitter
    from toolchain.codegen.scope import Scope
    from toolchain.program.records import FloatOp

_RESIZE = Kernel("tc_float_resize")

_Doubles: TypeAlias = "NDArray[np.float64]"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Axis:
    """One resized axis.

    Attributes:
        axis: Axis.
        size: Its extent in the input.
        result: Its extent in the output.
        scale: Output by input.
        region: Begin and end of the part of the input, from 0 to 1.
    """

    axis: int
    size: int
    result: int
    scale: float
    region: tuple[float, float]


def emit_resize(op: FloatOp, scope: Scope) -> None:
    """Nearest elements are taken; others are summed, one axis after the other."""
    x = scope.read(op.inputs[0])
    cropped = text(op, "coordinate_transformation_mode", "half_pixel") == "tf_crop_and_resize"
    axes = [
        axis
        for axis in _axes(op, x.shape, scope)
        if cropped or axis.scale != 1 or axis.size != axis.result
    ]
    outside = {axis.axis: _outside(op, axis) for axis in axes if cropped}
    fill = x.dtype.numpy.type(number(op, "extrapolation_value", 0.0)).tobytes()
    if text(op, "mode", "nearest") == "nearest":
        tables = {axis.axis: _nearest(op, axis) for axis in axes}
        for index, beyond in outside.items():
            tables[index] = np.where(beyond, np.int32(OUTSIDE), tables[index])
        take(op.name, x, op.outputs[0], tables, scope, fill)
        return
    extrapolated = any(beyond.any() for beyond in outside.values())
    for axis in axes:
        last = axis is axes[-1] and not extrapolated
        x = _resample(op, axis, x, scope, last=last)
    if extrapolated or not axes:
        tables = {
            index: np.where(beyond, OUTSIDE, np.arange(len(beyond))).astype(np.int32)
            for index, beyond in outside.items()
        }
        take(op.name, x, op.outputs[0], tables, scope, fill)


def _axes(op: FloatOp, shape: tuple[int, ...], scope: Scope) -> list[_Axis]:
    """The axes that are resized, in rising order."""
    rank = len(shape)
    axes = [axis % rank for axis in integers(op, "axes", tuple(range(rank)))]
    results = scope.tensor(op.outputs[0]).shape
    region, scales, sizes = (constant(op, index, scope) for index in (1, 2, 3))
    if scales is not None and scales.size:
        factors = [float(scale) for scale in scales]
    elif sizes is not None:
        factors = [
            float(size) / shape[axis] for axis, size in zip(axes, sizes.ravel(), strict=True)
        ]
        policy = text(op, "keep_aspect_ratio_policy", "stretch")
        if policy != "stretch":
            chosen = min(factors) if policy == "not_larger" else max(factors)
            factors = [chosen] * len(axes)
    else:
        raise scope.unsupported(op, "scales or sizes that are computed")
    cropped = text(op, "coordinate_transformation_mode", "half_pixel") == "tf_crop_and_resize"
    edges = [0.0] * len(axes) + [1.0] * len(axes)
    if cropped and region is not None:
        edges = [float(edge) for edge in region]
    found = [
        _Axis(axis=axis, size=shape[axis], result=results[axis], scale=factor, region=(begin, end))
        for axis, factor, begin, end in zip(
            axes, factors, edges[: len(axes)], edges[len(axes) :], strict=True
        )
    ]
    return sorted(found, key=lambda axis: axis.axis)


def _positions(op: FloatOp, axis: _Axis) -> _Doubles:
    """Where every result lies in the input."""
    i = np.arange(axis.result, dtype=np.float64)
    n, m, s = axis.size, axis.result, axis.scale
    half_pixel: _Doubles = (i + 0.5) / s - 0.5
    match text(op, "coordinate_transformation_mode", "half_pixel"):
        case "pytorch_half_pixel" if m == 1:
            return np.zeros(1)
        case "asymmetric":
            return i / s
        case "align_corners":
            return (i * (n - 1)) / max(m - 1, 1)
        case "half_pixel_symmetric":
            return (n / 2) * (1 - m / (s * n)) + half_pixel
        case "tf_crop_and_resize":
            return _cropped(axis, i)
        case _:
            return half_pixel


def _cropped(axis: _Axis, i: _Doubles) -> _Doubles:
    """Where results lie in the input if they are spread over a region of it."""
    (a, b), n, m = axis.region, axis.size, axis.result
    if m == 1:
        return np.full(1, (0.5 * (a + b)) * (n - 1))
    return a * (n - 1) + ((i * (b - a)) * (n - 1)) / (m - 1)


def _outside(op: FloatOp, axis: _Axis) -> NDArray[np.bool_]:
    """Which results lie outside of the input."""
    position = _positions(op, axis)
    return (position < 0) | (position > axis.size - 1)


def _nearest(op: FloatOp, axis: _Axis) -> NDArray[np.int32]:
    """The element that every result is."""
    position = _positions(op, axis)
    match text(op, "nearest_mode", "round_prefer_floor"):
        case "floor":
            chosen = np.floor(position)
        case "ceil":
            chosen = np.ceil(position)
        case "round_prefer_ceil":
            chosen = np.floor(position + 0.5)
        case _:
            chosen = np.ceil(position - 0.5)
    return np.clip(chosen, 0, axis.size - 1).astype(np.int32)


def _resample(op: FloatOp, axis: _Axis, x: Operand, scope: Scope, *, last: bool) -> Operand:
    """One axis: to the operator's output if it is the last one."""
    if text(op, "mode", "nearest") == "linear":
        elements, weights = _linear(_positions(op, axis), axis.size)
    else:
        elements, weights = _cubic(op, _positions(op, axis), axis.size)
    shape = (*x.shape[: axis.axis], axis.result, *x.shape[axis.axis + 1 :])
    if last:
        y = scope.write(op.outputs[0], x.order)
    else:
        buffer = scope.buffer(f"{op.outputs[0]} axis {axis.axis}")
        y = Operand(buffer=buffer, dtype=x.dtype, shape=shape, order=x.order)
    at = x.order.index(axis.axis)
    name = f"{op.name}_{axis.axis}"
    fields: Fields = {
        "outer": prod(x.extents[:at]),
        "in": axis.size,
        "out": axis.result,
        "inner": prod(x.extents[at + 1 :]),
        "taps": elements.shape[1],
        "positions": scope.constant(elements, f"{name}_positions"),
        "weights": scope.constant(weights, f"{name}_weights"),
    }
    scope.call(_RESIZE, fields, (x,), (y,), name=name)
    return y


def _linear(position: _Doubles, size: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The two elements around every result, and their weights."""
    inside = np.clip(position, 0, size - 1)
    low = np.floor(inside)
    weight = (inside - low).astype(np.float32)
    elements = np.stack([low, np.minimum(low + 1, size - 1)], axis=1).astype(np.int32)
    return elements, np.stack([np.float32(1) - weight, weight], axis=1)


def _cubic(
    op: FloatOp, position: _Doubles, size: int
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The four elements around every result, and their weights (Keys' cubic convolution)."""
    a = float(number(op, "cubic_coeff_a", -0.75))
    elements = np.floor(position)[:, np.newaxis] + np.arange(-1, 3)
    d = np.abs(position[:, np.newaxis] - elements)
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    beyond = (((d - 5) * d + 8) * d - 4) * a
    weights = np.where(d <= 1, near, beyond)
    if integer(op, "exclude_outside", 0):
        weights = np.where((elements >= 0) & (elements < size), weights, 0)
        total = weights[:, 0] + weights[:, 1] + weights[:, 2] + weights[:, 3]
        weights = weights / total[:, np.newaxis]
    return np.clip(elements, 0, size - 1).astype(np.int32), weights.astype(np.float32)


OPS: Mapping[str, FloatEmitter] = {"Resize": emit_resize}
"""Emitters of this family by ONNX operator."""
