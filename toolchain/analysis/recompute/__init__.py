"""One element of an operation's output, computed again from its inputs (docs/numerics.md, 2 to 9).

What sums products or scales integers is written down here directly, with Python's integers and
fractions over the few elements that count: it shares nothing with the interpreter's loops. What has
no accumulator (tables, softmax, normalization, resampling, moves, floats) is what the interpreter
makes of the operation on its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from toolchain.analysis.recompute import arithmetic, blocked, products
from toolchain.analysis.recompute.alone import alone
from toolchain.analysis.recompute.element import Element, Place
from toolchain.program.records import (
    Binary,
    BlockedConv,
    BlockedMatMul,
    Conv,
    ConvTranspose,
    Dequantize,
    MatMul,
    Operation,
    Pool,
    Quantize,
    Reduce,
    ReduceKind,
    Rescale,
    Slope,
)

__all__ = ["Element", "Place", "recompute"]

_DIRECT: Mapping[type[Operation], Callable[[Any, Place], Element]] = {
    Conv: products.conv,
    ConvTranspose: products.conv_transpose,
    MatMul: products.matmul,
    BlockedConv: blocked.blocked_conv,
    BlockedMatMul: blocked.blocked_matmul,
    Binary: arithmetic.binary,
    Pool: arithmetic.pool,
    Reduce: arithmetic.reduce_sum,
    Rescale: arithmetic.rescale,
    Slope: arithmetic.slope,
    Quantize: arithmetic.quantize,
    Dequantize: arithmetic.dequantize,
}


def recompute(place: Place) -> Element:
    """What the rule of its operation makes of a place."""
    op = place.op
    direct = _DIRECT.get(type(op))
    if direct is None or (isinstance(op, Reduce) and op.kind is not ReduceKind.SUM):
        return alone(place)
    return direct(op, place)
