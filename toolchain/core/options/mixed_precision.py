"""Where precision differs from the target's default."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from annotated_types import Ge, Gt, Le

from toolchain.core.dtypes import DType
from toolchain.core.options.doc import STRICT, Doc


@dataclass(frozen=True, slots=True, kw_only=True)
class PrecisionRule:
    """Another precision for some nodes; exactly one way of selecting them.

    Rules that name nodes win over rules that name operator types, and those over subgraphs.
    Of two rules of one kind, the later wins.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    nodes: Annotated[
        tuple[str, ...], Doc("Selects nodes by name; `*` stands for any characters.")
    ] = ()
    op_types: Annotated[tuple[str, ...], Doc("Selects nodes by operator type.")] = ()
    start: Annotated[
        tuple[str, ...],
        Doc("Selects the subgraph behind these tensors; `DEFAULT` alone is the whole graph."),
    ] = ()
    end: Annotated[
        tuple[str, ...], Doc("Where the subgraph of `start` ends; empty runs to the outputs.")
    ] = ()
    input_dtype: Annotated[DType | None, Doc("Type in which the nodes read their activations.")] = (
        None
    )
    output_dtype: Annotated[DType | None, Doc("Type in which the nodes store their outputs.")] = (
        None
    )
    weight_dtype: Annotated[DType | None, Doc("Type in which their weights are stored.")] = None
    precision_level: Annotated[
        int | None,
        Ge(0),
        Le(3),
        Doc("`quantize.precision_level` for these nodes; a dtype that a rule sets wins over it."),
    ] = None
    method: Annotated[str | None, Doc("Range method of their outputs.")] = None
    percentile: Annotated[
        float | None,
        Gt(0.5),
        Le(1.0),
        Doc("Percentile of their outputs in any type, with the method `percentile`."),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RangePin:
    """Parameters of one tensor given by hand, either `scale` (and `zero_point`) or `min` and `max`.

    A list gives one number per channel, for weights that are stored per channel.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    tensor: Annotated[str, Doc("Name of the tensor.")]
    scale: Annotated[float | tuple[float, ...] | None, Doc("Scale, > 0.")] = None
    zero_point: Annotated[
        int | tuple[int, ...] | None, Doc("Zero point, with `scale`; 0 where left out.")
    ] = None
    min: Annotated[float | tuple[float, ...] | None, Doc("Lower end of the range.")] = None
    max: Annotated[float | tuple[float, ...] | None, Doc("Upper end of the range.")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MixedPrecisionOptions:
    """Where precision differs from the target's default."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    rules: Annotated[
        tuple[PrecisionRule, ...], Doc("Rules by node, operator type or subgraph.")
    ] = ()
    pins: Annotated[tuple[RangePin, ...], Doc("Parameters given by hand.")] = ()
