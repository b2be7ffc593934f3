"""A read-only picture of a model's graph, free of any ONNX library.

`toolchain.graph` makes it; constraints, planning and lowering read it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

from toolchain.core.dtypes import Array, DType

Attribute: TypeAlias = (
    int | float | str | tuple[int, ...] | tuple[float, ...] | tuple[str, ...] | Array
)
"""Value of a node's attribute."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ValueView:
    """One tensor of the graph.

    Attributes:
        name: Unique name of the value.
        dtype: Element type; None where unknown or of no use to a program (strings, sequences).
        shape: Dimensions, None for an unknown one; None where the rank is unknown.
        constant: The array of an initializer, else None.
    """

    name: str
    dtype: DType | None
    shape: tuple[int | None, ...] | None
    constant: Array | None = None

    @property
    def is_constant(self) -> bool:
        """True for initializers."""
        return self.constant is not None

    @property
    def static_shape(self) -> tuple[int, ...] | None:
        """The shape where every dimension is known, else None."""
        if self.shape is None or any(dim is None for dim in self.shape):
            return None
        return tuple(dim for dim in self.shape if dim is not None)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NodeView:
    """One operator.

    Attributes:
        name: Unique and never empty.
        op_type: Operator name in its domain.
        domain: "" for the standard ONNX operators.
        inputs: Values read, None for an optional input left out.
        outputs: Values written; an output nobody named has the name "".
        attributes: Attributes that are set; graphs as attributes are left out.
        has_subgraph: True for control flow.
    """

    name: str
    op_type: str
    domain: str
    inputs: tuple[ValueView | None, ...]
    outputs: tuple[ValueView, ...]
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    has_subgraph: bool = False

    def input(self, index: int) -> ValueView | None:
        """Input number `index`, or None where it is left out."""
        return self.inputs[index] if index < len(self.inputs) else None

    def constant_input(self, index: int) -> Array | None:
        """The array at input `index` if that is an initializer, else None."""
        value = self.input(index)
        return None if value is None else value.constant

    def int_attribute(self, name: str, default: int) -> int:
        """Integer attribute or its default."""
        value = self.attributes.get(name, default)
        return value if isinstance(value, int) else default

    def float_attribute(self, name: str, default: float) -> float:
        """Float attribute or its default."""
        value = self.attributes.get(name, default)
        return float(value) if isinstance(value, (int, float)) else default

    def str_attribute(self, name: str, default: str) -> str:
        """String attribute or its default."""
        value = self.attributes.get(name, default)
        return value if isinstance(value, str) else default

    def ints_attribute(self, name: str, default: tuple[int, ...] = ()) -> tuple[int, ...]:
        """Attribute of several integers or its default."""
        value = self.attributes.get(name, default)
        return tuple(int(v) for v in value) if isinstance(value, tuple) else default


class Use(NamedTuple):
    """Input number `position` of `node`."""

    node: NodeView
    position: int


@dataclass(frozen=True, kw_only=True, eq=False)
class GraphView:
    """A whole graph, nodes in topological order.

    Attributes:
        nodes: All operators, each behind the producers of what it reads.
        inputs: Model inputs (initializers are not among them).
        outputs: Model outputs.
        values: Every value by name.
        metadata: The model's `metadata_props`.
    """

    nodes: tuple[NodeView, ...]
    inputs: tuple[ValueView, ...]
    outputs: tuple[ValueView, ...]
    values: Mapping[str, ValueView]
    metadata: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def node_by_name(self) -> Mapping[str, NodeView]:
        """Nodes by name."""
        return MappingProxyType({node.name: node for node in self.nodes})

    @cached_property
    def producers(self) -> Mapping[str, NodeView]:
        """Value name to the node that writes it; inputs and initializers have none."""
        return MappingProxyType(
            {value.name: node for node in self.nodes for value in node.outputs if value.name}
        )

    @cached_property
    def consumers(self) -> Mapping[str, tuple[Use, ...]]:
        """Value name to all its uses; a value nobody reads is absent."""
        uses: dict[str, list[Use]] = defaultdict(list)
        for node in self.nodes:
            for index, value in enumerate(node.inputs):
                if value is not None:
                    uses[value.name].append(Use(node, index))
        return MappingProxyType({name: tuple(found) for name, found in uses.items()})

    @cached_property
    def output_names(self) -> frozenset[str]:
        """Names of the model outputs."""
        return frozenset(value.name for value in self.outputs)

    def uses(self, value: str) -> tuple[Use, ...]:
        """All uses of a value, empty where there are none."""
        return self.consumers.get(value, ())
