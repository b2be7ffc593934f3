"""How much of an error in each channel of a value reaches the model's outputs.

Errors of quantization are small and, to a first approximation, independent, so their powers add: an
error of power 1 in channel c of a convolution's input adds the sum over (m, k) of W[m, c, k]**2
times the importance of output channel m. Carried from the outputs back to the inputs this gives
every channel its noise gain (after Sakr, Kim and Shanbhag, Analytical Guarantees on Numerical
Precision of Deep Neural Networks, 2017, with powers of weights in place of gradients). Activation
functions are taken as lines of slope 1: what they hide of an error and what errors of neighbours
have in common about even out. A channel that is always 0 lets nothing through.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from math import prod
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from toolchain.core.graph_view import GraphView, NodeView, ValueView
from toolchain.core.operators import data_inputs, weight_input
from toolchain.core.stats import TensorStats

Channels: TypeAlias = NDArray[np.float64]
"""One number per index of axis 1, or a single one for a value without such an axis."""

_Stats: TypeAlias = Mapping[str, TensorStats]
_Rule: TypeAlias = Callable[[NodeView, Channels, _Stats], Iterator[tuple[ValueView, Channels]]]


def channel_importance(graph: GraphView, stats: Mapping[str, TensorStats]) -> dict[str, Channels]:
    """Importance of every channel of every value from which an output depends, by value.

    An error of mean square e in all elements of channel c adds e * importance[c] * (elements of the
    channel) to the sum of the squared errors of all outputs. Operators without a rule of their own
    hand on the importance of their output, averaged where the channels do not correspond.

    Args:
        graph: The float graph.
        stats: What was observed; gives gates their size and tells channels that are always 0.
    """
    found: dict[str, Channels] = {}
    for value in graph.outputs:
        found[value.name] = np.ones(channels_of(value))
    for node in reversed(graph.nodes):
        known = [value for value in node.outputs if value.name in found]
        if not known:
            continue
        # All readers come later in the graph, so what an output gathered is complete.
        found |= {value.name: _alive(value, found[value.name], stats) for value in known}
        behind = [found[value.name] for value in known]
        first = node.outputs[0]
        whole = behind[0] if len(behind) == 1 else np.full(channels_of(first), _mean(behind))
        for value, share in _RULES.get(node.op_type, _elementwise)(node, whole, stats):
            if not value.is_constant:
                found[value.name] = found.get(value.name, 0.0) + _fitted(share, channels_of(value))
    return found


def channels_of(value: ValueView) -> int:
    """Length of axis 1, or 1 where there is none or it is not known."""
    shape = value.shape or ()
    return (shape[1] or 1) if len(shape) > 1 else 1


def mean_square(stats: TensorStats) -> Channels:
    """Mean square of every channel, estimated: a standard deviation is a quarter of the largest."""
    mean = stats.channel_sum / stats.channel_count
    return np.asarray(mean**2 + (stats.channel_abs_max.astype(np.float64) / 4.0) ** 2)


def _mean(parts: list[Channels]) -> float:
    return float(np.concatenate(parts).mean())


def _alive(value: ValueView, importance: Channels, stats: _Stats) -> Channels:
    """0 for channels in which nothing but 0 was seen: 0 is stored without an error."""
    seen = stats.get(value.name)
    if seen is None or seen.channel_abs_max.size != importance.size:
        return importance
    return np.where(seen.channel_abs_max > 0.0, importance, 0.0)


def _fitted(importance: Channels, channels: int) -> Channels:
    return importance if importance.size == channels else np.full(channels, importance.mean())


def _ratio(result: ValueView, value: ValueView) -> float:
    """Elements of `result` per element of `value`; 1 where a shape is not known."""
    if result.static_shape is None or value.static_shape is None:
        return 1.0
    return prod(result.static_shape) / max(prod(value.static_shape), 1)


def _elementwise(
    node: NodeView, behind: Channels, stats: _Stats
) -> Iterator[tuple[ValueView, Channels]]:
    """Every element of an input goes into so many of the output as there are per input element."""
    del stats
    for _, value in data_inputs(node):
        yield value, behind * _ratio(node.outputs[0], value)


def _average(
    node: NodeView, behind: Channels, stats: _Stats
) -> Iterator[tuple[ValueView, Channels]]:
    """A mean of n elements passes 1/n**2 of the power of each."""
    del stats
    for _, value in data_inputs(node):
        yield value, behind * _ratio(node.outputs[0], value) ** 2


def _concat(
    node: NodeView, behind: Channels, stats: _Stats
) -> Iterator[tuple[ValueView, Channels]]:
    """Each input its own part of the channels, or all of them where another axis is joined."""
    del stats
    values = [value for _, value in data_inputs(node)]
    sizes = [channels_of(value) for value in values]
    joined = sum(sizes) == behind.size
    ends = np.cumsum([0, *sizes])
    for value, start, end in zip(values, ends[:-1], ends[1:], strict=True):
        yield value, behind[start:end] if joined else behind


def _product(
    node: NodeView, behind: Channels, stats: _Stats
) -> Iterator[tuple[ValueView, Channels]]:
    """Each factor is multiplied by the other, of which the mean square is known."""
    values = [value for _, value in data_inputs(node)]
    for value, other in zip(values, reversed(values), strict=True):
        gain = _fitted(_square_of(other, stats), behind.size)
        yield value, behind * gain * _ratio(node.outputs[0], value)


def _square_of(value: ValueView, stats: _Stats) -> Channels:
    if value.constant is not None:
        return np.atleast_1d(np.mean(np.square(value.constant, dtype=np.float64)))
    seen = stats.get(value.name)
    return np.ones(1) if seen is None or seen.channel_sum.size == 0 else mean_square(seen)


def _linear(
    node: NodeView, behind: Channels, stats: _Stats
) -> Iterator[tuple[ValueView, Channels]]:
    """Weighted sums: powers of the weights, from output channels to input channels."""
    weight = weight_input(node)
    powers = None if weight is None else _powers(node, weight)
    data = data_inputs(node)[0][1]
    if powers is None or powers.shape[0] * powers.shape[1] != behind.size:
        yield from _elementwise(node, behind, stats)
        return
    groups, _, inputs = powers.shape
    gains = np.einsum("goi,go->gi", powers, behind.reshape(groups, -1)).reshape(groups * inputs)
    positions = _ratio(node.outputs[0], data) * channels_of(data) / channels_of(node.outputs[0])
    yield data, gains * (positions if node.op_type == "Conv" else 1.0)


def _powers(node: NodeView, weight: ValueView) -> NDArray[np.float64] | None:
    """Squared weights (groups, outputs, inputs), summed over the kernel; None if not understood."""
    array = np.asarray(weight.constant, np.float64) ** 2
    groups = node.int_attribute("group", 1)
    match node.op_type:
        case "Conv":
            parts = array.reshape(groups, array.shape[0] // groups, array.shape[1], -1)
            return np.asarray(parts.sum(axis=3))
        case "ConvTranspose":
            parts = array.reshape(groups, array.shape[0] // groups, array.shape[1], -1)
            return np.asarray(parts.sum(axis=3).transpose(0, 2, 1))
        case _:
            flat = array.ndim == 2 and len(node.outputs[0].shape or ()) == 2
            transposed = node.op_type == "Gemm" and node.int_attribute("transB", 0) == 1
            return (array if transposed else array.T)[None] if flat else None


_RULES: Mapping[str, _Rule] = MappingProxyType(
    {
        **dict.fromkeys(("Conv", "ConvTranspose", "Gemm", "MatMul"), _linear),
        **dict.fromkeys(("AveragePool", "GlobalAveragePool", "ReduceMean"), _average),
        "Concat": _concat,
        "Mul": _product,
    }
)
