"""The inner loops behind the operations, in numpy and compiled; both give the same bits."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol, TypeAlias

import numpy as np

from toolchain.numerics import requantize as formulas
from toolchain.numerics.fixed_point import shift_saturate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from toolchain.core.dtypes import Array, DType
    from toolchain.numerics.fixed_point import Multiplier
    from toolchain.program.interpreter.saturation import Saturation
    from toolchain.program.interpreter.window import DirectConv

_WORTH_A_THREAD = 1 << 20
"""Products below which handing work to a thread costs more than it saves."""

DirectConvolution: TypeAlias = Callable[["Array", "DirectConv", "Saturation", "Array"], None]
"""Convolution of x (n, c, h, w) into an output (n, m, oh, ow) without a column matrix."""


class Kernels(Protocol):
    """Loops over many elements; every array that is handed out is new and contiguous."""

    @property
    def direct_convolution(self) -> DirectConvolution | None:
        """Convolution for few input channels per group, None where it would not be quick."""

    def saturate(self, real: NDArray[np.float32], grid: Saturation, dtype: DType) -> Array:
        """Round and saturate real values in steps of the output; the shape of `real`."""

    def requantize(
        self,
        accumulators: Array,
        bias: NDArray[np.int32],
        factor: NDArray[np.float32],
        grid: Saturation,
        dtype: DType,
    ) -> Array:
        """Compute saturate(round(float32(accumulator + bias) * factor) + zero_point).

        `accumulators` (outer, channels, inner) hold exact integers in int32, float32 or float64;
        `bias` and `factor` are (channels,).
        """

    def requantize_exact(
        self,
        totals: NDArray[np.int64],
        multiplier: Multiplier,
        grid: Saturation,
        dtype: DType,
    ) -> Array:
        """Compute saturate(round(totals * significand * 2**-shift) + zero_point) in integers.

        `totals` are (outer, channels, inner); significand and shift are (channels,).
        """

    def look_up(self, values: Array, first: int, table: Array) -> Array:
        """Compute table[values - first], the shape of `values`, the type of `table`."""


class ArrayKernels:
    """The loops as numpy expressions: the definition."""

    @property
    def direct_convolution(self) -> DirectConvolution | None:
        """None: a product of matrices is quicker."""
        return None

    def saturate(self, real: NDArray[np.float32], grid: Saturation, dtype: DType) -> Array:
        """See `Kernels.saturate`."""
        bounds = (grid.low, grid.high)
        return formulas.saturate(real, grid.zero_point, bounds, grid.mode, dtype)

    def requantize(
        self,
        accumulators: Array,
        bias: NDArray[np.int32],
        factor: NDArray[np.float32],
        grid: Saturation,
        dtype: DType,
    ) -> Array:
        """See `Kernels.requantize`."""
        total = accumulators.astype(np.int32) + bias[:, None]
        bounds = (grid.low, grid.high)
        return formulas.requantize(
            total, factor[:, None], grid.zero_point, bounds, grid.mode, dtype
        )

    def requantize_exact(
        self,
        totals: NDArray[np.int64],
        multiplier: Multiplier,
        grid: Saturation,
        dtype: DType,
    ) -> Array:
        """See `Kernels.requantize_exact`."""
        return shift_saturate(
            totals * multiplier.significand[:, None],
            multiplier.shift[:, None],
            grid.zero_point,
            (grid.low, grid.high),
            grid.mode,
            dtype,
        )

    def look_up(self, values: Array, first: int, table: Array) -> Array:
        """See `Kernels.look_up`."""
        result: Array = table[values.astype(np.intp) - first]
        return result


class CompiledKernels(ArrayKernels):
    """The loops compiled by numba; convolution uses several threads, row by row.

    Results wider than 16 bits are left to numpy: the compiled loops clamp in float32.
    """

    def __init__(self, threads: int) -> None:
        """Import the compiled loops; raises ImportError where numba is missing."""
        from toolchain.program.interpreter import compiled

        self._loops = compiled
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads)

    @property
    def direct_convolution(self) -> DirectConvolution | None:
        """The compiled loop, split over the threads by output channels."""
        return self._convolve

    def saturate(self, real: NDArray[np.float32], grid: Saturation, dtype: DType) -> Array:
        """See `Kernels.saturate`."""
        if dtype.bits > 16:
            return super().saturate(real, grid, dtype)
        out = np.empty(real.shape, dtype.numpy)
        self._loops.saturate(np.ascontiguousarray(real).reshape(-1), grid, out.reshape(-1))
        return out

    def requantize(
        self,
        accumulators: Array,
        bias: NDArray[np.int32],
        factor: NDArray[np.float32],
        grid: Saturation,
        dtype: DType,
    ) -> Array:
        """See `Kernels.requantize`."""
        if dtype.bits > 16:
            return super().requantize(accumulators, bias, factor, grid, dtype)
        accumulators = np.ascontiguousarray(accumulators)
        out = np.empty(accumulators.shape, dtype.numpy)
        if accumulators.shape[2] == 1:
            flat = accumulators.shape[:2]
            self._loops.requantize_columns(
                accumulators.reshape(flat), bias, factor, grid, out.reshape(flat)
            )
        else:
            self._loops.requantize_rows(accumulators, bias, factor, grid, out)
        return out

    def requantize_exact(
        self,
        totals: NDArray[np.int64],
        multiplier: Multiplier,
        grid: Saturation,
        dtype: DType,
    ) -> Array:
        """See `Kernels.requantize_exact`."""
        out = np.empty(totals.shape, dtype.numpy)
        self._loops.requantize_exact(np.ascontiguousarray(totals), *multiplier, grid, out)
        return out

    def look_up(self, values: Array, first: int, table: Array) -> Array:
        """See `Kernels.look_up`."""
        out = np.empty(values.shape, table.dtype)
        self._loops.look_up(np.ascontiguousarray(values).reshape(-1), first, table, out.reshape(-1))
        return out

    def _convolve(self, x: Array, conv: DirectConv, grid: Saturation, out: Array) -> None:
        x = np.ascontiguousarray(x)
        rows = out.shape[0] * out.shape[1]
        work = out.size * conv.weight[0].size
        parts = max(1, min(self._threads, rows, work // _WORTH_A_THREAD))
        ends = [rows * part // parts for part in range(parts + 1)]
        own, *others = pairwise(ends)
        tasks = [
            self._pool.submit(self._loops.convolve, part, x, conv, grid, out) for part in others
        ]
        self._loops.convolve(own, x, conv, grid, out)
        for task in tasks:
            task.result()


def load_kernels(threads: int | None) -> Kernels:
    """Compiled loops on `threads` threads (None: one per processor), or numpy's without numba."""
    try:
        return CompiledKernels(threads or os.cpu_count() or 1)
    except ImportError:
        return ArrayKernels()
