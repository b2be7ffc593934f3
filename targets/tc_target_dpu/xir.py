"""Graphs of XIR, the vendor's intermediate representation, and their file: `.xmodel`.

Numbers of fields and types are those of its public schema, `graph_proto_v2` of Vitis AI.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TypeAlias

from tc_target_dpu import wire


class Kind(IntEnum):
    """Element types."""

    XINT = 2
    """Fixed point."""
    FLOAT = 4


Attribute: TypeAlias = bool | int | float | str | bytes | tuple[int, ...]
"""Value of an attribute; an integer is 32 bits wide, and so are those of a tuple."""

Attributes: TypeAlias = Mapping[str, Attribute]


@dataclass(frozen=True, slots=True, kw_only=True)
class XirTensor:
    """What an operator computes.

    Attributes:
        name: Its name.
        shape: Channels last.
        kind: Element type.
        bits: Bits of an element.
        attributes: For fixed point, its position and rounding.
    """

    name: str
    shape: tuple[int, ...]
    kind: Kind
    bits: int
    attributes: Attributes = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class XirOperator:
    """An operator.

    Attributes:
        name: Unique name.
        type: Operator of XIR, as "conv2d-fix".
        attributes: Its attributes.
        arguments: Names of the operators that it reads, by argument.
        output: What it computes.
    """

    name: str
    type: str
    output: XirTensor
    attributes: Attributes = field(default_factory=dict)
    arguments: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class XirSubgraph:
    """Operators for one device.

    Attributes:
        name: Unique name.
        device: USER, CPU or DPU.
        operators: Their names, in order.
    """

    name: str
    device: str
    operators: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class XirGraph:
    """A model.

    Attributes:
        name: Its name.
        operators: Each after all that it reads.
        subgraphs: Parts that run one after the other; every operator is in one.
        attributes: Of the whole.
    """

    name: str
    operators: tuple[XirOperator, ...]
    subgraphs: tuple[XirSubgraph, ...]
    attributes: Attributes = field(default_factory=dict)


def encode_graph(graph: XirGraph) -> bytes:
    """The graph as a file; equal graphs are equal bytes."""
    root = wire.text(1, "root") + b"".join(
        wire.content(10, _subgraph(each)) for each in graph.subgraphs
    )
    return b"".join(
        (
            wire.text(1, graph.name),
            *(wire.content(5, _operator(each)) for each in graph.operators),
            wire.content(10, root),
            _attributes(11, graph.attributes),
        )
    )


def _operator(op: XirOperator) -> bytes:
    arguments = (
        wire.content(4, wire.text(1, name) + b"".join(wire.text(2, each) for each in read))
        for name, read in op.arguments.items()
    )
    return b"".join(
        (
            wire.text(1, op.name),
            wire.text(2, op.type),
            _attributes(3, op.attributes),
            *arguments,
            wire.content(5, _tensor(op.output)),
        )
    )


def _tensor(tensor: XirTensor) -> bytes:
    return b"".join(
        (
            wire.text(1, tensor.name),
            wire.integers(2, tensor.shape),
            wire.integer(5, tensor.kind),
            wire.integer(6, tensor.bits),
            _attributes(10, tensor.attributes),
        )
    )


def _subgraph(graph: XirSubgraph) -> bytes:
    return b"".join(
        (
            wire.text(1, graph.name),
            *(wire.text(3, name) for name in graph.operators),
            _attributes(5, {"device": graph.device}),
        )
    )


def _attributes(number: int, attributes: Attributes) -> bytes:
    return wire.mapping(number, {name: _value(each) for name, each in attributes.items()})


def _value(value: Attribute) -> bytes:
    """An attribute by its type."""
    match value:
        case bool():
            return wire.integer(4, value)
        case int():
            return wire.integer(5, value)
        case float():
            return wire.fixed32(9, struct.pack("<f", value))
        case str():
            return wire.text(11, value)
        case bytes():
            return wire.content(12, wire.content(1, value))
    return wire.content(14, wire.integers(1, value))
