"""Where the windows of float convolutions and poolings lie, from ONNX's attributes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolchain.codegen.emitters.floats.attributes import integers, text

if TYPE_CHECKING:
    from toolchain.program.records import FloatOp


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """Windows over spatial axes; tuples have one entry per axis.

    Attributes:
        name: Of the operator.
        strides: Steps from window to window.
        pads: Padding in front of all axes, then behind them.
        dilations: Steps from position to position.
    """

    name: str
    strides: tuple[int, ...]
    pads: tuple[int, ...]
    dilations: tuple[int, ...]


def sliding(op: FloatOp, kernel: tuple[int, ...], sizes: tuple[int, ...]) -> Windows:
    """Windows of a convolution or pooling over spatial `sizes`."""
    ones = (1,) * len(kernel)
    strides = integers(op, "strides", ones)
    dilations = integers(op, "dilations", ones)
    padding = text(op, "auto_pad", "NOTSET")
    pads = (0,) * (2 * len(kernel))
    if padding == "NOTSET":
        pads = integers(op, "pads", pads)
    elif padding.startswith("SAME"):
        spans = zip(sizes, kernel, strides, dilations, strict=True)
        pads = _split(
            op, tuple(max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0) for n, k, s, d in spans)
        )
    return Windows(name=op.name, strides=strides, pads=pads, dilations=dilations)


def transposed(
    op: FloatOp, kernel: tuple[int, ...], sizes: tuple[int, ...], results: tuple[int, ...]
) -> Windows:
    """Windows of a transposed convolution: `pads` are cut from what all inputs reach together."""
    ones, none = (1,) * len(kernel), (0,) * len(kernel)
    strides = integers(op, "strides", ones)
    dilations = integers(op, "dilations", ones)
    pads = integers(op, "pads", none + none)
    if text(op, "auto_pad", "NOTSET").startswith("SAME") or integers(op, "output_shape"):
        extra = integers(op, "output_padding", none)
        spans = zip(sizes, kernel, strides, dilations, extra, results, strict=True)
        pads = _split(
            op,
            tuple(
                max((n - 1) * s + (k - 1) * d + 1 + more - result, 0)
                for n, k, s, d, more, result in spans
            ),
        )
    return Windows(name=op.name, strides=strides, pads=pads, dilations=dilations)


def _split(op: FloatOp, totals: tuple[int, ...]) -> tuple[int, ...]:
    """Total padding of every axis in two: the odd one behind for SAME_UPPER, else in front."""
    halves = tuple(total // 2 for total in totals)
    others = tuple(total - half for total, half in zip(totals, halves, strict=True))
    return halves + others if text(op, "auto_pad", "NOTSET") == "SAME_UPPER" else others + halves
