"""Windows over spatial axes as fields of kernel parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from toolchain.codegen.literals import Struct

if TYPE_CHECKING:
    from toolchain.codegen.operands import Operand
    from toolchain.codegen.scope import Scope

SPATIAL_AXES = 3
"""Spatial axes that kernels have (TC_SPATIAL)."""


class Windowed(Protocol):
    """What has windows: records of the program, and those of float operators."""

    @property
    def name(self) -> str:
        """Of the operation."""

    @property
    def strides(self) -> tuple[int, ...]:
        """Steps from window to window."""

    @property
    def pads(self) -> tuple[int, ...]:
        """Padding in front of all axes, then behind them."""

    @property
    def dilations(self) -> tuple[int, ...]:
        """Steps from position to position in a window."""


def three(values: tuple[int, ...], fill: int) -> tuple[int, ...]:
    """One to three spatial axes as three: `fill` for those that are missing in front."""
    return (fill,) * (SPATIAL_AXES - len(values)) + tuple(values)


def window(op: Windowed, kernel: tuple[int, ...], x: Operand, y: Operand, scope: Scope) -> Struct:
    """`tc_window` of an operation of one to three spatial axes."""
    rank = len(kernel)
    if rank > SPATIAL_AXES:
        raise scope.unsupported(op, f"more than {SPATIAL_AXES} spatial axes", rank)
    return window_of(
        channels=(x.shape[1], y.shape[1]),
        batch=x.shape[0],
        extents=(x.shape[2:], y.shape[2:]),
        kernel=kernel,
        strides=op.strides,
        pads=op.pads[:rank],
        dilations=op.dilations,
    )


def window_of(
    *,
    channels: tuple[int, int],
    batch: int,
    extents: tuple[tuple[int, ...], tuple[int, ...]],
    kernel: tuple[int, ...],
    strides: tuple[int, ...],
    pads: tuple[int, ...],
    dilations: tuple[int, ...],
) -> Struct:
    """`tc_window`; channels and extents are those of input and output, pads those in front."""
    return Struct(
        "tc_window",
        {
            "batch": batch,
            "in_channels": channels[0],
            "out_channels": channels[1],
            "in": three(extents[0], 1),
            "out": three(extents[1], 1),
            "kernel": three(kernel, 1),
            "stride": three(strides, 1),
            "pad": three(pads, 0),
            "dilation": three(dilations, 1),
        },
    )
