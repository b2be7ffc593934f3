"""A small matcher for subgraphs: patterns are trees that are held against what computes a value.

    x = Var("x")
    for match in find(model, Op("Mul", x, Op("Sigmoid", x))):
        rewrite(match.root, "Swish", [match["x"]])

Operands of commutative operators match in either order. A match is refused where an inner value is
read by others or is a model output.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from toolchain.graph.tensors import scalar_of

if TYPE_CHECKING:
    import onnx_ir as ir

TOLERANCE = 1e-4
"""How far a constant may be from the number that a pattern names."""
_COMMUTATIVE = frozenset({"Add", "Mul", "Min", "Max"})


@dataclass(frozen=True, slots=True)
class Var:
    """Any value; the same one wherever the name occurs."""

    name: str


@dataclass(frozen=True, slots=True)
class Number:
    """A constant of one element that equals `value` within the tolerance."""

    value: float


@dataclass(frozen=True, slots=True)
class OneOf:
    """Whichever of several patterns matches."""

    choices: tuple[Pattern, ...]


class Op:
    """An operator with exactly these inputs, and attributes that satisfy `where`."""

    __slots__ = ("inputs", "op_type", "where")

    def __init__(
        self, op_type: str, *inputs: Pattern, where: Callable[[ir.Node], bool] | None = None
    ) -> None:
        self.op_type = op_type
        self.inputs = inputs
        self.where = where


Pattern: TypeAlias = "Var | Number | OneOf | Op"


@dataclass(frozen=True, slots=True)
class Match:
    """Nodes that match a pattern, the last of the subgraph first, and the values of its Vars."""

    nodes: tuple[ir.Node, ...] = ()
    values: Mapping[str, ir.Value] = field(default_factory=dict)

    def __getitem__(self, name: str) -> ir.Value:
        """The value that `Var(name)` stands for."""
        return self.values[name]

    @property
    def root(self) -> ir.Node:
        """The node whose output the whole pattern computes."""
        return self.nodes[0]


def one_of(*choices: Pattern) -> OneOf:
    """Whichever of `choices` matches, tried in this order."""
    return OneOf(choices)


def product(*factors: Pattern) -> OneOf:
    """The product of three factors in any order and grouping."""
    a, b, c = factors
    return one_of(
        Op("Mul", Op("Mul", a, b), c), Op("Mul", Op("Mul", a, c), b), Op("Mul", Op("Mul", b, c), a)
    )


def scaled(pattern: Pattern, factor: float) -> OneOf:
    """`pattern` times a constant, written as a product or as a quotient."""
    return one_of(Op("Mul", pattern, Number(factor)), Op("Div", pattern, Number(1.0 / factor)))


def find(model: ir.Model, pattern: Pattern) -> Iterator[Match]:
    """Matches in the main graph, in its order; the caller may rewrite each before the next."""
    for node in list(model.graph):
        if node.graph is None or len(node.outputs) != 1:
            continue
        found = _first(match for match in _match(pattern, node.outputs[0], Match()))
        if found is not None:
            yield found


def _first(matches: Iterator[Match]) -> Match | None:
    return next((match for match in matches if match.nodes and _is_closed(match)), None)


def _is_closed(match: Match) -> bool:
    """True if nothing outside reads an inner value."""
    nodes = set(match.nodes)
    inner = [value for node in match.nodes[1:] for value in node.outputs]
    return all(
        not value.is_graph_output() and all(use.node in nodes for use in value.uses())
        for value in inner
    )


def _match(pattern: Pattern, value: ir.Value | None, match: Match) -> Iterator[Match]:
    if value is None:
        return
    if isinstance(pattern, Var):
        if match.values.get(pattern.name, value) is value:
            yield Match(match.nodes, {**match.values, pattern.name: value})
    elif isinstance(pattern, Number):
        number = scalar_of(value)
        if number is not None and abs(number - pattern.value) <= TOLERANCE:
            yield match
    elif isinstance(pattern, OneOf):
        for choice in pattern.choices:
            yield from _match(choice, value, match)
    else:
        yield from _match_op(pattern, value, match)


def _match_op(pattern: Op, value: ir.Value, match: Match) -> Iterator[Match]:
    node = value.producer()
    if node is None or (node.domain, node.op_type) != ("", pattern.op_type):
        return
    inputs = list(node.inputs)
    if len(inputs) != len(pattern.inputs) or not (pattern.where is None or pattern.where(node)):
        return
    reached = Match(tuple(dict.fromkeys((*match.nodes, node))), match.values)
    yield from _match_all(pattern.inputs, inputs, reached)
    if pattern.op_type in _COMMUTATIVE and len(inputs) == 2:
        yield from _match_all(pattern.inputs, inputs[::-1], reached)


def _match_all(
    patterns: tuple[Pattern, ...], values: list[ir.Value | None], match: Match
) -> Iterator[Match]:
    if not patterns:
        yield match
        return
    for first in _match(patterns[0], values[0], match):
        yield from _match_all(patterns[1:], values[1:], first)
