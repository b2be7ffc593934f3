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


def window(op: Windowed, kernel: tuple[int, ...], x: Operand, y: Operand, scope: Scope) -> Struct:
    """`tc_window` of one to three spatial axes; those that are missing in front have extent 1."""
    rank = len(kernel)
    if rank > SPATIAL_AXES:
        raise scope.unsupported(op, f"more than {SPATIAL_AXES} spatial axes", rank)

    def three(values: tuple[int, ...], fill: int) -> tuple[int, ...]:
        return (fill,) * (SPATIAL_AXES - rank) + tuple(values)

    return Struct(
        "tc_window",
        {
            "batch": x.shape[0],
            "in_channels": x.shape[1],
            "out_channels": y.shape[1],
            "in": three(x.shape[2:], 1),
            "out": three(y.shape[2:], 1),
            "kernel": three(kernel, 1),
            "stride": three(op.strides, 1),
            "pad": three(op.pads[:rank], 0),
            "dilation": three(op.dilations, 1),
        },
    )
