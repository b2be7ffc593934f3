"""Resampling by weighted sums."""

from __future__ import annotations

from dataclasses import dataclass

from toolchain.program.records.operation import Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpolate(Operation):
    """Resize as weighted sums of some elements, one axis after the other (docs/numerics.md, 7).

    v = float32(x - x_zero_point); then for every axis in `axes` v[i] = v[positions[0, i]] *
    weights[0, i] + v[positions[1, i]] * weights[1, i] + ..., products and sums in float32, added in
    this order; at the end saturate(round(v * factor) + zero_point), or `fill` where an index lies
    outside on any axis.

    Attributes:
        axes: Resampled axes, rising.
        positions: int32 constants (taps, new extent), one per axis.
        weights: float32 constants, alike.
        outside: uint8 constants (new extent,), one per axis, 1 for what lies outside; or none.
        fill: Integer of what lies outside.
        factor: float32 value scale_in / scale_out.
    """

    axes: tuple[int, ...]
    positions: tuple[str, ...]
    weights: tuple[str, ...]
    outside: tuple[str, ...]
    fill: int
    x_zero_point: int
    factor: float
    zero_point: int
