"""Positions (scale = 2**-position) moved to where the hardware's shifts reach.

One order, so that nothing that is settled moves again: activations until nothing changes (the
input positions of an operator, then what element-wise operators read and write), then weights,
then biases. Values that share parameters move together. The limits are facts of the target
(`ShiftLimits`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toolchain.core.graph_view import GraphView, NodeView
from toolchain.core.operators import data_inputs
from toolchain.core.quant import Edge, ParamSet, QuantParams, QuantPlan
from toolchain.core.target import ShiftLimits, TargetSpec
from toolchain.errors import Code, QuantizationError

ELEMENT_WISE = frozenset({"Add", "Sub", "Mul"})
_MOST_ROUNDS = 100
"""More than the depth of any chain of values that push each other."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Limited:
    """Parameters within the limits, and the values that had to move."""

    params: ParamSet
    moved: frozenset[str]


def limit_activations(
    graph: GraphView,
    plan: QuantPlan,
    params: ParamSet,
    target: TargetSpec,
    pinned: Set[str],
) -> Limited:
    """Parameters of activations, brought within the limits of `target`.

    Raises:
        QuantizationError: A value whose parameters are given would have to move, or two operators
            ask for positions that exclude each other.
    """
    if target.shift_limits is None:
        return Limited(params=params, moved=frozenset())
    positions = _Positions(plan, params, pinned)
    for _ in range(_MOST_ROUNDS):
        before = dict(positions.values)
        for node in graph.nodes:
            _limit_input(node, target, positions)
            if node.op_type in ELEMENT_WISE:
                _limit_element_wise(node, target.shift_limits, positions)
        if positions.values == before:
            return Limited(params=positions.params(), moved=frozenset(positions.moved))
    raise QuantizationError(
        Code.PARAMS_INVALID,
        "The hardware's shift limits cannot all be kept",
        where=", ".join(sorted(positions.moved)[:3]),
        hint="store one of these tensors in float by a mixed-precision rule",
    )


def limited_weight(
    weight: QuantParams, x: QuantParams, y: QuantParams, limits: ShiftLimits
) -> QuantParams:
    """The weight whose cut x + w - y lies within the limits."""
    cut = position_of(x) + position_of(weight) - position_of(y)
    low, high = limits.cut
    return _at(weight, position_of(weight) + np.clip(cut, low, high) - cut)


def limited_bias(
    bias: QuantParams,
    weight: QuantParams,
    x: QuantParams,
    y: QuantParams,
    limits: ShiftLimits,
) -> QuantParams:
    """The bias whose shift x + w - b lies within the limits."""
    accumulator = position_of(x) + position_of(weight)
    cut = accumulator - position_of(y)
    shift = accumulator - position_of(bias)
    lowest = np.minimum(0, cut - limits.bias_below_cut)
    return _at(bias, position_of(bias) - (np.clip(shift, lowest, limits.bias) - shift))


def position_of(params: QuantParams) -> NDArray[np.int64]:
    """-log2(scale), int64 in the shape of the scale, which is a power of two."""
    return np.asarray(1 - np.frexp(params.scale)[1], np.int64)


def _at(params: QuantParams, position: ArrayLike) -> QuantParams:
    scale = np.ldexp(np.float32(1), -np.asarray(position)).astype(np.float32)
    return QuantParams(scale=scale, zero_point=params.zero_point, spec=params.spec)


def _limit_input(node: NodeView, target: TargetSpec, positions: _Positions) -> None:
    support = target.ops.get(node.op_type)
    if support is None or support.input_positions is None:
        return
    low, high = support.input_positions
    for key in positions.read_by(node):
        positions.move(key, min(max(positions.values[key], low), high), node)


def _limit_element_wise(node: NodeView, limits: ShiftLimits, positions: _Positions) -> None:
    keys = list(positions.read_by(node))
    if len(keys) != len(data_inputs(node)):
        return
    coarsest = min(positions.values[key] for key in keys)
    for key in keys:
        positions.move(key, min(positions.values[key], coarsest + limits.read), node)
    result = positions.written_by(node)
    if result is None:
        return
    read = [positions.values[key] for key in keys]
    exponent = sum(read) if node.op_type == "Mul" else min(read)
    low, high = limits.write
    positions.move(
        result, exponent - min(max(exponent - positions.values[result], low), high), node
    )


class _Positions:
    """Positions of all activations under way; lives for the length of one call.

    A key is the representative of a group of values, or an edge that converts.
    """

    def __init__(self, plan: QuantPlan, params: ParamSet, pinned: Set[str]) -> None:
        self._plan = plan
        self._params = params
        self._pinned = pinned
        group = {name: min(members) for members in plan.shared for name in members}
        self._keys: Mapping[str, str] = {name: group.get(name, name) for name in params.values}
        self.values: dict[str | Edge, int] = {
            key: int(position_of(params.values[name])) for name, key in self._keys.items()
        }
        self.values |= {edge: int(position_of(found)) for edge, found in params.edges.items()}
        self.moved: set[str] = set()

    def read_by(self, node: NodeView) -> Iterator[str | Edge]:
        """What `node` reads as integers."""
        for position, value in data_inputs(node):
            edge = Edge(value.name, node.name, position)
            if edge in self._params.edges:
                yield edge
            elif value.name in self._keys and edge not in self._plan.conversions:
                yield self._keys[value.name]

    def written_by(self, node: NodeView) -> str | None:
        """What `node` writes as integers."""
        name = node.outputs[0].name
        return self._keys.get(self._plan.fused.get(name, name))

    def move(self, key: str | Edge, position: int, node: NodeView) -> None:
        """Put `key` at `position`; raises where its parameters are given."""
        if position == self.values[key]:
            return
        members = {key.value} if isinstance(key, Edge) else self._members(key)
        if members & self._pinned:
            raise QuantizationError(
                Code.PARAMS_INVALID,
                "A given scale is beyond what the hardware can shift",
                where=f"{min(members & self._pinned)}, read or written by {node.name}",
                got=f"2**{-self.values[key]}",
                allowed=f"2**{-position}",
            )
        self.values[key] = position
        self.moved |= members

    def _members(self, key: str) -> set[str]:
        return {name for name, own in self._keys.items() if own == key}

    def params(self) -> ParamSet:
        """Everything with the activations at their new positions."""
        moved = {
            name: _at(self._params.values[name], self.values[key])
            for name, key in self._keys.items()
            if name in self.moved
        }
        edges = {
            edge: _at(found, self.values[edge]) if edge.value in self.moved else found
            for edge, found in self._params.edges.items()
        }
        return ParamSet(values={**self._params.values, **moved}, edges=edges)
