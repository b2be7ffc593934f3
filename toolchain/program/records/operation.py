"""What all operations have, and how accumulators leave them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from toolchain.core.dtypes import DType


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

    In programs with exact requantization the product is not rounded: acc is the sum of products
    times 2**guard_bits plus the bias, and saturate(round(acc * factor) + zero_point) is exact.

    Attributes:
        factor: Name of a float32 constant of shape () or (output channels,).
        zero_point: Zero point of the output.
        low: Smallest integer kept; a fused Relu or Clip raises it.
        high: Largest integer kept.
        guard_bits: Bits of the bias below the steps of the accumulator; 0 but for exact
            requantization.
    """

    factor: str
    zero_point: int
    low: int
    high: int
    guard_bits: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ToFloat:
    """Accumulator to float output: float32(acc) * factor, then clamped to [low, high] in float.

    Attributes:
        factor: Name of a float32 constant of shape () or (output channels,).
        low: Lower bound of a fused activation, -inf where there is none.
        high: Upper bound, +inf where there is none.
        guard_bits: As in `Requantize`.
    """

    factor: str
    low: float = float("-inf")
    high: float = float("inf")
    guard_bits: int = 0


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
