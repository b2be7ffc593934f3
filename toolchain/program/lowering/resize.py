"""Resize as positions and weights per axis (ONNX operator specification, Resize)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from toolchain.core.graph_view import NodeView
from toolchain.program.lowering.builder import Builder
from toolchain.program.lowering.finish import IntegerOutput, integer_output
from toolchain.program.lowering.quantized import Quantized
from toolchain.program.records import Resize


@dataclass(frozen=True, slots=True, kw_only=True)
class _Axis:
    number: int
    source: int
    result: int
    scale: float


def lower_resize(builder: Builder, node: NodeView) -> bool:
    """Nearest and linear Resize of constant size; one that changes no axis only rescales."""
    x, axes = builder.integers(node.input(0)), _axes(node)
    if x is None or x.constant is not None or axes is None or not _is_plain(node):
        return False
    found = integer_output(builder, node, clamps=False)
    if found is None:
        return False
    changed = tuple(axis for axis in axes if axis.source != axis.result or axis.scale != 1.0)
    if not changed:
        builder.rescale_tensor(node.name, x, x.name, found.quantized, found.shape)
    elif node.str_attribute("mode", "nearest") == "nearest":
        _add_nearest(builder, node, x, found, changed)
    else:
        _add_linear(builder, node, x, found, changed)
    return True


def _is_plain(node: NodeView) -> bool:
    known_mode = node.str_attribute("mode", "nearest") in ("nearest", "linear")
    coordinates = node.str_attribute("coordinate_transformation_mode", "half_pixel")
    stretched = node.str_attribute("keep_aspect_ratio_policy", "stretch") == "stretch"
    antialias = node.int_attribute("antialias", 0)
    return known_mode and coordinates != "tf_crop_and_resize" and stretched and not antialias


def _add_nearest(
    builder: Builder,
    node: NodeView,
    x: Quantized,
    found: IntegerOutput,
    axes: tuple[_Axis, ...],
) -> None:
    """A gather, and a rescaling behind it where the result has other parameters."""
    out = found.quantized
    same = x.params.same_numbers(out.params)
    result = (
        builder.integer_tensor(out, found.shape)
        if same
        else builder.integer_tensor(x, found.shape, name=f"{node.name}/moved")
    )
    rounding = node.str_attribute("nearest_mode", "round_prefer_floor")
    low = [
        builder.constant(
            f"{node.name}/axis{axis.number}/low",
            nearest_positions(_positions(node, axis), rounding, axis.source - 1),
        )
        for axis in axes
    ]
    builder.add(
        Resize(
            name=node.name,
            inputs=(x.name,),
            outputs=(result,),
            axes=tuple(axis.number for axis in axes),
            low=tuple(low),
            high=(),
            weights=(),
            x_zero_point=x.zero_point,
            factor=1.0,
            zero_point=x.zero_point,
        )
    )
    if not same:
        builder.rescale_tensor(f"{node.name}/rescale", x, result, out, found.shape)


def _add_linear(
    builder: Builder,
    node: NodeView,
    x: Quantized,
    found: IntegerOutput,
    axes: tuple[_Axis, ...],
) -> None:
    """Two neighbours and a weight per element of every axis; ends in the result's parameters."""
    out = found.quantized
    low, high, weights = list[str](), list[str](), list[str]()
    for axis in axes:
        prefix, last = f"{node.name}/axis{axis.number}", axis.source - 1
        real = np.clip(_positions(node, axis), 0, last)
        below = np.floor(real)
        for label, array, names in (
            ("low", below.astype(np.int32), low),
            ("high", np.minimum(below + 1, last).astype(np.int32), high),
            ("weights", real - below, weights),
        ):
            names.append(builder.constant(f"{prefix}/{label}", array))
    builder.add(
        Resize(
            name=node.name,
            inputs=(x.name,),
            outputs=(builder.integer_tensor(out, found.shape),),
            axes=tuple(axis.number for axis in axes),
            low=tuple(low),
            high=tuple(high),
            weights=tuple(weights),
            x_zero_point=x.zero_point,
            factor=float(np.float32(x.scale / out.scale)),
            zero_point=out.zero_point,
        )
    )


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
        _Axis(number=number, source=s, result=r, scale=float(by_axis.get(number, r / s)))
        for number, (s, r) in enumerate(zip(source, result, strict=True))
    )


def _positions(node: NodeView, axis: _Axis) -> NDArray[np.float32]:
    """Where in the input every output element lies, by `coordinate_transformation_mode`.

    In float32, as onnxruntime computes it: with a scale like 0.6 the last bit decides which
    neighbour is the nearest.
    """
    i, scale = np.arange(axis.result, dtype=np.float32), np.float32(axis.scale)
    source, result = np.float32(axis.source), np.float32(axis.result)
    match node.str_attribute("coordinate_transformation_mode", "half_pixel"):
        case "asymmetric":
            return i / scale
        case "align_corners":
            return np.asarray(i * (source - 1) / np.maximum(result - 1, 1), np.float32)
        case "pytorch_half_pixel" if axis.result == 1:
            return np.zeros(1, np.float32)
        case "half_pixel_symmetric":
            offset = np.float64(source / 2 * (1 - result / (scale * source)))
            return (offset + (i + 0.5).astype(np.float64) / scale - 0.5).astype(np.float32)
        case _:
            return (i + np.float32(0.5)) / scale - np.float32(0.5)


def nearest_positions(real: NDArray[np.float32], mode: str, last: int) -> NDArray[np.int32]:
    """Integer positions by `nearest_mode`, within 0..last."""
    match mode:
        case "floor":
            rounded = np.floor(real)
        case "ceil":
            rounded = np.ceil(real)
        case "round_prefer_ceil":
            rounded = np.floor(real + np.float32(0.5))
        case _:
            rounded = np.ceil(real - np.float32(0.5))
    return np.clip(rounded, 0, last).astype(np.int32)
