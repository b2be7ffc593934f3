"""How real values become the integers of an output tensor (docs/numerics.md, 1, 2 and 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from toolchain.core.quant import Rounding

if TYPE_CHECKING:
    from toolchain.core.dtypes import DType


class Saturation(NamedTuple):
    """saturate(round(real) + zero_point), kept within [low, high].

    A named tuple, because the compiled loops take it as it is.

    Attributes:
        zero_point: Integer that stands for 0.
        low: Smallest integer kept.
        high: Largest integer kept.
        rounding: Index of the rounding in `Rounding`: 0 half_even, 1 half_up, 2 half_away.
    """

    zero_point: int
    low: int
    high: int
    rounding: int

    @property
    def mode(self) -> Rounding:
        """The rounding as its name."""
        return tuple(Rounding)[self.rounding]

    @classmethod
    def of(
        cls,
        dtype: DType,
        rounding: Rounding,
        zero_point: int,
        bounds: tuple[int, int] | None = None,
    ) -> Saturation:
        """Saturate to `bounds`, by default to all integers of `dtype`."""
        low, high = bounds or (dtype.qmin, dtype.qmax)
        return cls(zero_point, low, high, tuple(Rounding).index(rounding))
