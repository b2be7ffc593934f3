"""Reduce and ArgExtreme: channels-last, axes kept or not, in 16 bits."""

from __future__ import annotations

import pytest

from toolchain.core.dtypes import DType
from toolchain.core.quant import Rounding
from toolchain.program.records import ArgExtreme, Reduce, ReduceKind

SHAPE = (2, 300, 3, 2)


def reduced(axes: tuple[int, ...], *, keep: bool) -> tuple[int, ...]:
    if keep:
        return tuple(1 if axis in axes else extent for axis, extent in enumerate(SHAPE))
    return tuple(extent for axis, extent in enumerate(SHAPE) if axis not in axes)


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize(
    ("axes", "kind"),
    [
        ((1,), ReduceKind.MAX),
        ((2, 3), ReduceKind.SUM),
        ((0, 2), ReduceKind.MIN),
        ((3,), ReduceKind.SUM),
        ((0, 1, 2, 3), ReduceKind.SUM),
        ((), ReduceKind.SUM),
    ],
)
def test_channels_last(between, axes, keep, kind) -> None:
    op = Reduce(
        name="reduce",
        inputs=("x",),
        outputs=("y",),
        kind=kind,
        axes=axes,
        x_zero_point=5 if kind is ReduceKind.SUM else 0,
        factor=0.31 if kind is ReduceKind.SUM else 1.0,
        zero_point=-4 if kind is ReduceKind.SUM else 0,
    )
    kernels = between(op, (DType.INT8, SHAPE), (DType.INT8, reduced(axes, keep=keep)))
    assert kernels == ["tc_reduce"]


@pytest.mark.parametrize("rounding", list(Rounding))
def test_sums_of_16_bits(between, rounding) -> None:
    op = Reduce(
        name="reduce", inputs=("x",), outputs=("y",), kind=ReduceKind.SUM, axes=(1, 2),
        x_zero_point=-32768, factor=1 / 1024, zero_point=-900,
    )  # fmt: skip
    between(op, (DType.INT16, SHAPE), (DType.INT16, (2, 1, 1, 2)), rounding=rounding)


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize(("axis", "smallest", "last"), [(1, False, True), (2, True, False)])
def test_indices_channels_last(between, axis, smallest, last, keep) -> None:
    op = ArgExtreme(
        name="arg", inputs=("x",), outputs=("y",), axis=axis, smallest=smallest, last=last
    )
    kernels = between(op, (DType.UINT16, SHAPE), (DType.INT64, reduced((axis,), keep=keep)))
    assert kernels == ["tc_arg_extreme"]
