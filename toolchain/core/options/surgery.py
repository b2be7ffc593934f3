"""What is changed in the model before anything else is done with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, TypeAlias

from annotated_types import Ge, MinLen

from toolchain.core.options.doc import STRICT, Doc

AttributeValue: TypeAlias = (
    int | float | str | tuple[int, ...] | tuple[float, ...] | tuple[str, ...]
)
"""What an operator's attribute can be set to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodePatch:
    """Other attributes for one operator."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    name: Annotated[
        str, Doc("Name of the node in the file; a node without one goes by its first output.")
    ]
    attributes: Annotated[
        Mapping[str, AttributeValue],
        Doc("Attributes to set; the others stay. The operator must have them."),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConstantPatch:
    """Other numbers for one constant, from either `data` or `file`; its shape and type stay."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    name: Annotated[str, Doc("Name of an initializer, or of the output of a Constant node.")]
    data: Annotated[
        tuple[int | float, ...] | None, Doc("The numbers, in order; booleans are 0 and 1.")
    ] = None
    file: Annotated[
        str | None,
        Doc("Their file: `.npy`, `.bin` (the constant's own type, little-endian), or `.txt`."),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SurgeryOptions:
    """What is changed in the model before anything else is done with it.

    Names in this section are those of the file; everywhere else the new names of inputs and
    outputs count.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    nodes: Annotated[tuple[NodePatch, ...], Doc("Operators whose attributes are set.")] = ()
    constants: Annotated[tuple[ConstantPatch, ...], Doc("Constants that get other numbers.")] = ()
    input_shapes: Annotated[
        Mapping[Annotated[str, MinLen(1)], tuple[Annotated[int, Ge(1)], ...]],
        Doc(
            "Shapes for model inputs other than those the file fixes, batch first, by their names."
        ),
    ] = field(default_factory=dict)
    rename_inputs: Annotated[
        Mapping[Annotated[str, MinLen(1)], Annotated[str, MinLen(1)]],
        Doc("New names of model inputs, by the old ones."),
    ] = field(default_factory=dict)
    rename_outputs: Annotated[
        Mapping[Annotated[str, MinLen(1)], Annotated[str, MinLen(1)]],
        Doc("New names of model outputs, by the old ones."),
    ] = field(default_factory=dict)
    outputs: Annotated[
        tuple[str, ...], Doc("Tensors that become further outputs, behind the model's own.")
    ] = ()
    truncate: Annotated[
        tuple[str, ...],
        Doc(
            "Tensors that cut the graph in two. What stands behind them is neither optimized nor "
            "quantized: it runs in float, and the model keeps its outputs."
        ),
    ] = ()
