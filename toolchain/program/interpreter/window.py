"""Geometry of windows that slide over the spatial axes of a tensor (n, c, spatial...)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from toolchain.core.dtypes import Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A kernel, how it moves, and where its positions lie.

    Attributes:
        kernel: Elements per axis.
        strides: Distance of two positions per axis.
        dilations: Distance of two kernel elements per axis.
        pads: Begin of every axis, then end of every axis; all >= 0.
        output: Positions per axis.
    """

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    pads: tuple[int, ...]
    output: tuple[int, ...]

    def problem(self, extent: tuple[int, ...]) -> str | None:
        """What keeps the window from sliding over an input of spatial `extent`, or None.

        A position must begin inside the padded input; it may reach beyond its end only where the
        output's extent was rounded up (ceil_mode).
        """
        rank = len(extent)
        lengths = {len(self.kernel), len(self.strides), len(self.dilations), len(self.output)}
        if lengths != {rank} or len(self.pads) != 2 * rank:
            return f"window and input differ in rank: {self} on {extent}"
        if min(*self.kernel, *self.strides, *self.dilations, *self.output) < 1:
            return "kernel, strides, dilations and output must be positive"
        return "pads must not be negative" if min(self.pads) < 0 else None

    def floor_output(self, extent: tuple[int, ...]) -> tuple[int, ...]:
        """Positions per axis that lie wholly inside the padded input (ONNX Conv)."""
        begin, end = self.pads[: len(extent)], self.pads[len(extent) :]
        return tuple(
            (size + a + b - (k - 1) * d - 1) // s + 1
            for size, a, b, k, d, s in zip(
                extent, begin, end, self.kernel, self.dilations, self.strides, strict=True
            )
        )

    def reach(self) -> tuple[int, ...]:
        """Elements per axis from the beginning of the first position to the end of the last."""
        return tuple(
            (o - 1) * s + (k - 1) * d + 1
            for o, s, k, d in zip(
                self.output, self.strides, self.kernel, self.dilations, strict=True
            )
        )

    def padded(self, x: Array, fill: float) -> Array:
        """Surround x with `fill` exactly as far as the positions reach; keeps the type."""
        rank, reach = len(self.kernel), self.reach()
        shape, source, target = list(x.shape), [slice(None)] * x.ndim, [slice(None)] * x.ndim
        for axis in range(rank):
            begin, size = self.pads[axis], x.shape[2 + axis]
            kept = max(0, min(size, reach[axis] - begin))
            shape[2 + axis] = reach[axis]
            source[2 + axis] = slice(0, kept)
            target[2 + axis] = slice(begin, begin + kept)
        if tuple(shape) == x.shape and not any(self.pads[:rank]):
            return x
        result = np.full(shape, fill, x.dtype)
        result[tuple(target)] = x[tuple(source)]
        return result

    def taps(self, padded: Array) -> Iterator[Array]:
        """For every kernel element in row-major order what it meets: views (n, c, output...)."""
        for element in np.ndindex(*self.kernel):
            index = tuple(
                slice(e * d, e * d + (o - 1) * s + 1, s)
                for e, d, o, s in zip(
                    element, self.dilations, self.output, self.strides, strict=True
                )
            )
            yield padded[(slice(None), slice(None), *index)]


class DirectConv(NamedTuple):
    """What the compiled convolution needs; a named tuple, because the compiled loop takes it so.

    Attributes:
        weight: int32 (m, c / groups, taps), zero point subtracted.
        bias: int32 (m,).
        factor: float32 (m,), for float32 products; else empty.
        significand: int64 (m,), for exact products; else empty. Without both the accumulators
            themselves are handed out.
        shift: int64 (m,), with `significand`.
        offsets: intp (taps,), where each tap begins in one spread-out input channel.
        extent: Rows and columns of one phase of that channel.
        strides: Vertical and horizontal.
        pads: Top and left.
        groups: Groups of channels.
        zero_point: Zero point of the input.
    """

    weight: NDArray[np.int32]
    bias: NDArray[np.int32]
    factor: NDArray[np.float32]
    significand: NDArray[np.int64]
    shift: NDArray[np.int64]
    offsets: NDArray[np.intp]
    extent: tuple[int, int]
    strides: tuple[int, int]
    pads: tuple[int, int]
    groups: int
    zero_point: int
