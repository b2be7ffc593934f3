"""Windows over positions: what convolutions and pooling see of a source."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import as_strided

from toolchain.accelerator.isa.instructions import BlockedConvolve, Convolve, Pool
from toolchain.core.dtypes import Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """Where windows lie; every field is for H and W.

    Attributes:
        outputs: Number of windows.
        kernel: Extents of one.
        strides: Positions from one to the next.
        dilations: Positions from one element to the next.
        pads: Positions before the source at which the first begins; negative: within it.
    """

    outputs: tuple[int, ...]
    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    pads: tuple[int, ...]

    def reach(self, axis: int) -> int:
        """Positions from the begin of the first window to the end of the last."""
        steps = (self.outputs[axis] - 1) * self.strides[axis]
        return steps + (self.kernel[axis] - 1) * self.dilations[axis] + 1

    def inside(self, axis: int, first: int, behind: int) -> Array:
        """int64 (outputs,): elements of each window at positions from `first` to `behind`."""
        starts = np.arange(self.outputs[axis]) * self.strides[axis] - self.pads[axis]
        elements = np.arange(self.kernel[axis]) * self.dilations[axis]
        at = starts[:, None] + elements[None, :]
        return np.asarray(np.count_nonzero((at >= first) & (at < behind), axis=1))


def windows_of(at: Convolve | BlockedConvolve | Pool) -> Windows:
    """Where the windows of an instruction lie."""
    return Windows(
        outputs=at.target.shape[1:3],
        kernel=at.kernel if isinstance(at, Pool) else at.weights.shape[1:3],
        strides=at.strides,
        dilations=at.dilations,
        pads=at.pads[:2],
    )


def counts(at: Pool) -> Array:
    """int64 (H', W'): elements of each window that count."""
    windows, by_axis = windows_of(at), []
    for axis in (0, 1):
        before, behind = (at.pads[axis], at.pads[axis + 2]) if at.count_padding else (0, 0)
        by_axis.append(windows.inside(axis, -before, at.source.shape[1 + axis] + behind))
    return np.asarray(by_axis[0][:, None] * by_axis[1][None, :])


def framed(source: Array, at: Windows, fill: float) -> Array:
    """(N, reach, reach, C) of a source (N, H, W, C): what windows see, `fill` outside."""
    lead = [max(pad, 0) for pad in at.pads]
    skip = [max(-pad, 0) for pad in at.pads]
    reach = [at.reach(axis) for axis in (0, 1)]
    seen = source[:, skip[0] :, skip[1] :]
    if not any(lead) and all(r <= n for r, n in zip(reach, seen.shape[1:3], strict=True)):
        return seen[:, : reach[0], : reach[1]]
    frame = np.full((len(source), *reach, source.shape[3]), fill, source.dtype)
    inner = frame[:, lead[0] :, lead[1] :]
    part = seen[:, : inner.shape[1], : inner.shape[2]]
    inner[:, : part.shape[1], : part.shape[2]] = part
    return frame


def windows(frame: Array, at: Windows) -> Array:
    """(N, H', W', kernel H, kernel W, C) over a frame, without a copy."""
    n, h, w, c = frame.strides
    (down, right), (row, column) = at.strides, at.dilations
    return as_strided(
        frame,
        (len(frame), *at.outputs, *at.kernel, frame.shape[3]),
        (n, h * down, w * right, h * row, w * column, c),
        writeable=False,
    )
