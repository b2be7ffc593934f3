"""The target's own options, and what they change in its facts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Annotated

from annotated_types import Ge

from toolchain.api import Requantization, ScaleKind, TargetSpec
from toolchain.core.options.doc import Doc


class Quantization(StrEnum):
    """How the fixed-point numbers are scaled."""

    RADIX_SCALE = "radix_scale"
    RADIX = "radix"


@dataclass(frozen=True, slots=True, kw_only=True)
class KdpOptions:
    """Options of `[target.kdp.options]`."""

    quantization: Annotated[
        Quantization,
        Doc(
            "`radix_scale`: a radix and a scale from 1 to 2 per tensor or channel; `radix`: powers "
            "of two only."
        ),
    ] = Quantization.RADIX_SCALE
    dma_bandwidth: Annotated[
        float,
        Ge(0),
        Doc("Bandwidth of the DDR in Gbit/s that the evaluation reckons with; 0: the machine's."),
    ] = 0.0
    weight_bandwidth: Annotated[
        float,
        Ge(0),
        Doc("What loading weights may use of it, in Gbit/s; 0: all."),
    ] = 0.0


def configure(spec: TargetSpec, options: KdpOptions) -> TargetSpec:
    """The facts with the scales and requantization that are asked for."""
    if options.quantization is Quantization.RADIX_SCALE:
        return spec
    return replace(
        spec,
        activation=replace(spec.activation, scale_kind=ScaleKind.POWER_OF_TWO),
        weight=replace(spec.weight, scale_kind=ScaleKind.POWER_OF_TWO),
        requantization=Requantization.SHIFT,
    )
