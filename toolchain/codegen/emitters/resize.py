"""Resize and Interpolate, along any axes in any order."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from toolchain.codegen.calls import Kernel
from toolchain.codegen.emitters.factors import grid
from toolchain.codegen.emitters.movement import take
from toolchain.codegen.literals import Fields, Struct

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolchain.codegen.operands import Operand
    from toolchain.codegen.scope import Scope
    from toolchain.core.dtypes import Array
    from toolchain.program.records import Interpolate, Resize

_INTERPOLATE = Kernel("tc_interpolate")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Taps:
    """What is summed along one axis.

    Attributes:
        positions: int32 (taps, new extent).
        weights: float32, alike.
        outside: uint8 (new extent,), 1 for what is filled; None for nothing.
    """

    positions: Array
    weights: Array
    outside: Array | None = None


def emit_resize(op: Resize, scope: Scope) -> None:
    """A gather of the nearest elements, or sums of two along every axis."""
    constants = scope.program.constants
    low = [constants[name].astype(np.int32) for name in op.low]
    if not op.weights:
        take(
            op.name,
            scope.read(op.inputs[0]),
            op.outputs[0],
            dict(zip(op.axes, low, strict=True)),
            scope,
        )
        return
    taps = {}
    for axis, below, high, weight in zip(op.axes, low, op.high, op.weights, strict=True):
        share = constants[weight].astype(np.float32)
        taps[axis] = _Taps(
            positions=np.stack([below, constants[high].astype(np.int32)]),
            weights=np.stack([np.float32(1) - share, share]),
        )
    _interpolate(op, taps, 0, scope)


def emit_interpolate(op: Interpolate, scope: Scope) -> None:
    """Sums of any number of elements along every axis."""
    constants = scope.program.constants
    outside = op.outside or (None,) * len(op.axes)
    taps = {
        axis: _Taps(
            positions=constants[positions].astype(np.int32),
            weights=constants[weights].astype(np.float32),
            outside=None if flags is None else constants[flags].astype(np.uint8),
        )
        for axis, positions, weights, flags in zip(
            op.axes, op.positions, op.weights, outside, strict=True
        )
    }
    _interpolate(op, taps, op.fill, scope)


def _interpolate(
    op: Resize | Interpolate, taps: Mapping[int, _Taps], fill: int, scope: Scope
) -> None:
    x = scope.read(op.inputs[0])
    y = scope.write(op.outputs[0], x.order)
    inner = len(x.order)
    while inner and x.order[inner - 1] not in taps:
        inner -= 1
    outer = [axis for axis in x.order[:inner] if axis in taps or x.shape[axis] > 1]
    fields: Fields = {
        "x_type": scope.element(op.inputs[0]),
        "x_zero_point": op.x_zero_point,
        "factor": np.float32(op.factor),
        "fill": fill,
        "grid": grid(scope.tensor(op.outputs[0]), op.zero_point, scope.program.rounding),
        "run": prod(x.shape[axis] for axis in x.order[inner:]),
    }
    if taps:
        fields["rank"] = len(outer)
        fields["axes"] = tuple(_axis(op.name, i, x, y, taps.get(i), scope) for i in outer)
        fields["sums"] = len(taps)
        fields["order"] = tuple(outer.index(axis) for axis in taps)
    scope.call(_INTERPOLATE, fields, (x,), (y,), name=op.name)


def _axis(
    label: str, axis: int, x: Operand, y: Operand, taps: _Taps | None, scope: Scope
) -> Struct:
    fields: Fields = {"extent": y.shape[axis], "x_step": x.strides[axis]}
    if taps is not None:
        fields["taps"] = taps.positions.shape[0]
        fields["positions"] = scope.constant(taps.positions, f"{label}_positions_{axis}")
        fields["weights"] = scope.constant(taps.weights, f"{label}_weights_{axis}")
        if taps.outside is not None:
            fields["outside"] = scope.constant(taps.outside, f"{label}_outside_{axis}")
    return Struct("tc_resampled_axis", fields)
