"""From an accumulator to an output integer (docs/numerics.md, 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from toolchain.numerics.rounding import round_to_integer

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from toolchain.core.dtypes import Array, DType
    from toolchain.core.quant import Rounding


def multiplier(
    input_scale: NDArray[np.float32],
    weight_scale: NDArray[np.float32],
    output_scale: NDArray[np.float32],
) -> NDArray[np.float32]:
    """float32 multiplier (input_scale * weight_scale) / output_scale.

    The product is rounded to float32 before the division, as onnxruntime's integer kernels do.
    """
    product = np.asarray(input_scale, np.float32) * np.asarray(weight_scale, np.float32)
    return np.asarray(product / np.asarray(output_scale, np.float32), np.float32)


def requantize(
    accumulator: NDArray[np.int32],
    factor: NDArray[np.float32],
    zero_point: int,
    bounds: tuple[int, int],
    rounding: Rounding,
    dtype: DType,
) -> Array:
    """saturate(round(float32(accumulator) * factor) + zero_point) within `bounds`.

    `factor` broadcasts against `accumulator`. The conversion of an int32 above 2**24 to float32
    rounds to nearest, ties to even (IEEE 754), and the product is one float32 multiplication.
    """
    real = np.asarray(accumulator.astype(np.float32) * factor, np.float32)
    return saturate(real, zero_point, bounds, rounding, dtype)


def saturate(
    real: NDArray[np.float32],
    zero_point: int,
    bounds: tuple[int, int],
    rounding: Rounding,
    dtype: DType,
) -> Array:
    """Round, add the zero point and saturate within `bounds`, in the numpy type of `dtype`.

    `real`, of any shape, is in steps of the output and must not be NaN; infinities saturate.
    """
    steps = round_to_integer(real, rounding)
    # In float64 the sum is exact for every zero point, and a huge value cannot wrap.
    return np.clip(steps.astype(np.float64) + zero_point, *bounds).astype(dtype.numpy)
