"""How ranges become parameters."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, ClassVar

from annotated_types import Ge, Gt, Le

from toolchain.core.dtypes import DType
from toolchain.core.options.doc import STRICT, Doc


class Unsupported(StrEnum):
    """What becomes of an operator that the target cannot run on integers."""

    CPU = "cpu"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizeOptions:
    """How ranges become parameters."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    method: Annotated[
        str,
        Doc(
            "Range method of activations: `default`, `minmax`, `percentile`, `mse`, `kl`, or a "
            "plugin's."
        ),
    ] = "default"
    percentile: Annotated[
        float,
        Gt(0.5),
        Le(1.0),
        Doc("Share of the elements that `percentile` keeps inside the range."),
    ] = 0.9999
    percentile_16bit: Annotated[
        float,
        Gt(0.5),
        Le(1.0),
        Doc("The same for values stored in 16 bits; never less than `percentile`."),
    ] = 0.999999
    activation_dtype: Annotated[
        DType | None,
        Doc("How activations are stored, of the types the target offers; its default if left out."),
    ] = None
    input_dtype: Annotated[
        DType | None,
        Doc("How the model's inputs are stored; as other activations where left out."),
    ] = None
    output_dtype: Annotated[
        DType | None,
        Doc("How the model's outputs are stored; as other activations where left out."),
    ] = None
    weight_dtype: Annotated[
        DType | None,
        Doc("How weights are stored, of the types the target offers; its default where left out."),
    ] = None
    weight_block_size: Annotated[
        int | None,
        Ge(2),
        Doc(
            "So many input channels of a 4-bit weight share one scale, instead of all of an output "
            "channel."
        ),
    ] = None
    weight_method: Annotated[
        str,
        Doc(
            "Range method of weights: `minmax`, `mse`, `gain` (least error, above all of the "
            "size of a filter), or `default`, which is `gain` for 4 bits and else `minmax`."
        ),
    ] = "default"
    min_weight_scale: Annotated[
        float | None,
        Gt(0.0),
        Doc("No weight gets a smaller scale; the target's own smallest one where left out."),
    ] = None
    algorithms: Annotated[
        tuple[str, ...],
        Doc("Algorithms that adjust weights and biases, in this order; empty for none."),
    ] = ("equalization", "bias_correction")
    bias_dtype: Annotated[
        DType | None,
        Doc("How biases are stored, of the types the target offers; its default where left out."),
    ] = None
    precision_level: Annotated[
        int,
        Ge(0),
        Le(3),
        Doc(
            "What stays in float: 0 nothing, 1 Softmax and Sigmoid, 2 also Add, Sub, Mul and Div "
            "of two activations, 3 everything."
        ),
    ] = 0
    unsupported: Annotated[
        Unsupported,
        Doc(
            "An operator the target cannot run on integers runs in float (`cpu`) or is an error "
            "(`error`)."
        ),
    ] = Unsupported.CPU
