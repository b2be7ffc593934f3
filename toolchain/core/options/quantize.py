"""How ranges become parameters."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, ClassVar

from annotated_types import Gt, Le

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
    weight_method: Annotated[str, Doc("Range method of weights: `minmax` or `mse`.")] = "minmax"
    algorithms: Annotated[
        tuple[str, ...],
        Doc("Algorithms that adjust weights and biases, in this order; empty for none."),
    ] = ("equalization", "bias_correction")
    bias_dtype: Annotated[
        DType | None,
        Doc("How biases are stored, of the types the target offers; its default where left out."),
    ] = None
    unsupported: Annotated[
        Unsupported,
        Doc(
            "An operator the target cannot run on integers runs in float (`cpu`) or is an error "
            "(`error`)."
        ),
    ] = Unsupported.CPU
