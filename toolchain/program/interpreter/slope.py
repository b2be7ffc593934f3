"""Slope (docs/numerics.md, 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from toolchain.program.interpreter.context import invalid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolchain.core.dtypes import Array
    from toolchain.program.interpreter.context import Context, Run
    from toolchain.program.records import Slope


def prepare_slope(op: Slope, context: Context) -> Run:
    """One factor above the zero point, another below."""
    context.integers(op, op.inputs[0])
    shape, negative = context.shape(op.inputs[0]), context.constant(op, op.negative, np.float32)
    if np.broadcast_shapes(negative.shape, shape) != shape:
        raise invalid(op, f"The slopes do not broadcast against {shape}", negative.shape)
    grid, dtype = context.grid(op, op.zero_point), context.tensor(op.outputs[0]).dtype

    def run(inputs: Sequence[Array]) -> tuple[Array, ...]:
        steps = np.subtract(inputs[0], op.x_zero_point, dtype=np.int32)
        factor = np.where(steps < 0, negative, np.float32(op.factor))
        return (context.kernels.saturate(steps.astype(np.float32) * factor, grid, dtype),)

    return run
