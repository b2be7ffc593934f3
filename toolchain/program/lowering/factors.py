"""Ratios of scales as the numbers that a target can multiply by (docs/numerics.md, 5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from toolchain.core.target import Requantization, TargetSpec
from toolchain.errors import Code, CompileError
from toolchain.numerics.fixed_point import common_multipliers, nearest_multiplier, reciprocal

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Factors:
    """The factors of one target."""

    target: TargetSpec

    @property
    def exact(self) -> bool:
        """True where accumulators are requantized without floating point."""
        return self.target.requantization is not Requantization.FLOAT32_MULTIPLIER

    def ratio(
        self, source: NDArray[np.float32] | np.float32, result: NDArray[np.float32] | np.float32
    ) -> NDArray[np.float32]:
        """Source / result, float32 of any shape.

        FLOAT32_MULTIPLIER: one float32 division. MULTIPLIER_AND_SHIFT: the nearest number of
        `multiplier_bits` significant bits. SHIFT: the quotient, a power of two.

        Raises:
            CompileError: Scales that are no powers of two on a target that only shifts.
        """
        if not self.exact:
            return np.asarray(np.asarray(source) / np.asarray(result), np.float32)
        return self._representable(np.asarray(source, np.float64) / np.asarray(result, np.float64))

    def pair(
        self, first: np.float32, second: np.float32, result: np.float32
    ) -> tuple[np.float32, np.float32]:
        """The factors of two summands; exact targets give them one shift."""
        one, other = self.ratio(first, result), self.ratio(second, result)
        if self.target.requantization is not Requantization.MULTIPLIER_AND_SHIFT:
            return np.float32(one), np.float32(other)
        ratios = float(first) / float(result), float(second) / float(result)
        return common_multipliers(*ratios, self.target.multiplier_bits)

    def average(
        self, source: np.float32, result: np.float32, kernel: tuple[int, ...], count: int
    ) -> np.float32:
        """The factor of a sum of `count` elements on a target with exact requantization."""
        if self.target.requantization is Requantization.MULTIPLIER_AND_SHIFT:
            return np.float32(self._representable(np.float64(source) / (float(result) * count)))
        listed = self.target.pool_reciprocals.get(kernel)
        significand, shift = reciprocal(count) if listed is None else listed
        return np.float32(np.float64(self.ratio(source, result)) * significand * 2.0**-shift)

    def _representable(self, real: NDArray[np.float64] | np.float64) -> NDArray[np.float32]:
        if self.target.requantization is Requantization.MULTIPLIER_AND_SHIFT:
            return nearest_multiplier(real, self.target.multiplier_bits)
        if np.any(np.frexp(real)[0] != 0.5):
            raise CompileError(
                Code.LOWERING_FAILED,
                "The target only shifts, but a scale is no power of two",
                where=self.target.name,
                got=f"a ratio of {np.asarray(real).reshape(-1)[0]:.6g}",
                allowed="scales that are powers of two",
                hint="models that bring Q/DQ along must bring powers of two for this target",
            )
        return np.asarray(real, np.float32)
