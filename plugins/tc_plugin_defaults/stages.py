"""What every stage does unless a target's plugin does it otherwise."""

from __future__ import annotations

from toolchain.core.artifacts import CompiledArtifact
from toolchain.core.quant import QuantPlan
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
from toolchain.program.records import Program
from toolchain.quantization.rules import Asked


def default_optimize(request: OptimizeRequest) -> OptimizeResult:
    """All passes that are not skipped, then the proof."""
    from toolchain.graph.optimize import optimize

    model, report = optimize(
        request.source,
        request.destination,
        request.inputs,
        request.options,
        request.passes,
        request.samples,
        request.truncate,
    )
    return OptimizeResult(model=model, report=report)


def default_plan(request: PlanRequest) -> QuantPlan:
    """The plan that follows from the target's facts and from what rules ask."""
    from toolchain.quantization.plan import make_plan

    return make_plan(
        request.graph,
        request.target,
        bias_dtype=request.bias_dtype,
        input_dtype=request.input_dtype,
        fixed=request.fixed,
        precision={name: asked.precision for name, asked in request.asked.items()},
    )


def default_refine(request: RefineRequest) -> dict[str, Asked]:
    """The user's rules by their priorities, over what holds for all nodes."""
    from toolchain.quantization.rules import settle

    return settle(request.options.rules, request.graph, request.target, request.quantize)


def default_quantize(request: QuantizeRequest) -> QuantizeResult:
    """Ranges by the chosen methods, then algorithms, then the QDQ model."""
    from toolchain.quantization.pins import check_pins
    from toolchain.quantization.quantize import Quantization, quantize_model
    from toolchain.quantization.rules import effects

    rules, pins = request.mixed_precision.rules, request.mixed_precision.pins
    rows = (
        *effects(rules, request.asked, request.graph, request.plan, request.target),
        *check_pins(pins, request.graph, request.plan, request.fixed),
    )
    given = Quantization(
        target=request.target,
        stats=request.stats,
        options=request.options,
        methods=request.methods,
        algorithms=request.algorithms,
        fixed=request.fixed,
        asked=request.asked,
        pins=pins,
        samples=request.samples,
        threads=request.threads,
        scratch=request.scratch,
        progress=request.progress,
    )
    result = quantize_model(request.model, request.destination, request.graph, request.plan, given)
    return QuantizeResult(
        model=result.model, params=result.params, report=result.report, effects=rows
    )


def default_lower(request: LowerRequest) -> Program:
    """Integer operations wherever all inputs and the output are quantized."""
    from toolchain.program.lowering import lower

    return lower(request.graph, request.target, request.name)


def default_compile(request: CompileRequest) -> CompiledArtifact:
    """The QDQ model and the integer program, saved."""
    from toolchain.program.package import write_basics

    files = write_basics(
        request.model.path,
        request.program,
        request.folder,
        name=request.name,
        model_name=f"{request.name}.qdq.onnx",
    )
    return CompiledArtifact(folder=request.folder, files=files, program=request.name)


def default_check(request: CheckRequest) -> CheckResult:
    """Float, QDQ and reference on samples."""
    from toolchain.analysis.comparison import compare

    report = compare(
        request.float_model,
        request.qdq_model,
        request.program,
        request.samples,
        request.options,
        threads=request.threads,
        progress=request.progress,
    )
    return CheckResult(report=report)
