"""How much every layer suffers from quantization, and what counts as much."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, ClassVar

from annotated_types import Ge, Gt, Le

from toolchain.core.options.doc import STRICT, Doc


class AnalysisMode(StrEnum):
    """What every layer is fed."""

    PER_LAYER = "per_layer"
    END_TO_END = "end_to_end"


class AnalysisForm(StrEnum):
    """Which quantized form of the model is compared with the float model."""

    QDQ = "qdq"
    REFERENCE = "reference"
    MACHINE = "machine"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisOptions:
    """How the precision of every layer is measured, and which layers are marked."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    enabled: Annotated[
        bool, Doc("True writes `analysis.*` beside the artifact, as `tc analyze` does later.")
    ] = False
    data: Annotated[
        str | Mapping[str, str] | None,
        Doc("Samples, as in `calibration.data`; the calibration samples where left out."),
    ] = None
    samples: Annotated[int, Ge(1), Doc("Samples analysed; fewer where there are fewer.")] = 16
    mode: Annotated[
        AnalysisMode,
        Doc(
            "`per_layer` feeds every layer what the float model has there, quantized; "
            "`end_to_end` lets errors accumulate."
        ),
    ] = AnalysisMode.PER_LAYER
    on: Annotated[
        AnalysisForm,
        Doc(
            "What is compared with float: the integer `reference`, the `qdq` model, or with "
            "`end_to_end` what the `machine` of the target computes."
        ),
    ] = AnalysisForm.REFERENCE
    max_noise: Annotated[
        float,
        Gt(0),
        Doc("Layers with more noise power per signal power are marked (XQuant's SNR)."),
    ] = 0.1
    min_cosine: Annotated[
        float, Gt(0), Le(1), Doc("Layers with a smaller cosine similarity are marked.")
    ] = 0.99
