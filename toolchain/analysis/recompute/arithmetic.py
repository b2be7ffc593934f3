"""Element-wise arithmetic, pooling, reductions and conversions for one element."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from toolchain.analysis.recompute.element import Element, Place, Scaled
from toolchain.analysis.recompute.finishing import Exact, exactly
from toolchain.analysis.recompute.windows import forward, gather, outer_and
from toolchain.program.records import BinaryKind, PoolKind

if TYPE_CHECKING:
    from toolchain.program.records import (
        Binary,
        Dequantize,
        Pool,
        Quantize,
        Reduce,
        Rescale,
        Slope,
    )


def binary(op: Binary, place: Place) -> Element:
    """Sum, difference or product of two elements (docs/numerics.md, 6)."""
    operands = (place.operand(0), place.operand(1))
    a, b = int(operands[0].value) - op.a_zero_point, int(operands[1].value) - op.b_zero_point
    grid = place.grid(op.zero_point, (op.low, op.high))
    if op.kind is BinaryKind.MUL:
        scaled = Scaled(
            accumulator=a * b, factor=np.float32(op.a_factor), exact=place.program.exact, grid=grid
        )
        rule = f"acc = (a - a_zero_point) * (b - b_zero_point); {scaled.rule}"
        return replace(_element(scaled, rule, "6"), operands=operands)
    sign = 1 if op.kind is BinaryKind.ADD else -1
    factors = np.float32(op.a_factor), np.float32(op.b_factor)
    precise: Exact = a * Fraction(float(factors[0])) + sign * b * Fraction(float(factors[1]))
    steps = [np.float32(np.float32(v) * f) for v, f in zip((a, b), factors, strict=True)]
    in_float = exactly(np.float32(steps[0] + np.float32(sign) * steps[1]))
    exact = place.program.exact
    unrounded, other = (precise, in_float) if exact else (in_float, precise)
    text = (
        "products and sum are rounded to float32"
        if exact
        else "products or sum are not rounded to float32 one by one"
    )
    word = "+" if sign > 0 else "-"
    return Element(
        rule=f"y = saturate(round((a - a_zero_point) * a_factor {word} (b - b_zero_point) * "
        f"b_factor) + zero_point), {'exact' if exact else 'three float32 operations'}",
        section="6",
        value=grid.store(unrounded),
        unrounded=unrounded,
        grid=grid,
        operands=operands,
        faults={**grid.faults(unrounded), text: grid.store(other)},
    )


def pool(op: Pool, place: Place) -> Element:
    """Largest or mean element of one window (docs/numerics.md, 7)."""
    n, c, *position = place.index
    x = place.read(0)
    rank = len(op.kernel)
    places = forward(position, op.kernel, op.strides, op.dilations, op.pads)
    found = gather(x[n, c][None], places)
    values, inside = found.values[0], found.inside[0]
    if op.kind is PoolKind.MAX:
        return Element(
            rule="y = the largest element of the window; padding never wins",
            section="7",
            value=int(values[inside].max()),
            terms=int(inside.sum()),
        )
    ends = [x.shape[2 + axis] + op.pads[rank + axis] for axis in range(rank)]
    padded = outer_and([(-op.pads[a] <= p) & (p < ends[a]) for a, p in enumerate(places)])
    counts = {True: int(padded.sum()), False: int(inside.sum())}
    count, other = counts[op.count_include_pad], counts[not op.count_include_pad]
    total = int(found.centred(op.x_zero_point).sum())
    exact = place.program.exact
    scaled = Scaled(
        accumulator=total,
        factor=np.float32(op.factor) if exact else _quotient(op.factor, count),
        exact=exact,
        grid=place.grid(op.zero_point, (op.low, op.high)),
    )
    rule = f"acc = sum of (x - x_zero_point); {scaled.rule}"
    if not exact:
        rule += f", factor divided by the count {count} of the window in float32"
    element = _element(scaled, rule, "7")
    faults = dict(element.faults)
    if other != count and not exact:
        text = "the padding counts" if other > count else "the padding does not count"
        wrong = replace(scaled, factor=_quotient(op.factor, other))
        faults[f"{text} in the number of elements"] = wrong.value
    if op.x_zero_point and count > counts[False]:
        lacking = op.x_zero_point * (count - counts[False])
        text = f"padding counts as 0 instead of the zero point {op.x_zero_point}"
        faults[text] = replace(scaled, accumulator=total - lacking).value
    return replace(element, terms=counts[False], faults=faults)


def reduce_sum(op: Reduce, place: Place) -> Element:
    """The sum along some axes (docs/numerics.md, 7)."""
    x = place.read(0)
    kept = [axis for axis in range(x.ndim) if axis not in op.axes]
    flat = np.ravel_multi_index(place.index, place.program.tensors[place.output].shape)
    own = iter(np.unravel_index(flat, [x.shape[axis] for axis in kept]) if kept else ())
    index = tuple(slice(None) if axis in op.axes else int(next(own)) for axis in range(x.ndim))
    elements = np.atleast_1d(x[index]).astype(np.int64)
    scaled = Scaled(
        accumulator=int(np.sum(elements - op.x_zero_point)),
        factor=np.float32(op.factor),
        exact=False,
        grid=place.grid(op.zero_point),
    )
    element = _element(scaled, f"acc = sum of (x - x_zero_point); {scaled.rule}", "7")
    return replace(element, terms=elements.size)


def rescale(op: Rescale, place: Place) -> Element:
    """An integer of another scale (docs/numerics.md, 2)."""
    operand = place.operand(0)
    scaled = Scaled(
        accumulator=int(operand.value) - op.x_zero_point,
        factor=np.float32(op.factor),
        exact=place.program.exact,
        grid=place.grid(op.zero_point),
    )
    element = _element(scaled, f"acc = x - x_zero_point; {scaled.rule}", "2")
    return replace(element, operands=(operand,))


def slope(op: Slope, place: Place) -> Element:
    """A line that bends at 0 (docs/numerics.md, 6)."""
    operand = place.operand(0)
    steps = int(operand.value) - op.x_zero_point
    negative = np.broadcast_to(place.constant(op.negative), place.read(0).shape)[place.index]
    scaled = Scaled(
        accumulator=steps,
        factor=np.float32(op.factor if steps >= 0 else negative),
        exact=False,
        grid=place.grid(op.zero_point),
    )
    rule = f"acc = x - x_zero_point; {scaled.rule}, factor by the sign of acc"
    return replace(_element(scaled, rule, "6"), operands=(operand,))


def quantize(op: Quantize, place: Place) -> Element:
    """A float as an integer (docs/numerics.md, 2)."""
    operand = place.operand(0)
    target = place.program.tensors[place.output]
    grid = place.grid(target.zero_point, rounding=op.rounding)
    scale = np.float32(1.0 if target.scale is None else target.scale)
    with np.errstate(over="ignore"):  # infinite, and saturates
        unrounded = exactly(np.float32(operand.value) / scale)
        others = [exactly(np.float32(operand.value) * (np.float32(1) / scale))]
    real = exactly(operand.value)
    if isinstance(real, Fraction):
        others.append(real / Fraction(float(scale)))
    faults = grid.faults(unrounded)
    values = {grid.store(other) for other in others} - {grid.store(unrounded)}
    if len(values) == 1:
        text = "the quotient is not rounded to float32, or is a product with the reciprocal"
        faults[text] = values.pop()
    return Element(
        rule="y = saturate(round(x / scale) + zero_point), one float32 division",
        section="2",
        value=grid.store(unrounded),
        unrounded=unrounded,
        grid=grid,
        operands=(operand,),
        faults=faults,
    )


def dequantize(op: Dequantize, place: Place) -> Element:
    """An integer as a float (docs/numerics.md, 2)."""
    operand = place.operand(0)
    source = place.program.tensors[op.inputs[0]]
    scale = np.float32(1.0 if source.scale is None else source.scale)
    steps = int(operand.value) - source.zero_point
    faults = {}
    if source.zero_point:
        text = f"the zero point {source.zero_point} of the input is not subtracted"
        faults[text] = float(np.float32(operand.value) * scale)
    return Element(
        rule="y = float32(x - zero_point) * scale",
        section="2",
        value=float(np.int64(steps).astype(np.float32) * scale),
        accumulator=steps,
        factor=float(scale),
        operands=(operand,),
        faults=faults,
    )


def _element(scaled: Scaled, rule: str, section: str) -> Element:
    return Element(
        rule=rule,
        section=section,
        value=scaled.value,
        accumulator=scaled.accumulator,
        factor=float(scaled.factor),
        unrounded=scaled.unrounded,
        grid=scaled.grid,
        faults=scaled.faults(),
    )


def _quotient(factor: float, count: int) -> np.float32:
    return np.float32(np.float32(factor) / np.float32(count))
