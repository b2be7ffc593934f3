"""Where the QDQ graph holds integers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from toolchain.core.dtypes import Array
from toolchain.core.graph_view import GraphView, NodeView, ValueView
from toolchain.core.operators import DEQUANTIZE
from toolchain.core.quant import (
    Granularity,
    PerBlock,
    PerChannel,
    PerTensor,
    QuantParams,
    QuantSpec,
    Rounding,
)
from toolchain.errors import Code, CompileError


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Quantized:
    """An integer tensor of the graph.

    Attributes:
        name: Name of the ONNX value that holds the integers.
        params: Its numbers.
        constant: The integers, if they are an initializer.
    """

    name: str
    params: QuantParams
    constant: Array | None = None

    @property
    def scale(self) -> np.float32:
        """The only scale of a per-tensor quantization."""
        return np.float32(self.params.scale.reshape(-1)[0])

    @property
    def zero_point(self) -> int:
        """The only zero point of a per-tensor quantization."""
        return int(self.params.zero_point.reshape(-1)[0])

    @property
    def per_tensor(self) -> bool:
        """True where one scale holds for all elements."""
        return self.params.scale.size == 1


def dequantized_values(graph: GraphView, rounding: Rounding) -> dict[str, Quantized]:
    """Float values that are the dequantization of integers, by name."""
    return {
        node.outputs[0].name: _quantized(node, node.inputs[0], rounding)
        for node in graph.nodes
        if node.op_type == DEQUANTIZE
    }


def quantized_output(node: NodeView, rounding: Rounding) -> Quantized:
    """What a QuantizeLinear node writes."""
    return _quantized(node, node.outputs[0], rounding)


def _quantized(node: NodeView, value: ValueView | None, rounding: Rounding) -> Quantized:
    scale, point = node.constant_input(1), node.constant_input(2)
    if value is None or scale is None:
        raise _invalid(node, "its scale is not a constant")
    dtype = value.dtype
    numbers = np.asarray(scale, np.float32)
    if not np.all(np.isfinite(numbers)) or np.any(numbers <= 0):
        raise _invalid(node, "a scale is zero, negative or not finite")
    if dtype is None or not dtype.is_integer:
        raise _invalid(node, f"it stores {dtype or 'a type that is no integer'}")
    if numbers.size != 1 and value.constant is None:
        raise _invalid(node, "an activation has more than one scale")
    granularity = _granularity(node, value, numbers)
    spec = QuantSpec(
        dtype=dtype,
        symmetric=point is None or not np.any(point),
        granularity=granularity,
        rounding=rounding,
    )
    points = np.zeros(numbers.shape, np.int32) if point is None else np.asarray(point, np.int32)
    if points.size != numbers.size:
        raise _invalid(node, "scale and zero point differ in shape")
    if not isinstance(granularity, PerBlock):
        shape = () if numbers.size == 1 else (numbers.size,)
        numbers, points = numbers.reshape(shape), points.reshape(shape)
    return Quantized(
        name=value.name,
        params=QuantParams(scale=numbers, zero_point=points, spec=spec),
        constant=value.constant,
    )


def _granularity(node: NodeView, value: ValueView, scale: NDArray[np.float32]) -> Granularity:
    size = node.int_attribute("block_size", 0)
    if not size:
        return PerTensor() if scale.size == 1 else PerChannel(_axis(node, value, scale))
    shape, axis = value.static_shape or (), node.int_attribute("axis", 1)
    axis += len(shape) if axis < 0 else 0
    blocks = tuple(-(-dim // size) if index == axis else dim for index, dim in enumerate(shape))
    if not 0 <= axis < len(shape) or scale.shape != blocks:
        raise _invalid(node, f"blocks of {size} along axis {axis} of {shape}, scales {scale.shape}")
    return PerBlock(axis, size)


def _axis(node: NodeView, value: ValueView, scale: NDArray[np.float32]) -> int:
    shape, axis = value.shape, node.int_attribute("axis", 1)
    if scale.size == 1 or shape is None:
        return 0
    axis += len(shape) if axis < 0 else 0
    if not 0 <= axis < len(shape) or shape[axis] != scale.size:
        raise _invalid(node, f"axis {axis} does not fit {scale.size} scales and shape {shape}")
    return axis


def _invalid(node: NodeView, reason: str) -> CompileError:
    return CompileError(
        Code.QDQ_INVALID,
        f"A {node.op_type} node cannot be lowered: {reason}",
        where=node.name,
        allowed="constant positive scales, per tensor for activations, per tensor, channel or "
        "block for constants; integers of 4 to 16 bits, 32 for biases",
    )
