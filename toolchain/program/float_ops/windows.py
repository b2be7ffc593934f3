"""Geometry of windows that slide over the spatial axes (Conv, ConvTranspose, pooling)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from toolchain.core.dtypes import Array
    from toolchain.program.float_ops.call import Call

_AUTO_PAD = ("NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID")


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """How windows lie over the spatial axes; every tuple has one entry per axis.

    Attributes:
        kernel: Positions in a window.
        strides: Steps from window to window.
        dilations: Steps from position to position.
        before: Padding in front.
        after: Padding behind.
        output: Number of windows.
    """

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]
    output: tuple[int, ...]

    def reach(self) -> tuple[int, ...]:
        """Extent that the windows cover, from the first position of the first to the last."""
        spans = zip(self.kernel, self.strides, self.dilations, self.output, strict=True)
        return tuple((o - 1) * s + (k - 1) * d + 1 for k, s, d, o in spans)

    def padded(self, x: Array, fill: float) -> Array:
        """`x` (N, C, spatial...) with `fill` around it, as far as the windows reach."""
        spans = zip(x.shape[2:], self.before, self.reach(), strict=True)
        pads = [(before, max(reach - before - size, 0)) for size, before, reach in spans]
        return np.pad(x, [(0, 0), (0, 0), *pads], constant_values=x.dtype.type(fill))

    def positions(self, padded: Array) -> Iterator[tuple[tuple[int, ...], Array]]:
        """Position in the window, row-major, and a view of what lies there: (N, C, output...)."""
        for position in product(*map(range, self.kernel)):
            cut = tuple(
                slice(p * dilation, p * dilation + (output - 1) * stride + 1, stride)
                for p, dilation, output, stride in zip(
                    position, self.dilations, self.output, self.strides, strict=True
                )
            )
            yield position, padded[:, :, *cut]


def sliding_windows(call: Call, sizes: tuple[int, ...], kernel: tuple[int, ...]) -> Windows:
    """Windows over spatial `sizes` from strides, pads, dilations, auto_pad and ceil_mode.

    Output extents follow the ONNX operator texts (Conv-22, MaxPool-22): with ceil_mode a last
    window that would begin in the padding behind is left out.
    """
    rank = len(sizes)
    strides = per_axis(call, "strides", rank, 1)
    dilations = per_axis(call, "dilations", rank, 1)
    extents = tuple((k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True))
    before, after = _pads(call, sizes, strides, extents)
    output = []
    spans = zip(sizes, strides, extents, before, after, strict=True)
    for size, stride, extent, front, behind in spans:
        free = size + front + behind - extent
        if free < 0:
            raise call.invalid("the window is larger than the padded input", got=sizes)
        count = free // stride + 1
        if call.integer("ceil_mode", 0) and free % stride and count * stride < size + front:
            count += 1
        output.append(count)
    return Windows(
        kernel=kernel,
        strides=strides,
        dilations=dilations,
        before=before,
        after=after,
        output=tuple(output),
    )


def per_axis(call: Call, name: str, rank: int, default: int) -> tuple[int, ...]:
    """An attribute with one integer per spatial axis, `default` on every axis if it is not set."""
    values = call.integers(name)
    if values is None:
        return (default,) * rank
    if len(values) != rank:
        raise call.invalid(f"attribute {name}", got=values, allowed=f"{rank} integers")
    return values


def explicit_pads(call: Call, rank: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The attribute `pads` as (before, after)."""
    pads = per_axis(call, "pads", 2 * rank, 0)
    return pads[:rank], pads[rank:]


def auto_pad(call: Call) -> str:
    """The attribute `auto_pad`, checked."""
    return call.text("auto_pad", "NOTSET", _AUTO_PAD)


def split_pads(call: Call, totals: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Total padding as (before, after): the odd one behind for SAME_UPPER, else in front."""
    halves = tuple(total // 2 for total in totals)
    others = tuple(total - half for total, half in zip(totals, halves, strict=True))
    return (halves, others) if auto_pad(call) == "SAME_UPPER" else (others, halves)


def _pads(
    call: Call, sizes: tuple[int, ...], strides: tuple[int, ...], extents: tuple[int, ...]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    match auto_pad(call):
        case "NOTSET":
            return explicit_pads(call, len(sizes))
        case "VALID":
            return (0,) * len(sizes), (0,) * len(sizes)
        case _:
            spans = zip(sizes, strides, extents, strict=True)
            totals = tuple(
                max((-(-size // stride) - 1) * stride + extent - size, 0)
                for size, stride, extent in spans
            )
            return split_pads(call, totals)
