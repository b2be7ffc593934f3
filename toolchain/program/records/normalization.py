"""Operations that normalize groups of elements."""

from __future__ import annotations

from dataclasses import dataclass

from toolchain.program.records.operation import Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class Normalize(Operation):
    """Layer, instance, group and RMS normalization of integers (docs/numerics.md, 8.2).

    x in row-major order is cut into runs of `length` elements. Of every run, with c = x -
    x_zero_point, exact in int64: s = sum of c (0 unless `centred`), d = length * c - s and v =
    length * (sum of c * c) - s * s. Then, in the order written, r = float32(1 / sqrt(float64(v) +
    epsilon)) in float64, 0 where v is 0, and in float32 y = saturate(round(((float32(d) * r) *
    gain) + offset) + zero_point).

    Attributes:
        length: Elements that are normalized together.
        centred: Subtract the mean; RMS normalization does not.
        x_zero_point: Zero point of the input.
        epsilon: float64 value length**2 * epsilon / scale_in**2, >= 0.
        gain: float32 constant scale / scale_out that broadcasts against x.
        offset: float32 constant bias / scale_out, alike; None for 0, which is then not added.
        zero_point: Zero point of the output.
    """

    length: int
    centred: bool
    x_zero_point: int
    epsilon: float
    gain: str
    offset: str | None
    zero_point: int
