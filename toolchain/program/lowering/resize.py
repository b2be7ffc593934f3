"""Resize as positions and weights per axis (ONNX operator specification, Resize)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from toolchain.core.graph_view import NodeView
from toolchain.program.lowering.builder import Builder
from toolchain.program.lowering.finish import integer_output
from toolchain.program.records import Resize


@dataclass(frozen=True, slots=True, kw_only=True)
class _Axis:
    source: int
    result: int
    scale: float


def lower_resize(builder: Builder, node: NodeView) -> bool:
    """Nearest and linear Resize of constant size."""
    x = builder.integers(node.input(0))
    mode = node.str_attribute("mode", "nearest")
    coordinates = node.str_attribute("coordinate_transformation_mode", "half_pixel")
    axes = _axes(node)
    plain = mode in ("nearest", "linear") and not node.int_attribute("antialias", 0)
    if x is None or not x.per_tensor or axes is None or not plain:
        return False
    if coordinates == "tf_crop_and_resize":
        return False
    found = integer_output(builder, node, clamps=False)
    if found is None:
        return False
    out = found.quantized
    same = x.params.same_numbers(out.params)
    changed = [number for number, axis in enumerate(axes) if axis.source != axis.result]
    positions = [real_positions(axes[number], coordinates) for number in changed]
    nearest = mode == "nearest"
    rounding = node.str_attribute("nearest_mode", "round_prefer_floor")
    low, high, weights = list[str](), list[str](), list[str]()
    for number, real in zip(changed, positions, strict=True):
        prefix, last = f"{node.name}/axis{number}", axes[number].source - 1
        if nearest:
            low.append(builder.constant(f"{prefix}/low", nearest_positions(real, rounding, last)))
            continue
        below = np.floor(real)
        low.append(builder.constant(f"{prefix}/low", np.clip(below, 0, last).astype(np.int32)))
        high.append(
            builder.constant(f"{prefix}/high", np.clip(below + 1, 0, last).astype(np.int32))
        )
        weights.append(builder.constant(f"{prefix}/weights", (real - below).astype(np.float32)))
    moved = nearest and not same
    result = (
        builder.integer_tensor(x, found.shape, name=f"{node.name}/moved")
        if moved
        else builder.integer_tensor(out, found.shape)
    )
    builder.add(
        Resize(
            name=node.name,
            inputs=(x.name,),
            outputs=(result,),
            axes=tuple(changed),
            low=tuple(low),
            high=tuple(high),
            weights=tuple(weights),
            x_zero_point=x.zero_point,
            factor=1.0 if nearest else float(np.float32(x.scale / out.scale)),
            zero_point=x.zero_point if nearest else out.zero_point,
        )
    )
    if moved:
        builder.rescale_tensor(f"{node.name}/rescale", x, result, out, found.shape)
    return True


def _axes(node: NodeView) -> tuple[_Axis, ...] | None:
    """Extents and scale of every axis, or None where the sizes are computed."""
    x, y = node.inputs[0], node.outputs[0]
    source, result = None if x is None else x.static_shape, y.static_shape
    scales, sizes = node.constant_input(2), node.constant_input(3)
    given = scales if scales is not None and scales.size else None
    if source is None or result is None or (given is None and sizes is None):
        return None
    rank = len(source)
    listed = node.ints_attribute("axes", tuple(range(rank)))
    by_axis = {} if given is None else dict(zip((a % rank for a in listed), given, strict=True))
    return tuple(
        _Axis(source=s, result=r, scale=float(by_axis.get(number, r / s)))
        for number, (s, r) in enumerate(zip(source, result, strict=True))
    )


def real_positions(axis: _Axis, mode: str) -> NDArray[np.float64]:
    """Where in the input every output element lies, by `coordinate_transformation_mode`."""
    i = np.arange(axis.result, dtype=np.float64)
    match mode:
        case "asymmetric":
            return i / axis.scale
        case "align_corners":
            return i * ((axis.source - 1) / max(axis.result - 1, 1))
        case "pytorch_half_pixel" if axis.result == 1:
            return np.zeros(1)
        case "half_pixel_symmetric":
            adjustment = axis.result / (axis.source * axis.scale)
            return axis.source / 2 * (1 - adjustment) + (i + 0.5) / axis.scale - 0.5
        case _:
            return (i + 0.5) / axis.scale - 0.5


def nearest_positions(real: NDArray[np.float64], mode: str, last: int) -> NDArray[np.int32]:
    """Integer positions by `nearest_mode`, within 0..last."""
    match mode:
        case "floor":
            rounded = np.floor(real)
        case "ceil":
            rounded = np.ceil(real)
        case "round_prefer_ceil":
            rounded = np.floor(real + 0.5)
        case _:
            rounded = np.ceil(real - 0.5)
    return np.clip(rounded, 0, last).astype(np.int32)
