"""Operations that reduce axes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from toolchain.program.records.operation import Operation


class ReduceKind(StrEnum):
    """Reductions to one element."""

    SUM = "sum"
    MAX = "max"
    MIN = "min"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reduce(Operation):
    """One element from all that lie along some axes (docs/numerics.md, 7).

    SUM, also for means: acc = sum of (x - x_zero_point), exact int64; saturate(round(float32(acc) *
    factor) + zero_point). MAX, MIN: the largest or smallest integer; input and output share their
    parameters, factor is 1. The shape of the result is the output tensor's, so that axes may be
    kept.

    Attributes:
        kind: What is computed.
        axes: Axes that are reduced, >= 0, rising; without any, every element by itself.
        factor: float32 value scale_in / scale_out, for a mean divided by float32(count).
    """

    kind: ReduceKind
    axes: tuple[int, ...]
    x_zero_point: int
    factor: float
    zero_point: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ArgExtreme(Operation):
    """Index, int64, of the largest or smallest integer along one axis.

    Attributes:
        axis: Axis, >= 0.
        smallest: Look for the smallest.
        last: Of equal integers the last counts, not the first.
    """

    axis: int
    smallest: bool
    last: bool
