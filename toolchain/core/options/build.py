"""One build for one target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from toolchain.core.options.check import CheckOptions
from toolchain.core.options.compile import CompileOptions
from toolchain.core.options.inputs import InputOptions
from toolchain.core.options.mixed_precision import MixedPrecisionOptions
from toolchain.core.options.optimize import OptimizeOptions
from toolchain.core.options.quantize import QuantizeOptions
from toolchain.core.options.samples import CalibrationOptions, EvaluationOptions
from toolchain.core.options.surgery import SurgeryOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildOptions:
    """One build for one target, all overlays applied, all paths absolute.

    Attributes:
        target_options: The target's own record, of the type its `TargetDef` names.
    """

    model: str
    output: str
    target: str
    platform: str
    input: tuple[InputOptions, ...]
    surgery: SurgeryOptions
    optimize: OptimizeOptions
    calibration: CalibrationOptions
    evaluation: EvaluationOptions | None
    quantize: QuantizeOptions
    mixed_precision: MixedPrecisionOptions
    compile: CompileOptions
    check: CheckOptions
    target_options: Any
