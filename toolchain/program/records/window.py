"""Pooling and resizing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from toolchain.program.records.operation import Operation


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
    extent from the output tensor, so ceil_mode needs no field. With exact requantization `factor`
    holds the reciprocal of the count as well, which is the same for all windows.
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
