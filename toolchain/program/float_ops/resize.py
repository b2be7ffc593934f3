"""Resize: one axis after the other, each output a weighted sum of a few elements.

Coordinates are computed in float64 from the float32 scale (or the ratio of the sizes), weights are
rounded to float32; products and sums along an axis are float32, in rising order of the elements.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from toolchain.program.float_ops.call import Call, Kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from toolchain.core.dtypes import Array

_Taps: TypeAlias = tuple[tuple["NDArray[np.int64]", "NDArray[np.float32]"], ...]
"""Positions along an axis, each with its weight."""

MODES = ("nearest", "linear", "cubic")
COORDINATES = (
    "half_pixel",
    "half_pixel_symmetric",
    "pytorch_half_pixel",
    "align_corners",
    "asymmetric",
    "tf_crop_and_resize",
)
NEAREST = ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")
_POLICIES = ("stretch", "not_larger", "not_smaller")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Axis:
    """One resized axis: extents, scale = output / input, and its region of interest."""

    axis: int
    size: int
    output: int
    scale: float
    roi: tuple[float, float] = (0.0, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resampled:
    """How one axis is resampled.

    Attributes:
        axis: Axis, >= 0.
        taps: What is summed, from the left: positions, int64 of the new extent, and weights.
        outside: Which results lie outside of the input, bool; None where none can.
    """

    axis: int
    taps: _Taps
    outside: NDArray[np.bool_] | None


def _resize(call: Call) -> tuple[Array, ...]:
    """Nearest gathers on any type; linear and cubic work on float32."""
    gathers = call.text("mode", "nearest", MODES) == "nearest"
    result = call.array(0) if gathers else call.real(0)
    outside = np.zeros((1,) * result.ndim, np.bool_)
    for found in resampled_axes(call, result.shape):
        trailing = (1,) * (result.ndim - 1 - found.axis)
        total: Array | None = None
        for index, weight in found.taps:
            term = np.take(result, index, axis=found.axis)
            if not gathers:
                term = term * weight.reshape(-1, *trailing)
            total = term if total is None else total + term
        result = np.asarray(total, result.dtype)
        if found.outside is not None:
            outside = outside | found.outside.reshape(-1, *trailing)
    if outside.any():
        fill = result.dtype.type(extrapolation_value(call))
        result = np.where(outside, fill, result)
    return (np.ascontiguousarray(result),)


def extrapolation_value(call: Call) -> np.float32:
    """What results outside of the input are."""
    return call.number("extrapolation_value", 0.0)


def resampled_axes(call: Call, shape: tuple[int, ...]) -> tuple[Resampled, ...]:
    """The axes of an input of `shape` that change, in rising order; nearest has weights of 1.

    Reads the attributes and the inputs 1 (region), 2 (scales) and 3 (sizes) of `call`.
    """
    mode = call.text("mode", "nearest", MODES)
    coordinates = call.text("coordinate_transformation_mode", "half_pixel", COORDINATES)
    if call.integer("antialias", 0):
        raise call.invalid("attribute antialias", got=1, allowed="0")
    cropped = coordinates == "tf_crop_and_resize"
    found = []
    for axis in resized_axes(call, shape, cropped=cropped):
        if axis.scale == 1.0 and axis.size == axis.output and not cropped:
            continue
        position = _source_positions(axis, coordinates)
        outside = (position < 0) | (position > axis.size - 1) if cropped else None
        taps = _taps(call, axis, position, mode)
        found.append(Resampled(axis=axis.axis, taps=taps, outside=outside))
    return tuple(found)


def resized_axes(call: Call, shape: tuple[int, ...], *, cropped: bool) -> tuple[_Axis, ...]:
    """The axes of the attribute `axes` (all by default), in rising order."""
    axes = call.axes(call.integers("axes") or tuple(range(len(shape))), len(shape))
    scales, sizes = call.optional(2), call.numbers(3)
    if scales is not None and scales.size:
        factors = [float(scale) for scale in call.real(2)]
        sizes = tuple(
            int(np.floor(np.float32(shape[axis]) * np.float32(factor)))
            for axis, factor in zip(axes, factors, strict=True)
        )
    elif sizes:
        factors, sizes = _factors_of_sizes(call, [shape[axis] for axis in axes], sizes)
    else:
        raise call.invalid("neither scales nor sizes are given")
    roi = (
        [float(edge) for edge in call.real(1)] if cropped else [0.0] * len(axes) + [1.0] * len(axes)
    )
    found = [
        _Axis(axis=axis, size=shape[axis], output=size, scale=factor, roi=(start, end))
        for axis, size, factor, start, end in zip(
            axes, sizes, factors, roi[: len(axes)], roi[len(axes) :], strict=True
        )
    ]
    return tuple(sorted(found, key=lambda item: item.axis))


def _factors_of_sizes(
    call: Call, extents: list[int], sizes: tuple[int, ...]
) -> tuple[list[float], tuple[int, ...]]:
    """Scale of every axis and its output size under `keep_aspect_ratio_policy`."""
    factors = [size / extent for size, extent in zip(sizes, extents, strict=True)]
    policy = call.text("keep_aspect_ratio_policy", "stretch", _POLICIES)
    if policy == "stretch":
        return factors, sizes
    factor = min(factors) if policy == "not_larger" else max(factors)
    rounded = tuple(math.floor(factor * extent + 0.5) for extent in extents)
    return [factor] * len(extents), rounded


def _source_positions(axis: _Axis, coordinates: str) -> NDArray[np.float64]:
    """Where every output element lies in the input (ONNX Resize-19), in the order written there."""
    i = np.arange(axis.output, dtype=np.float64)
    last = axis.size - 1
    position = (i + 0.5) / axis.scale - 0.5
    match coordinates:
        case "half_pixel_symmetric":
            adjustment = axis.output / (axis.scale * axis.size)
            position = (axis.size / 2.0) * (1.0 - adjustment) + position
        case "asymmetric":
            position = i / axis.scale
        case "align_corners":
            position = i * last / max(axis.output - 1, 1)
        case "pytorch_half_pixel" if axis.output == 1:
            position = np.zeros_like(i)
        case "tf_crop_and_resize":
            start, end = axis.roi
            position = start * last + i * (end - start) * last / max(axis.output - 1, 1)
            if axis.output == 1:
                position = np.full_like(i, 0.5 * (start + end) * last)
    return position


def _taps(call: Call, axis: _Axis, position: NDArray[np.float64], mode: str) -> _Taps:
    """The elements that one axis is resampled from at `position`."""
    if mode == "linear":
        return _linear_taps(axis, position)
    if mode == "cubic":
        return _cubic_taps(call, axis, position)
    chosen = _nearest(position, call.text("nearest_mode", "round_prefer_floor", NEAREST))
    return ((np.clip(chosen, 0, axis.size - 1), np.ones(axis.output, np.float32)),)


def _nearest(position: NDArray[np.float64], mode: str) -> NDArray[np.int64]:
    match mode:
        case "floor":
            chosen = np.floor(position)
        case "ceil":
            chosen = np.ceil(position)
        case "round_prefer_floor":
            chosen = np.ceil(position - 0.5)
        case _:
            chosen = np.floor(position + 0.5)
    return chosen.astype(np.int64)


def _linear_taps(axis: _Axis, position: NDArray[np.float64]) -> _Taps:
    """The element below and the one above, weighted 1 - w and w; positions are kept inside."""
    bounded = np.clip(position, 0, axis.size - 1)
    low = np.floor(bounded).astype(np.int64)
    weight = (bounded - low).astype(np.float32)
    above = np.minimum(low + 1, axis.size - 1)
    return (low, np.asarray(np.float32(1) - weight, np.float32)), (above, weight)


def _cubic_taps(call: Call, axis: _Axis, position: NDArray[np.float64]) -> _Taps:
    """Four elements around and their weights (R. Keys, Cubic convolution interpolation, 1981).

    With d the distance and a = `cubic_coeff_a`: ((a + 2) d - (a + 3)) d d + 1 for d <= 1, (((d - 5)
    d + 8) d - 4) a beyond. Elements outside are the edge's, or left out with `exclude_outside` and
    the other weights divided by their sum.
    """
    a = float(call.number("cubic_coeff_a", -0.75))
    low = np.floor(position).astype(np.int64)
    taps = [low + offset for offset in (-1, 0, 1, 2)]
    weights = []
    for index in taps:
        d = np.abs(position - index)
        near = ((a + 2) * d - (a + 3)) * d * d + 1
        far = (((d - 5) * d + 8) * d - 4) * a
        weights.append(np.where(d <= 1, near, far))
    if call.integer("exclude_outside", 0):
        inside = [(index >= 0) & (index < axis.size) for index in taps]
        weights = [np.where(ok, weight, 0.0) for ok, weight in zip(inside, weights, strict=True)]
        total = ((weights[0] + weights[1]) + weights[2]) + weights[3]
        weights = [weight / total for weight in weights]
    return tuple(
        (np.clip(index, 0, axis.size - 1), weight.astype(np.float32))
        for index, weight in zip(taps, weights, strict=True)
    )


OPS: Mapping[str, Kernel] = MappingProxyType({"Resize": _resize})
"""Kernels of this family by ONNX operator name."""
