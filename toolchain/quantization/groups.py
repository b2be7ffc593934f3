"""Values that must have one set of parameters because a node only moves elements."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from itertools import pairwise

from toolchain.core.graph_view import GraphView, NodeView
from toolchain.core.operators import data_inputs, traits
from toolchain.core.quant import QuantSpec


def shared_groups(
    moving: Iterable[NodeView], specs: Mapping[str, QuantSpec], fixed: Collection[str]
) -> tuple[frozenset[str], ...]:
    """Groups of at least two values, in the order in which the graph reaches them.

    A value of another type than its neighbour, or with fixed parameters, stays out: the target
    rescales between the two.
    """
    parent: dict[str, str] = {}

    def find(value: str) -> str:
        while parent.setdefault(value, value) != value:
            value = parent[value]
        return value

    for node in moving:
        members = [value.name for _, value in data_inputs(node)]
        members += [value.name for value in node.outputs if value.name]
        stored = [name for name in members if name in specs and name not in fixed]
        for first, second in pairwise(stored):
            if specs[first] == specs[second]:
                parent[find(second)] = find(first)
    groups: dict[str, set[str]] = {}
    for value in parent:
        groups.setdefault(find(value), set()).add(value)
    return tuple(frozenset(group) for group in groups.values() if len(group) > 1)


def sources(graph: GraphView, value: str) -> tuple[str, ...]:
    """The values whose elements `value` holds: itself, or what the nodes that only move read."""
    node = graph.producers.get(value)
    if node is None or not traits(node).moves:
        return (value,)
    found = (sources(graph, v.name) for _, v in data_inputs(node))
    return tuple(dict.fromkeys(name for names in found for name in names))
