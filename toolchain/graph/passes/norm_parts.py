"""Parts that the written-out normalizations share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolchain.graph.attributes import int_of
from toolchain.graph.edit import add_initializer
from toolchain.graph.pattern import Match, Number, Op, Pattern, Var, one_of
from toolchain.graph.tensors import constant_of, rank_of, static_shape

if TYPE_CHECKING:
    import onnx_ir as ir


def mean(pattern: Pattern, axes: str) -> Op:
    """ReduceMean that keeps its axes, which the Var `axes` names."""
    return Op("ReduceMean", pattern, Var(axes), where=lambda node: int_of(node, "keepdims", 1) == 1)


def over_root(pattern: Pattern, axes: str) -> Pattern:
    """`pattern` / sqrt(mean(`pattern`**2) + eps) in all its forms."""
    square = one_of(Op("Pow", pattern, Number(2.0)), Op("Mul", pattern, pattern))
    shifted = Op("Add", mean(square, axes), Var("eps"))
    root = Op("Sqrt", shifted)
    inverse = one_of(
        Op("Reciprocal", root), Op("Div", Number(1.0), root), Op("Pow", shifted, Number(-0.5))
    )
    return one_of(Op("Div", pattern, root), Op("Mul", pattern, inverse))


def first_axis(match: Match, *names: str) -> int | None:
    """First of the normalized axes, >= 0, where all of `names` are the same last axes of x."""
    rank = rank_of(match["x"])
    if rank is None:
        return None
    found = set()
    for name in names:
        axes = constant_of(match[name])
        if axes is None or axes.size == 0:
            return None
        found.add(tuple(sorted(int(axis) % rank for axis in axes.ravel())))
    if len(found) != 1:
        return None
    (axes_found,) = found
    return axes_found[0] if axes_found == tuple(range(axes_found[0], rank)) else None


def fitted(model: ir.Model, value: ir.Value, x: ir.Value, axis: int) -> ir.Value | None:
    """The constant `value` in the shape of the normalized axes of `x`, None if it has another."""
    shape, array = static_shape(x), constant_of(value)
    if shape is None or array is None:
        return None
    extra = array.ndim - len(shape[axis:])
    if extra < 0 or array.shape != (1,) * extra + shape[axis:]:
        return None
    if extra == 0:
        return value
    return add_initializer(model, value.name or "scale", array.reshape(shape[axis:]))
