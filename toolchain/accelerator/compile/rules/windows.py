"""Positions that windows read: strides, dilations, padding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """Windows along one axis.

    Attributes:
        extent: Positions of the source.
        kernel: Elements of a window.
        stride: Positions from one window to the next.
        dilation: Positions from one element of a window to the next.
        pad: Positions before the source.
        pad_end: Positions behind it.
    """

    extent: int
    kernel: int
    stride: int = 1
    dilation: int = 1
    pad: int = 0
    pad_end: int = 0


def spatial(
    source: Sequence[int],
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    pads: Sequence[int],
) -> tuple[Axis, Axis]:
    """Windows along rows and columns; with one spatial axis there is one row.

    `kernel` may have an extent of 1 in front already.
    """
    rank = len(source)
    found = tuple(
        Axis(
            extent=source[axis],
            kernel=kernel[axis - rank],
            stride=strides[axis],
            dilation=dilations[axis],
            pad=pads[axis],
            pad_end=pads[rank + axis],
        )
        for axis in range(rank)
    )
    return (Axis(extent=1, kernel=1), found[0]) if rank == 1 else (found[0], found[1])


def taken(windows: tuple[int, int], axis: Axis) -> tuple[int, int]:
    """Positions of the source that a range of windows reads, at least one."""
    first = windows[0] * axis.stride - axis.pad
    last = (windows[1] - 1) * axis.stride - axis.pad + (axis.kernel - 1) * axis.dilation
    start = min(max(first, 0), axis.extent - 1)
    return start, max(min(last + 1, axis.extent), start + 1)
