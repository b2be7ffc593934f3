"""Rounding of real numbers to integers (docs/numerics.md, 1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from toolchain.core.quant import Rounding

if TYPE_CHECKING:
    from numpy.typing import NDArray

Float = TypeVar("Float", bound=np.floating[Any])


def round_to_integer(values: NDArray[Float], rounding: Rounding) -> NDArray[Float]:
    """Round to integral values of the same float type and shape.

    HALF_EVEN: IEEE 754 roundTiesToEven. HALF_UP: floor(x) + (x - floor(x) >= 0.5), ties towards
    +infinity. HALF_AWAY: the same on |x| with the sign put back. The fraction x - floor(x) is exact
    in binary floating point, where floor(x + 0.5) is not.
    """
    match rounding:
        case Rounding.HALF_EVEN:
            even: NDArray[Float] = np.rint(values)
            return even
        case Rounding.HALF_UP:
            return _half_up(values)
        case Rounding.HALF_AWAY:
            away: NDArray[Float] = np.copysign(_half_up(np.abs(values)), values)
            return away


def _half_up(values: NDArray[Float]) -> NDArray[Float]:
    below = np.floor(values)
    with np.errstate(invalid="ignore"):  # infinity minus infinity is no fraction, and adds nothing
        step = ((values - below) >= values.dtype.type(0.5)).astype(values.dtype)
    result: NDArray[Float] = below + step
    return result
