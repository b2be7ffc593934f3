"""Operations on elements and rows of elements."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from toolchain.program.records.operation import Operation


class BinaryKind(StrEnum):
    """Element-wise operations of two inputs."""

    ADD = "add"
    SUB = "sub"
    MUL = "mul"


@dataclass(frozen=True, slots=True, kw_only=True)
class Binary(Operation):
    """Element-wise, numpy broadcasting. Either input may be a constant named in `inputs`.

    ADD, SUB: saturate(round(float32(a - a_zero_point) * a_factor +- float32(b - b_zero_point) *
    b_factor) + zero_point), three float32 operations without contraction.
    MUL: the exact product (a - a_zero_point) * (b - b_zero_point), then as `Requantize` with
    a_factor; b_factor is 1. With exact requantization products and sums are exact; only `round`
    rounds.

    Attributes:
        a_factor: float32 value scale_a / scale_out (ADD, SUB) or (scale_a * scale_b) / scale_out.
        b_factor: float32 value scale_b / scale_out (ADD, SUB), 1 for MUL.
    """

    kind: BinaryKind
    a_zero_point: int
    b_zero_point: int
    a_factor: float
    b_factor: float
    zero_point: int
    low: int
    high: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Table(Operation):
    """y = table[x - qmin(x)]: any unary function of an 8-bit value.

    Attributes:
        table: Constant of the output's type, indexed from the smallest input: (256,) for all
            elements, or (channels, 256) with a table for each index along `axis`.
        axis: Axis whose indices have tables of their own, >= 0; None where one holds for all.
    """

    table: str
    axis: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Softmax(Operation):
    """Softmax of an 8-bit tensor along one axis, with integer exponentials (docs/numerics.md, 8).

    e = exponentials[max(x) - x]; s = sum of e, exact int64; y = saturate(round((float32(e) /
    float32(s)) * factor) + zero_point), factor = float32(1 / scale_out).

    Attributes:
        axis: Axis, >= 0.
        exponentials: int32 constant of 256 entries: rint(exp(-d * scale_in) * 2**23), d = 0..255.
    """

    axis: int
    exponentials: str
    factor: float
    zero_point: int
