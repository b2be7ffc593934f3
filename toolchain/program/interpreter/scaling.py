"""Exact integers times one factor, to the integers of the output (docs/numerics.md, 5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from toolchain.core.dtypes import Array
    from toolchain.program.interpreter.context import Context
    from toolchain.program.interpreter.saturation import Saturation
    from toolchain.program.records import Operation

Scaling: TypeAlias = Callable[["NDArray[np.integer[Any]]"], "Array"]
"""Integers of any shape to integers of the output's type, in that shape."""


def prepare_scaling(
    op: Operation,
    context: Context,
    grid: Saturation,
    factor: float | NDArray[np.float32],
    magnitude: int,
) -> Scaling:
    """saturate(round(values * factor) + zero_point), |values| <= `magnitude`.

    The product is a float32 one of float32(values), or exact where the program requantizes exactly;
    `factor` is then a single one.
    """
    dtype = context.tensor(op.outputs[0]).dtype
    if not context.program.exact:
        factor32 = np.asarray(factor, np.float32)

        def in_float(values: NDArray[np.integer[Any]]) -> Array:
            return context.kernels.saturate(values.astype(np.float32) * factor32, grid, dtype)

        return in_float
    multiplier = context.multiplier(op, np.asarray([factor], np.float32), magnitude)

    def exact(values: NDArray[np.integer[Any]]) -> Array:
        row = values.astype(np.int64).reshape(1, 1, -1)
        return context.kernels.requantize_exact(row, multiplier, grid, dtype).reshape(values.shape)

    return exact
