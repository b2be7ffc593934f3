"""Operations that sum products of weights whose scale changes from block to block."""

from __future__ import annotations

from dataclasses import dataclass

from toolchain.program.records.operation import Finish, Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockedConv(Operation):
    """Convolution whose weight has one scale per block of input channels and kernel element.

    acc[n,m,b,k,o] = sum over c in block b of (x - x_zero_point) * (w[m,c,k] - w_zero_point[m,b,k]),
    int32; total[n,m,o] = bias[m] + sum over k, then b, of float32(acc[n,m,b,k,o]) * factor[m,b,k],
    float32, added in that order.

    Attributes:
        weight: int constant (M, C/groups, k...).
        weight_zero_point: int32 constant in the shape of the factor; None for symmetric weights.
        bias: float32 constant (M,) in the units of the total, or None for 0.
        block_size: Input channels per block; the last block of a group may be shorter.
        pads: Begin of every axis, then end of every axis.
        finish: What becomes of the total; its factor is (M, blocks, k...).
    """

    weight: str
    weight_zero_point: str | None
    bias: str | None
    x_zero_point: int
    block_size: int
    strides: tuple[int, ...]
    pads: tuple[int, ...]
    dilations: tuple[int, ...]
    groups: int
    finish: Finish


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockedMatMul(Operation):
    """Product with a matrix that has one scale per block of rows and column.

    acc[...,m,n,b] = sum over k in block b of (a - a_zero_point) * (b[k,n] - b_zero_point[b,n]),
    int32; total = bias[n] + sum over b of float32(acc) * factor[b,n], float32, added in that order.

    Attributes:
        b: int constant (..., K, N).
        b_zero_point: int32 constant in the shape of the factor; None for symmetric weights.
        bias: float32 constant (N,) in the units of the total, or None for 0.
        block_size: Rows per block; the last one may be shorter.
        finish: What becomes of the total; its factor is (..., blocks, N).
    """

    b: str
    b_zero_point: str | None
    bias: str | None
    a_zero_point: int
    block_size: int
    finish: Finish
