"""The part of a value's range that its readers can tell apart.

HardSwish is 0 for everything below -3, so integers spent there are lost. Where all readers of a
value are such functions, its statistics are clamped to what matters before a range is chosen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from toolchain.core.graph_view import GraphView, NodeView
from toolchain.core.stats import TensorStats

_INFINITY = float("inf")

_INTERVALS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "Relu": (0.0, _INFINITY),
        "HardSwish": (-3.0, _INFINITY),
        # Beyond these the function is within 2**-12 of its limit: less than any 8-bit step.
        "Sigmoid": (-8.5, 8.5),
        "Tanh": (-4.6, 4.6),
        "Swish": (-11.0, _INFINITY),
        "Gelu": (-4.0, _INFINITY),
    }
)

_WIDE_INTERVALS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        **_INTERVALS,
        # The same with 2**-20, less than any 16-bit step.
        "Sigmoid": (-14.0, 14.0),
        "Tanh": (-7.4, 7.4),
        "Swish": (-17.0, _INFINITY),
        "Gelu": (-5.5, _INFINITY),
    }
)


def useful_interval(graph: GraphView, value: str, bits: int = 8) -> tuple[float, float]:
    """The interval outside of which no reader of `value` changes its result, else infinite.

    `bits` is the width in which the value is stored.
    """
    uses = graph.uses(value)
    if not uses or value in graph.output_names:
        return -_INFINITY, _INFINITY
    known = _INTERVALS if bits <= 8 else _WIDE_INTERVALS
    intervals = [_interval(use.node, known) if use.position == 0 else None for use in uses]
    found = [interval for interval in intervals if interval is not None]
    if len(found) != len(intervals):
        return -_INFINITY, _INFINITY
    return min(low for low, _ in found), max(high for _, high in found)


def _interval(
    node: NodeView, known: Mapping[str, tuple[float, float]]
) -> tuple[float, float] | None:
    if node.op_type == "Swish" and node.float_attribute("alpha", 1.0) != 1.0:
        return None
    if node.op_type == "HardSigmoid":
        alpha, beta = node.float_attribute("alpha", 0.2), node.float_attribute("beta", 0.5)
        return (-beta / alpha, (1.0 - beta) / alpha) if alpha > 0 else None
    if node.op_type == "Clip":
        low, high = node.constant_input(1), node.constant_input(2)
        if any(v is not None and not v.is_constant for v in node.inputs[1:]):
            return None
        return (
            -_INFINITY if low is None else float(low.reshape(-1)[0]),
            _INFINITY if high is None else float(high.reshape(-1)[0]),
        )
    return known.get(node.op_type)


def clamp(stats: TensorStats, low: float, high: float) -> TensorStats:
    """Statistics as they would be if every element were clamped to [low, high]."""
    if stats.minimum >= low and stats.maximum <= high:
        return stats
    values = (stats.bins.astype(np.uint32) << np.uint32(16)).view(np.float32)
    bounds = np.clip(np.array([low, high]), np.finfo(np.float32).min, np.finfo(np.float32).max)
    patterns = (bounds.astype(np.float32).view(np.uint32) >> np.uint32(16)).astype(np.uint16)
    moved = np.where(values < low, patterns[0], np.where(values > high, patterns[1], stats.bins))
    bins, where = np.unique(moved, return_inverse=True)
    histogram = np.bincount(where, stats.histogram, bins.size).astype(np.int64)
    return replace(
        stats,
        minimum=float(np.clip(stats.minimum, low, high)),
        maximum=float(np.clip(stats.maximum, low, high)),
        bins=bins,
        histogram=histogram,
    )
