"""Operations on elements of more than 8 bits, for which a table would be too long."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from toolchain.core.graph_view import Attribute
from toolchain.program.records.operation import Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class Function(Operation):
    """Any function of one element: what an entry of a `Table` would be, computed for each.

    The numbers of the input tensor make it float32, the float operator (docs/numerics.md, 9)
    follows, NaN counts as 0, and the numbers of the output tensor quantize it.

    Attributes:
        op_type: ONNX operator name.
        attributes: Its attributes.
        constants: Input index, from 1 on, to a float32 constant of one element.
    """

    op_type: str
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    constants: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class WideSoftmax(Operation):
    """Softmax of a 16-bit tensor along one axis, with integer exponentials (docs/numerics.md, 8.1).

    d = max(x) - x = 256 * h + l; e = (high[h] * low[l] + 2**29) >> 30, exact int64; s = sum of e,
    exact int64; y = saturate(round((float32(e) / float32(s)) * factor) + zero_point).

    Attributes:
        axis: Axis, >= 0.
        high: int32 constant of 256 entries: rint(exp(-256 * h * scale_in) * 2**30), h = 0..255.
        low: int32 constant of 256 entries: rint(exp(-l * scale_in) * 2**30), l = 0..255.
        factor: float32(1 / scale_out).
    """

    axis: int
    high: str
    low: str
    factor: float
    zero_point: int
