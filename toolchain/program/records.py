"""The integer program: tensors, constants and one record per kind of operation.

Everything is static: shapes, strides, zero points and multipliers are numbers in the records.
Operations run in the order of the program. What each computes is written in docs/numerics.md; the
reference interpreter (`toolchain.program.interpreter`) is its definition.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TypeAlias

from toolchain.core.dtypes import Array, DType
from toolchain.core.graph_view import Attribute
from toolchain.core.quant import Rounding


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """One tensor of the program.

    Attributes:
        name: Unique name; the name of the ONNX value where there is one.
        dtype: Stored type; float32 inside float islands.
        shape: Static shape, batch first.
        scale: For quantized tensors: real = (integer - zero_point) * scale. None for others.
        zero_point: See `scale`; 0 for others.
    """

    name: str
    dtype: DType
    shape: tuple[int, ...]
    scale: float | None = None
    zero_point: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Requantize:
    """Accumulator to integer output: saturate(round(float32(acc) * factor) + zero_point).

    Attributes:
        factor: Name of a float32 constant of shape () or (output channels,).
        zero_point: Zero point of the output.
        low: Smallest integer kept; a fused Relu or Clip raises it.
        high: Largest integer kept.
    """

    factor: str
    zero_point: int
    low: int
    high: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ToFloat:
    """Accumulator to float output: float32(acc) * factor, then clamped to [low, high] in float.

    Attributes:
        factor: Name of a float32 constant of shape () or (output channels,).
        low: Lower bound of a fused activation, -inf where there is none.
        high: Upper bound, +inf where there is none.
    """

    factor: str
    low: float = float("-inf")
    high: float = float("inf")


Finish: TypeAlias = Requantize | ToFloat
"""How an accumulator becomes the output."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What all operations have.

    Attributes:
        name: Name of the ONNX node it comes from, unique in the program.
        inputs: Names of tensors read, in the order the kind defines.
        outputs: Names of tensors written.
    """

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conv(Operation):
    """Integer convolution, any spatial rank.

    acc[n,m,o] = bias[m] + sum over c,k of (x - x_zero_point) * (w[m,c,k] - w_zero_point[m]), int32;
    positions outside x count as x_zero_point (a product of 0).

    Attributes:
        weight: int constant (M, C/groups, k...).
        weight_zero_point: int32 constant, () or (M,); None for symmetric weights.
        bias: int32 constant (M,), or None.
        pads: Begin of every axis, then end of every axis.
    """

    weight: str
    weight_zero_point: str | None
    bias: str | None
    x_zero_point: int
    strides: tuple[int, ...]
    pads: tuple[int, ...]
    dilations: tuple[int, ...]
    groups: int
    finish: Finish


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvTranspose(Operation):
    """Integer transposed convolution; output shape from the output tensor.

    Attributes:
        weight: int constant (C, M/groups, k...).
        weight_zero_point: int32 constant, () or (M/groups,); None for symmetric weights.
        bias: int32 constant (M,), or None.
        pads: Begin of every axis, then end; what is cut from the full result.
    """

    weight: str
    weight_zero_point: str | None
    bias: str | None
    x_zero_point: int
    strides: tuple[int, ...]
    pads: tuple[int, ...]
    dilations: tuple[int, ...]
    groups: int
    finish: Finish


@dataclass(frozen=True, slots=True, kw_only=True)
class MatMul(Operation):
    """Integer matrix product with numpy broadcasting of the batch axes.

    acc = bias + (a - a_zero_point) @ (b - b_zero_point), int32. `inputs` is (a,) with a constant
    `b`, or (a, b) where both are activations and `b` is None.

    Attributes:
        b: int constant (..., K, N), or None.
        b_zero_point: int32 constant, () or (N,); None for 0.
        bias: int32 constant (N,), or None.
    """

    b: str | None
    a_zero_point: int
    b_zero_point: str | None
    bias: str | None
    finish: Finish


class BinaryKind(StrEnum):
    """Element-wise operations of two inputs."""

    ADD = "add"
    SUB = "sub"
    MUL = "mul"


@dataclass(frozen=True, slots=True, kw_only=True)
class Binary(Operation):
    """Element-wise, numpy broadcasting. Either input may be a constant named in `inputs`.

    ADD, SUB: saturate(round(float32(a - a_zero_point) * a_factor +- float32(b - b_zero_point) *
    b_factor) + zero_point), three float32 operations without contraction.
    MUL: the exact product (a - a_zero_point) * (b - b_zero_point) in int32, then as `Requantize`
    with a_factor; b_factor is 1.

    Attributes:
        a_factor: float32 value scale_a / scale_out (ADD, SUB) or (scale_a * scale_b) / scale_out.
        b_factor: float32 value scale_b / scale_out (ADD, SUB), 1 for MUL.
    """

    kind: BinaryKind
    a_zero_point: int
    b_zero_point: int
    a_factor: float
    b_factor: float
    zero_point: int
    low: int
    high: int


class PoolKind(StrEnum):
    """Pooling operations."""

    MAX = "max"
    AVERAGE = "average"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool(Operation):
    """Pooling over windows; global pooling has the whole extent as its kernel.

    MAX: largest integer in the window, padding ignored (input and output share parameters).
    AVERAGE: acc = sum of (x - x_zero_point), exact int32; saturate(round(float32(acc) * factor) +
    zero_point) where factor = float32(scale_in / scale_out) / float32(count), count being the
    elements of the window inside x, or inside x and its padding if `count_include_pad`. Output
    extent from the output tensor, so ceil_mode needs no field.
    """

    kind: PoolKind
    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    pads: tuple[int, ...]
    dilations: tuple[int, ...]
    count_include_pad: bool
    x_zero_point: int
    factor: float
    zero_point: int
    low: int
    high: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Table(Operation):
    """y = table[x - qmin(x)]: any unary function of an 8-bit value.

    Attributes:
        table: Constant of 256 entries of the output's type, indexed from the smallest input.
    """

    table: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Softmax(Operation):
    """Softmax of an 8-bit tensor along one axis, with integer exponentials (docs/numerics.md, 8).

    e = exponentials[max(x) - x]; s = sum of e, exact int64; y = saturate(round((float32(e) /
    float32(s)) * factor) + zero_point), factor = float32(1 / scale_out).

    Attributes:
        axis: Axis, >= 0.
        exponentials: int32 constant of 256 entries: rint(exp(-d * scale_in) * 2**23), d = 0..255.
    """

    axis: int
    exponentials: str
    factor: float
    zero_point: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Resize(Operation):
    """Separable resize of the spatial axes by precomputed positions and weights.

    For every axis in `axes`, one after the other: out[i] = x[low[i]] * (1 - weight[i]) +
    x[high[i]] * weight[i]. Nearest has `weights` None: a pure gather of x[low[i]] on any type.
    Linear works on float32(x - x_zero_point), each axis in float32 as two products and one sum
    without contraction, and ends with saturate(round(value * factor) + zero_point).

    Attributes:
        axes: Resized axes.
        low: int32 constants, one per axis.
        high: int32 constants, one per axis; empty for nearest.
        weights: float32 constants, one per axis; empty for nearest.
        factor: float32 value scale_in / scale_out; 1 for nearest.
    """

    axes: tuple[int, ...]
    low: tuple[str, ...]
    high: tuple[str, ...]
    weights: tuple[str, ...]
    x_zero_point: int
    factor: float
    zero_point: int


class MoveKind(StrEnum):
    """Operations that only move elements, on tensors of any type."""

    RESHAPE = "reshape"
    TRANSPOSE = "transpose"
    SLICE = "slice"
    SPLIT = "split"
    CONCAT = "concat"
    PAD = "pad"
    GATHER = "gather"
    EXPAND = "expand"
    TILE = "tile"
    DEPTH_TO_SPACE = "depth_to_space"
    SPACE_TO_DEPTH = "space_to_depth"
    COPY = "copy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Move(Operation):
    """Movement of elements; the shape of the result is the output tensor's.

    Attributes:
        kind: What moves.
        arguments: By kind, lists of integers. TRANSPOSE: perm. SLICE: starts, ends, axes, steps.
            SPLIT: axis, sizes. CONCAT: axis. PAD: pads (all begins, all ends; >= 0 or negative).
            GATHER: axis. TILE: repeats. DEPTH_TO_SPACE: blocksize, crd (0 or 1).
            SPACE_TO_DEPTH: blocksize. Others: none.
        mode: PAD only: "constant", "reflect", "edge" or "wrap".
        fill: PAD only: the stored integer (or the float) outside.
        indices: GATHER only: name of an int64 constant.
    """

    kind: MoveKind
    arguments: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    mode: str = "constant"
    fill: float = 0.0
    indices: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantize(Operation):
    """float32 to integer: saturate(round(x / scale) + zero_point), the output tensor's numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dequantize(Operation):
    """Integer to float32: float32(x - zero_point) * scale, the input tensor's numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rescale(Operation):
    """Integer to integer of another scale, zero point or type, for inputs wider than 8 bits.

    saturate(round(float32(x - x_zero_point) * factor) + zero_point), factor = scale_in / scale_out.
    """

    x_zero_point: int
    factor: float
    zero_point: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FloatOp(Operation):
    """An operator of a float island, with ONNX's meaning at opset 24 (docs/numerics.md, 9).

    Attributes:
        op_type: ONNX operator name.
        attributes: Its attributes.
        constants: Input index to the constant in that place; `inputs` holds "" there.
    """

    op_type: str
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    constants: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, eq=False)
class Program:
    """A whole integer program.

    Attributes:
        name: What it was lowered from.
        rounding: Rounding of every step marked "round" above.
        inputs: Tensors fed from outside, in the model's order (float32 where the model's are).
        outputs: Tensors handed out.
        tensors: Every tensor by name.
        constants: Weights, biases, tables and factors by name; read-only arrays.
        operations: In execution order.
    """

    name: str
    rounding: Rounding
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    tensors: Mapping[str, Tensor]
    constants: Mapping[str, Array]
    operations: tuple[Operation, ...]

    def __post_init__(self) -> None:
        """Freeze mappings and arrays."""
        for array in self.constants.values():
            array.setflags(write=False)
        object.__setattr__(self, "tensors", MappingProxyType(dict(self.tensors)))
        object.__setattr__(self, "constants", MappingProxyType(dict(self.constants)))
