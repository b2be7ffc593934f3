"""Operations that move elements or change their type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from toolchain.core.quant import Rounding
from toolchain.program.records.operation import Operation


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
    """float32 to integer: saturate(round(x / scale) + zero_point), the output tensor's numbers.

    Attributes:
        rounding: The rounding of this step, which need not be that of the program.
    """

    rounding: Rounding = Rounding.HALF_EVEN


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
