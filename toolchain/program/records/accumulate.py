"""Operations that sum products."""

from __future__ import annotations

from dataclasses import dataclass

from toolchain.program.records.operation import Finish, Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class Conv(Operation):
    """Integer convolution, any spatial rank.

    acc[n,m,o] = bias[m] + sum over c,k of (x - x_zero_point) * (w[m,c,k] - w_zero_point[m]), int32;
    positions outside x count as x_zero_point (a product of 0).

    Attributes:
        weight: int constant (M, C/groups, k...).
        weight_zero_point: int32 constant, () or (M,); None for symmetric weights.
        bias: int32 constant (M,), or None.
        pads: Begin of every axis, then end of every axis.
    """

    weight: str
    weight_zero_point: str | None
    bias: str | None
    x_zero_point: int
    strides: tuple[int, ...]
    pads: tuple[int, ...]
    dilations: tuple[int, ...]
    groups: int
    finish: Finish


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvTranspose(Operation):
    """Integer transposed convolution; output shape from the output tensor.

    Attributes:
        weight: int constant (C, M/groups, k...).
        weight_zero_point: int32 constant, () or (M/groups,); None for symmetric weights.
        bias: int32 constant (M,), or None.
        pads: Begin of every axis, then end; what is cut from the full result.
    """

    weight: str
    weight_zero_point: str | None
    bias: str | None
    x_zero_point: int
    strides: tuple[int, ...]
    pads: tuple[int, ...]
    dilations: tuple[int, ...]
    groups: int
    finish: Finish


@dataclass(frozen=True, slots=True, kw_only=True)
class MatMul(Operation):
    """Integer matrix product with numpy broadcasting of the batch axes.

    acc = bias + (a - a_zero_point) @ (b - b_zero_point), int32. `inputs` is (a,) with a constant
    `b`, or (a, b) where both are activations and `b` is None.

    Attributes:
        b: int constant (..., K, N), or None.
        b_zero_point: int32 constant, () or (N,); None for 0.
        bias: int32 constant (N,), or None.
    """

    b: str | None
    a_zero_point: int
    b_zero_point: str | None
    bias: str | None
    finish: Finish
