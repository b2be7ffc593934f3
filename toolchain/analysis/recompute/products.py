"""Sums of products for one element: convolutions and matrix products (docs/numerics.md, 5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from toolchain.analysis.recompute.element import Element, Place, Scaled, matrix_of
from toolchain.analysis.recompute.windows import Met, backward, forward, gather
from toolchain.program.records import ToFloat

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from toolchain.core.dtypes import Array
    from toolchain.program.records import Conv, ConvTranspose, MatMul

_SUM = "acc = bias + sum of (x - x_zero_point) * (w - w_zero_point)"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sum:
    """The sum of products of one element.

    Attributes:
        total: The sum, without the bias.
        terms: How many products it has.
        channel: Output channel, for bias and factor.
        others: What usual mistakes would sum, by what the mistake is.
    """

    total: int
    terms: int
    channel: int
    others: Mapping[str, int]


def conv(op: Conv, place: Place) -> Element:
    """One element of a convolution."""
    weight = place.constant(op.weight)
    n, m, *position = place.index
    inputs = weight.shape[1]
    begin = m // (weight.shape[0] // op.groups) * inputs
    places = forward(position, weight.shape[2:], op.strides, op.dilations, op.pads)
    found = gather(place.read(0)[n, begin : begin + inputs], places)
    kernel, point = weight[m].astype(np.int64), _of_channel(place, op.weight_zero_point, m)
    others = _uncentred(found, kernel, op.x_zero_point, point)
    if op.x_zero_point and not found.inside.all():
        text = f"padding counts as 0 instead of the zero point {op.x_zero_point}"
        others[text] = _dot(found.values - op.x_zero_point, kernel - point)
    total = _dot(found.centred(op.x_zero_point), kernel - point)
    terms = int(found.inside.sum())
    return _finished(op, place, _Sum(total=total, terms=terms, channel=m, others=others))


def conv_transpose(op: ConvTranspose, place: Place) -> Element:
    """One element of a transposed convolution: what the kernels of its inputs put there."""
    weight = place.constant(op.weight)
    n, m, *position = place.index
    group, own = divmod(m, weight.shape[1])
    inputs = weight.shape[0] // op.groups
    channels = slice(group * inputs, (group + 1) * inputs)
    places = backward(position, weight.shape[2:], op.strides, op.dilations, op.pads)
    found = gather(place.read(0)[n, channels], places)
    kernel = weight[channels, own].astype(np.int64)
    point = _of_channel(place, op.weight_zero_point, own)
    others = _uncentred(found, kernel, op.x_zero_point, point)
    total = _dot(found.centred(op.x_zero_point), kernel - point)
    terms = int(found.inside.sum())
    return _finished(op, place, _Sum(total=total, terms=terms, channel=m, others=others))


def matmul(op: MatMul, place: Place) -> Element:
    """One element of a matrix product: a row times a column."""
    b = place.read(1) if op.b is None else place.constant(op.b)
    *batch, i, j = place.index
    row = matrix_of(place.read(0), batch)[i].astype(np.int64)
    column = matrix_of(b, batch)[:, j].astype(np.int64)
    point = _of_channel(place, op.b_zero_point, j)
    found = Met(values=row, inside=np.ones(row.shape, np.bool_))
    others = _uncentred(found, column, op.a_zero_point, point)
    total = _dot(row - op.a_zero_point, column - point)
    return _finished(op, place, _Sum(total=total, terms=row.size, channel=j, others=others))


def _uncentred(x: Met, w: NDArray[np.int64], x_point: int, w_point: int) -> dict[str, int]:
    """Sums without the zero points, where there are some."""
    found = {}
    if x_point:
        text = f"the zero point {x_point} of the input is not subtracted"
        found[text] = _dot(x.values, w - w_point)
    if w_point:
        text = f"the zero point {w_point} of the weight is not subtracted"
        found[text] = _dot(x.centred(x_point), w)
    return found


def _dot(x: NDArray[np.int64], w: NDArray[np.int64]) -> int:
    return int(np.sum(x * w))


def _of_channel(place: Place, name: str | None, channel: int) -> int:
    """A zero point or bias: 0 without one, else the only one or that of the channel."""
    if name is None:
        return 0
    values = place.constant(name)
    return int(values[channel] if values.ndim else values)


def _finished(op: Conv | ConvTranspose | MatMul, place: Place, summed: _Sum) -> Element:
    """Bias, factor, rounding and bounds, as the record says."""
    finish, bias = op.finish, _of_channel(place, op.bias, summed.channel)
    factors: Array = np.asarray(place.constant(finish.factor), np.float32)
    factor = np.float32(factors[summed.channel] if factors.ndim else factors)
    accumulator = (summed.total << finish.guard_bits) + bias
    others = {
        text: ((total << finish.guard_bits) + bias, factor) for text, total in summed.others.items()
    }
    if bias:
        others["the bias is missing"] = (accumulator - bias, factor)
    if factors.ndim and summed.channel:
        others["the factor of channel 0 is used for every channel"] = (accumulator, factors[0])
    common = Element(
        rule=_SUM,
        section="5",
        value=0,
        terms=summed.terms,
        accumulator=accumulator,
        bias=bias,
        factor=float(factor),
    )
    if isinstance(finish, ToFloat):
        clamp = (finish.low, finish.high)
        return replace(
            common,
            rule=f"{_SUM}; y = clamp(float32(acc) * factor, low, high)",
            value=_clamped(accumulator, factor, clamp),
            clamp=clamp,
            faults={text: _clamped(*other, clamp) for text, other in others.items()},
        )
    grid = place.grid(finish.zero_point, (finish.low, finish.high))
    scaled = Scaled(accumulator=accumulator, factor=factor, exact=place.program.exact, grid=grid)
    faults = scaled.faults()
    for text, (other, multiplier) in others.items():
        faults[text] = replace(scaled, accumulator=other, factor=multiplier).value
    return replace(
        common,
        rule=f"{_SUM}; {scaled.rule}",
        value=scaled.value,
        unrounded=scaled.unrounded,
        grid=grid,
        faults=faults,
    )


def _clamped(accumulator: int, factor: np.float32, clamp: tuple[float, float]) -> float:
    real = np.int64(accumulator).astype(np.float32) * factor
    return float(np.clip(real, np.float32(clamp[0]), np.float32(clamp[1])))
