"""Operations that resample axes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from toolchain.core.dtypes import DType

if TYPE_CHECKING:
    from toolchain.program.checks.facts import Facts
    from toolchain.program.records import Interpolate, Resize


def _check_axes(axes: tuple[int, ...], facts: Facts) -> None:
    """Different axes in rising order; the others keep their extent."""
    x, y = facts.x.shape, facts.y.shape
    facts.require(len(x) == len(y), "Input and output differ in rank", f"x {x}, y {y}")
    for axis in axes:
        facts.axis(axis, len(x))
    facts.require(list(axes) == sorted(set(axes)), "Axes must be different and rise", axes)
    facts.result(tuple(y[axis] if axis in axes else extent for axis, extent in enumerate(x)))


def _check_positions(name: str, shape: tuple[int, ...], extent: int, facts: Facts) -> None:
    positions = facts.constant(name, DType.INT32, shape)
    facts.require(
        positions.size > 0 and 0 <= positions.min() <= positions.max() < extent,
        f"Positions {name!r} lie outside the input",
        shape,
        f"0 to {extent - 1}",
    )


def check_resize(op: Resize, facts: Facts) -> None:
    """Positions for every axis, and for linear those above and weights."""
    facts.arity(1)
    _check_axes(op.axes, facts)
    linear = bool(op.weights)
    counts = (len(op.low), len(op.high), len(op.weights))
    many = len(op.axes)
    facts.require(
        counts == ((many,) * 3 if linear else (many, 0, 0)),
        "Every axis needs its positions and, for linear, its weights",
        counts,
    )
    for index, axis in enumerate(op.axes):
        shape = (facts.y.shape[axis],)
        for name in (op.low[index], *((op.high[index],) if linear else ())):
            _check_positions(name, shape, facts.x.shape[axis], facts)
        if linear:
            facts.constant(op.weights[index], DType.FLOAT32, shape)
    if linear:
        facts.magnitude(op.inputs[0], op.x_zero_point)
        facts.factor(op.factor)
        facts.saturates(op.zero_point)
    else:
        facts.result(facts.y.shape, facts.x.dtype)


def check_interpolate(op: Interpolate, facts: Facts) -> None:
    """Taps for every axis, and for all or none what lies outside."""
    facts.arity(1)
    _check_axes(op.axes, facts)
    facts.magnitude(op.inputs[0], op.x_zero_point)
    facts.factor(op.factor)
    facts.saturates(op.zero_point)
    facts.zero_point(facts.y.dtype, op.fill)
    counts = (len(op.positions), len(op.weights), len(op.outside))
    many = len(op.axes)
    facts.require(
        counts in ((many, many, many), (many, many, 0)),
        "Every axis needs its positions and weights",
        counts,
    )
    for index, axis in enumerate(op.axes):
        extent = facts.y.shape[axis]
        positions = facts.constant(op.positions[index], DType.INT32)
        facts.require(
            positions.ndim == 2 and positions.shape[1] == extent,
            "Positions must be (taps, extent of the result)",
            positions.shape,
        )
        _check_positions(op.positions[index], positions.shape, facts.x.shape[axis], facts)
        facts.constant(op.weights[index], DType.FLOAT32, positions.shape)
        if op.outside:
            flags = facts.constant(op.outside[index], DType.UINT8, (extent,))
            facts.require(bool(np.all(flags <= 1)), "What lies outside is 0 or 1", flags.max())
