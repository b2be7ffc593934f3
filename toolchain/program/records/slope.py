"""Lines that bend at 0."""

from __future__ import annotations

from dataclasses import dataclass

from toolchain.program.records.operation import Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class Slope(Operation):
    """PRelu with several slopes: saturate(round(float32(x - x_zero_point) * f) + zero_point).

    f is `factor` where x >= x_zero_point, else the element's own of `negative`.

    Attributes:
        factor: float32 value scale_in / scale_out.
        negative: float32 constant slope * factor that broadcasts against x.
    """

    x_zero_point: int
    factor: float
    negative: str
    zero_point: int
