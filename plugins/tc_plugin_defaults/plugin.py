"""Hook implementations; each stage default is a public function of `stages`, free to be wrapped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolchain.api import hookimpl

if TYPE_CHECKING:
    from toolchain.core.artifacts import CompiledArtifact
    from toolchain.core.quant import QuantPlan
    from toolchain.core.registry import (
        AlgorithmDef,
        DataReaderDef,
        MetricDef,
        PassDef,
        PreprocessorDef,
        RangeMethodDef,
    )
    from toolchain.plugin.requests import (
        CheckRequest,
        CheckResult,
        CompileRequest,
        LowerRequest,
        OptimizeRequest,
        OptimizeResult,
        PlanRequest,
        QuantizeRequest,
        QuantizeResult,
        RefineRequest,
    )
    from toolchain.plugin.runners import RunnerDef
    from toolchain.program.records import Program
    from toolchain.quantization.rules import Asked


@hookimpl
def tc_range_methods() -> tuple[RangeMethodDef, ...]:
    """The built-in range methods."""
    from toolchain.calibration.ranges.methods import RANGE_METHODS

    return RANGE_METHODS


@hookimpl
def tc_algorithms() -> tuple[AlgorithmDef, ...]:
    """The built-in algorithms."""
    from toolchain.quantization.algorithms import ALGORITHMS

    return ALGORITHMS


@hookimpl
def tc_data_readers() -> tuple[DataReaderDef, ...]:
    """Folders, archives, list files, `.npy`, `.npz` and raw files."""
    from toolchain.calibration.readers import READERS

    return READERS


@hookimpl
def tc_preprocessors() -> tuple[PreprocessorDef, ...]:
    """`image`, `array` and the presets of vendors."""
    from toolchain.calibration.presets import PREPROCESSORS

    return PREPROCESSORS


@hookimpl
def tc_passes() -> tuple[PassDef, ...]:
    """The built-in simplifications."""
    from toolchain.graph.passes import PASSES

    return PASSES


@hookimpl
def tc_metrics() -> tuple[MetricDef, ...]:
    """`top1`, `top5`, `agreement` and `sqnr`."""
    from toolchain.analysis.metrics import METRICS

    return METRICS


@hookimpl
def tc_optimize(request: OptimizeRequest) -> OptimizeResult:
    """`default_optimize`."""
    from tc_plugin_defaults.stages import default_optimize

    return default_optimize(request)


@hookimpl
def tc_plan_quantization(request: PlanRequest) -> QuantPlan:
    """`default_plan`."""
    from tc_plugin_defaults.stages import default_plan

    return default_plan(request)


@hookimpl
def tc_refine_plan(request: RefineRequest) -> dict[str, Asked]:
    """`default_refine`."""
    from tc_plugin_defaults.stages import default_refine

    return default_refine(request)


@hookimpl
def tc_quantize(request: QuantizeRequest) -> QuantizeResult:
    """`default_quantize`."""
    from tc_plugin_defaults.stages import default_quantize

    return default_quantize(request)


@hookimpl
def tc_lower(request: LowerRequest) -> Program:
    """`default_lower`."""
    from tc_plugin_defaults.stages import default_lower

    return default_lower(request)


@hookimpl
def tc_compile(request: CompileRequest) -> CompiledArtifact:
    """`default_compile`."""
    from tc_plugin_defaults.stages import default_compile

    return default_compile(request)


@hookimpl
def tc_runners() -> list[RunnerDef]:
    """Generated C on this computer."""
    from tc_plugin_defaults.runners import C_RUNNER

    return [C_RUNNER]


@hookimpl
def tc_check(request: CheckRequest) -> CheckResult:
    """`default_check`."""
    from tc_plugin_defaults.stages import default_check

    return default_check(request)
