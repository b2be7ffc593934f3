"""y = x * scale + shift per channel: reading it off nodes, and folding it into weights.

Computed in float64 and rounded once to the type of the weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from toolchain.graph.attributes import float_of, int_of, str_of
from toolchain.graph.edit import set_constant
from toolchain.graph.tensors import constant_of, rank_of

if TYPE_CHECKING:
    import onnx_ir as ir

    from toolchain.core.dtypes import Array

Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Affine:
    """Per-channel map along axis 1.

    Attributes:
        scale: float64 (channels,) or (1,).
        shift: The same shape.
    """

    scale: Doubles
    shift: Doubles


def batch_norm_affine(node: ir.Node) -> Affine | None:
    """What an inference BatchNormalization with constant statistics does, else None.

    scale = gamma / sqrt(variance + epsilon), shift = beta - mean * scale.
    """
    if (node.domain, node.op_type) != ("", "BatchNormalization"):
        return None
    parts = [constant_of(value) for value in node.inputs[1:5]]
    others_read = any(out.uses() or out.is_graph_output() for out in node.outputs[1:])
    if int_of(node, "training_mode", 0) or others_read or any(p is None for p in parts):
        return None
    gamma, beta, mean, variance = (np.asarray(part, np.float64) for part in parts)
    if np.any(variance < 0):
        return None
    scale = gamma / np.sqrt(variance + float_of(node, "epsilon", 1e-5))
    return _finite(scale, beta - mean * scale)


def elementwise_affine(node: ir.Node) -> tuple[ir.Value, Affine] | None:
    """Value and map of a Mul, Add, Sub or Div with a constant per channel (axis 1), else None."""
    if node.domain != "" or node.op_type not in ("Mul", "Add", "Sub", "Div"):
        return None
    first, second = node.inputs[0], node.inputs[1]
    if node.op_type in ("Mul", "Add") and constant_of(first) is not None:
        first, second = second, first
    array, rank = constant_of(second), rank_of(first)
    if first is None or array is None or constant_of(first) is not None or rank is None:
        return None
    channels = _per_channel(array, rank)
    if channels is None:
        return None
    one, zero = np.ones_like(channels), np.zeros_like(channels)
    with np.errstate(divide="ignore", invalid="ignore"):
        made = {
            "Mul": lambda: _finite(channels, zero),
            "Div": lambda: _finite(1.0 / channels, zero),
            "Add": lambda: _finite(one, channels),
            "Sub": lambda: _finite(one, -channels),
        }[node.op_type]()
    return None if made is None else (first, made)


def fold_behind(model: ir.Model, node: ir.Node, affine: Affine) -> bool:
    """Fold a map of the output of a Conv, ConvTranspose or Gemm into its weight and bias.

    False, and nothing done, where the weight or bias is no constant or of the wrong shape.
    """
    if node.domain != "" or node.op_type not in ("Conv", "ConvTranspose", "Gemm"):
        return False
    weight = constant_of(node.inputs[1])
    if weight is None or weight.dtype.kind != "f":
        return False
    channels = _output_channels(node, weight)
    bias = _bias(node, channels)
    if bias is None or affine.scale.size not in (1, channels):
        return False
    scaled = _scale_outputs(node, weight, np.broadcast_to(affine.scale, channels))
    summed = bias * affine.scale + affine.shift
    if not _store(model, node, scaled, summed, weight.dtype):
        return False
    node.attributes.pop("beta", None)
    return True


def fold_before(model: ir.Model, node: ir.Node, affine: Affine) -> bool:
    """Fold a map of the input of an unpadded Conv into its weight and bias.

    False, and nothing done, where it is padded (the padding is not mapped) or not constant.
    """
    if (node.domain, node.op_type) != ("", "Conv") or _is_padded(node):
        return False
    weight = constant_of(node.inputs[1])
    if weight is None or weight.dtype.kind != "f":
        return False
    groups, outputs = int_of(node, "group", 1), weight.shape[0]
    bias, inputs = _bias(node, outputs), weight.shape[1] * groups
    if bias is None or affine.scale.size not in (1, inputs):
        return False
    grouped = weight.astype(np.float64).reshape(groups, outputs // groups, weight.shape[1], -1)
    scale = np.broadcast_to(affine.scale, inputs).reshape(groups, 1, -1, 1)
    shift = np.broadcast_to(affine.shift, inputs).reshape(groups, 1, -1, 1)
    summed = bias + (grouped * shift).sum(axis=(2, 3)).reshape(outputs)
    return _store(model, node, (grouped * scale).reshape(weight.shape), summed, weight.dtype)


def _store(
    model: ir.Model, node: ir.Node, weight: Doubles, bias: Doubles, dtype: np.dtype[Any]
) -> bool:
    """Set weight and bias, rounded to `dtype`; False, and nothing done, where they overflow."""
    with np.errstate(over="ignore"):
        stored = [array.astype(dtype) for array in (weight, bias)]
    if not all(np.isfinite(array).all() for array in stored):
        return False
    current = constant_of(node.inputs[1])
    if current is None or not np.array_equal(stored[0], current):
        set_constant(model, node, 1, stored[0], f"{node.name}.weight")
    if _has_bias(node) or np.any(stored[1]):
        set_constant(model, node, 2, stored[1], f"{node.name}.bias")
    return True


def _finite(scale: Doubles, shift: Doubles) -> Affine | None:
    good = np.isfinite(scale).all() and np.isfinite(shift).all()
    return Affine(scale=scale, shift=shift) if good else None


def _per_channel(array: Array, rank: int) -> Doubles | None:
    """The constant as (channels,) if it varies along axis 1 of a tensor of `rank` only."""
    if array.dtype.kind != "f" or array.ndim > rank or rank < 2:
        return None
    shape = (1,) * (rank - array.ndim) + array.shape
    if any(dim != 1 for axis, dim in enumerate(shape) if axis != 1):
        return None
    return np.asarray(array, np.float64).reshape(-1)


def _output_channels(node: ir.Node, weight: Array) -> int:
    if node.op_type == "ConvTranspose":
        return int(weight.shape[1]) * int_of(node, "group", 1)
    if node.op_type == "Gemm":
        return int(weight.shape[0 if int_of(node, "transB", 0) else 1])
    return int(weight.shape[0])


def _has_bias(node: ir.Node) -> bool:
    return len(node.inputs) > 2 and node.inputs[2] is not None


def _bias(node: ir.Node, channels: int) -> Doubles | None:
    """The bias as float64 (channels,), zeros where there is none; None where it is no constant."""
    if not _has_bias(node):
        return np.zeros(channels)
    bias = constant_of(node.inputs[2])
    if bias is None or bias.size not in (1, channels) or (bias.size > 1 and bias.shape[-1] == 1):
        return None
    beta = float_of(node, "beta", 1.0) if node.op_type == "Gemm" else 1.0
    return np.broadcast_to(bias.astype(np.float64).reshape(-1) * beta, channels)


def _scale_outputs(node: ir.Node, weight: Array, scale: Doubles) -> Doubles:
    wide = weight.astype(np.float64)
    if node.op_type == "ConvTranspose":
        groups = int_of(node, "group", 1)
        grouped = wide.reshape(groups, weight.shape[0] // groups, weight.shape[1], -1)
        return (grouped * scale.reshape(groups, 1, -1, 1)).reshape(weight.shape)
    axis = 1 if node.op_type == "Gemm" and not int_of(node, "transB", 0) else 0
    shape = [1] * weight.ndim
    shape[axis] = -1
    return wide * scale.reshape(shape)


def _is_padded(node: ir.Node) -> bool:
    pads = node.attributes.get("pads")
    auto = str_of(node, "auto_pad", "NOTSET")
    return auto not in ("NOTSET", "VALID") or (pads is not None and any(pads.as_ints()))
