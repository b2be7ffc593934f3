"""Operations that reduce axes."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from toolchain.core.dtypes import DType
from toolchain.program.records import ReduceKind

if TYPE_CHECKING:
    from toolchain.program.checks.facts import Facts
    from toolchain.program.records import ArgExtreme, Reduce


def check_reduce(op: Reduce, facts: Facts) -> None:
    """Different axes in rising order; the output has what is left, axes of 1 kept or not."""
    facts.arity(1)
    x, y = facts.x, facts.y
    for axis in op.axes:
        facts.axis(axis, len(x.shape))
    facts.require(list(op.axes) == sorted(set(op.axes)), "Axes must be different and rise", op.axes)
    _check_left(x.shape, op.axes, facts)
    largest = facts.magnitude(op.inputs[0], op.x_zero_point)
    if op.kind is ReduceKind.SUM:
        facts.require(
            largest * prod(x.shape[axis] for axis in op.axes) < 2**63, "The sum can exceed int64"
        )
        facts.factor(op.factor)
        facts.saturates(op.zero_point)
    else:
        facts.result(y.shape, x.dtype)


def _check_left(shape: tuple[int, ...], axes: tuple[int, ...], facts: Facts) -> None:
    kept = tuple(1 if axis in axes else extent for axis, extent in enumerate(shape))
    dropped = tuple(extent for axis, extent in enumerate(shape) if axis not in axes)
    facts.require(
        facts.y.shape in (kept, dropped),
        "The output's shape is not what reducing leaves",
        facts.y.shape,
        f"{kept} or {dropped}",
    )


def check_arg_extreme(op: ArgExtreme, facts: Facts) -> None:
    """An axis, and int64 positions along it."""
    facts.arity(1)
    facts.tensor(op.inputs[0])
    facts.integers(op.inputs[0])
    facts.axis(op.axis, len(facts.x.shape))
    _check_left(facts.x.shape, (op.axis,), facts)
    facts.result(facts.y.shape, DType.INT64)
