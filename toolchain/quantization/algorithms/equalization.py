"""Equalization of channels.

One scale per value serves its largest channel and leaves few integers to the small ones. Dividing
channel c by s[c], and making up for it in the weights around, evens them out (Nagel et al.,
Data-Free Quantization Through Weight Equalization and Bias Correction, 2019, section 4.1; Meller et
al., Same, Same But Different, 2019). Weights of a depthwise reader do not mind; those of a dense
reader become uneven in turn, so only a part of the way is gone: s = r**a for the relative sizes r
of the channels (as Xiao et al., SmoothQuant, 2022), with the a of the least noise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from toolchain.core.graph_view import GraphView, NodeView
from toolchain.core.operators import weight_input
from toolchain.core.quant import QuantPlan, QuantSpec
from toolchain.core.registry import AlgorithmInput, AlgorithmOutput
from toolchain.core.stats import TensorStats
from toolchain.quantization.algorithms.channel_groups import (
    ChannelGroup,
    channel_groups,
    is_depthwise,
)
from toolchain.quantization.groups import sources
from toolchain.quantization.importance import Channels, channel_importance, mean_square

LEAST_GAIN = 2.0
"""How many times smaller the noise of a group must become. Evened channels lose the room that small
ones had for what unseen samples bring, so a small gain is none."""

LEAST_SHARE = 0.05
"""Share of the noise of all values that must be saved: what changes has to be observed again."""

_EXPONENTS = (0.0, 0.25, 0.5, 0.75, 1.0)
_SMALLEST = 1.0 / 64.0
"""No channel is enlarged more than 64 times."""

_Constants = Mapping[str, NDArray[np.float64]]


def equalize(given: AlgorithmInput) -> AlgorithmOutput:
    """New weights and biases around every group of values whose noise falls to a half or less."""
    importance = channel_importance(given.graph, given.stats)
    scene = _Scene(given.graph, given.plan, given.stats, importance)
    constants: dict[str, NDArray[np.float64]] = {}
    changed: dict[ChannelGroup, Channels] = {}
    saved = 0.0
    for group in channel_groups(given.graph, given.plan, given.pinned):
        found = _scales(group, scene, constants)
        if found is not None:
            constants |= _scaled(group, found.scales, constants)
            changed[group] = found.scales
            saved += found.saved
    if saved < LEAST_SHARE * scene.total_noise():
        constants, changed = {}, {}
    return AlgorithmOutput(
        constants={name: array.astype(np.float32) for name, array in constants.items()},
        changed_values=frozenset(name for group in changed for name in group.values),
        summary=f"equalization: {len(changed)} groups of channels",
        channel_scales={
            name: scales.astype(np.float32)
            for group, scales in changed.items()
            for name in group.values
        },
    )


@dataclass(frozen=True, slots=True)
class _Scene:
    """What the noise of a group depends on."""

    graph: GraphView
    plan: QuantPlan
    stats: Mapping[str, TensorStats]
    importance: Mapping[str, Channels]

    def spec(self, value: str) -> QuantSpec:
        """Spec of a stored value."""
        return self.plan.specs[value]

    def total_noise(self) -> float:
        """Rounding noise of all stored values that reaches the outputs."""
        stored = (name for name in self.plan.specs if _is_observed(name, self))
        return sum(_value_noise(name, np.ones(1), self) for name in stored)

    def elements(self, value: str) -> int:
        """Elements per channel; a dimension that is not known counts once."""
        shape = self.graph.values[value].shape or ()
        return prod(dim or 1 for dim in shape[2:])


class _Scaling(NamedTuple):
    """What channels are divided by, the largest 1, and the noise that this saves."""

    scales: Channels
    saved: float


def _scales(group: ChannelGroup, scene: _Scene, constants: _Constants) -> _Scaling | None:
    """The scaling of the least noise, or None where too little would be gained."""
    stored = [name for name in group.values if _is_observed(name, scene)]
    sizes = [scene.stats[name].channel_abs_max.astype(np.float64) for name in stored]
    if not stored or len({size.size for size in sizes}) != 1:
        return None
    relative = np.max([size / size.max() for size in sizes], axis=0)
    relative = np.maximum(np.where(relative > 0.0, relative, 1.0), _SMALLEST)
    tried = [relative**exponent for exponent in _EXPONENTS]
    noise = [
        sum(_value_noise(name, scales, scene) for name in stored)
        + sum(_weight_noise(node, scales, scene, constants) for node in group.readers)
        for scales in tried
    ]
    best = int(np.argmin(noise))
    if best == 0 or noise[best] * LEAST_GAIN > noise[0]:
        return None
    return _Scaling(tried[best], noise[0] - noise[best])


def _is_observed(name: str, scene: _Scene) -> bool:
    seen = scene.stats.get(name)
    known = name in scene.plan.specs and name in scene.importance
    return known and seen is not None and bool(seen.channel_abs_max.any())


def _value_noise(name: str, scales: Channels, scene: _Scene) -> float:
    """Rounding noise of a stored value that reaches the outputs.

    step**2 / 12 in every element, with the step that the largest scaled channel asks for.
    """
    seen, spec = scene.stats[name], scene.spec(name)
    sizes = seen.channel_abs_max.astype(np.float64)
    width = (max(seen.maximum, 0.0) - min(seen.minimum, 0.0)) / sizes.max()
    step = width * (sizes / scales).max() / (spec.qmax - spec.qmin)
    reaching = (scales**2 * scene.importance[name]).sum() * scene.elements(name)
    return float(step**2 / 12.0 * reaching)


def _weight_noise(node: NodeView, scales: Channels, scene: _Scene, constants: _Constants) -> float:
    """Noise of the rounded weights of a dense reader that reaches the outputs.

    step[m]**2 / 12 in every weight of output channel m, times the mean square of its input.
    With one scale per channel, writers and depthwise readers do not depend on `scales`.
    """
    weight, data, result = weight_input(node), node.inputs[0], node.outputs[0].name
    if weight is None or data is None or is_depthwise(node) or result not in scene.importance:
        return 0.0
    seen = scene.stats.get(sources(scene.graph, data.name)[0])
    if seen is None or seen.channel_abs_max.size != scales.size:
        return 0.0
    array = constants.get(weight.name, np.asarray(weight.constant, np.float64))
    rows = _rows(node, array)
    step = np.abs(rows * scales[:, None]).max(axis=(1, 2)) / scene.spec(weight.name).qmax
    inputs = (mean_square(seen) / scales**2).sum() * rows.shape[2]
    power = (step**2 / 12.0 * scene.importance[result]).sum()
    return float(power * inputs * scene.elements(result))


def _rows(node: NodeView, array: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weight as (outputs, inputs, kernel)."""
    if node.op_type == "Gemm":
        return (array if node.int_attribute("transB", 0) else array.T)[:, :, None]
    return array.reshape(*array.shape[:2], -1)


def _scaled(
    group: ChannelGroup, scales: Channels, constants: _Constants
) -> dict[str, NDArray[np.float64]]:
    """Constants around `group`: divided by `scales` where written, multiplied where read."""
    changed: dict[str, NDArray[np.float64]] = {}

    def scale(node: NodeView, position: int, axis: int, factors: Channels) -> None:
        value = node.input(position)
        if value is not None:
            old = changed.get(value.name, constants.get(value.name))
            array = np.asarray(value.constant, np.float64) if old is None else old
            shape = np.ones(array.ndim, np.int64)
            shape[axis] = -1
            changed[value.name] = array * factors.reshape(shape)

    for node in group.writers:
        scale(node, 1, 1 if _is_transposed(node) else 0, 1.0 / scales)
        scale(node, 2, -1, 1.0 / scales)
    for node in group.readers:
        scale(node, 1, 0 if is_depthwise(node) or _is_transposed(node) else 1, scales)
    return changed


def _is_transposed(node: NodeView) -> bool:
    """True for a Gemm that reads its weight as (inputs, outputs)."""
    return node.op_type == "Gemm" and node.int_attribute("transB", 0) == 0
