"""The hooks. Collecting hooks gather records of all plugins; stage hooks answer for one target.

A stage hook is offered to the selected target's plugin first, then to target-independent plugins,
then to the defaults; the first answer that is not None counts. An implementation may leave out
arguments that it does not use.
"""

from __future__ import annotations

from collections.abc import Iterable

from toolchain.core.artifacts import CompiledArtifact
from toolchain.core.quant import QuantPlan
from toolchain.core.registry import (
    AlgorithmDef,
    CostModelDef,
    DataReaderDef,
    MetricDef,
    PassDef,
    PreprocessorDef,
    RangeMethodDef,
)
from toolchain.core.target import TargetDef
from toolchain.plugin.markers import hookspec
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


@hookspec
def tc_targets() -> Iterable[TargetDef]:  # type: ignore[empty-body]
    """Targets that the plugin adds.

    Example:
        @hookimpl
        def tc_targets():
            return [TargetDef(spec=SPEC)]
    """


@hookspec
def tc_range_methods() -> Iterable[RangeMethodDef]:  # type: ignore[empty-body]
    """Range methods for `quantize.method`.

    Example:
        @hookimpl
        def tc_range_methods():
            return [RangeMethodDef(name="half", summary="Half of the extremes", function=half)]
    """


@hookspec
def tc_algorithms() -> Iterable[AlgorithmDef]:  # type: ignore[empty-body]
    """Algorithms for `quantize.algorithms`.

    Example:
        @hookimpl
        def tc_algorithms():
            return [AlgorithmDef(name="equalize", summary="Cross-layer equalization", function=run)]
    """


@hookspec
def tc_data_readers() -> Iterable[DataReaderDef]:  # type: ignore[empty-body]
    """Kinds of sample sources; the first whose `accepts` says yes opens a `SourceRequest`.

    Example:
        @hookimpl
        def tc_data_readers():
            return [DataReaderDef(name="hdf5", summary="HDF5 files", accepts=is_hdf5, open=Hdf5)]
    """


@hookspec
def tc_preprocessors() -> Iterable[PreprocessorDef]:  # type: ignore[empty-body]
    """Preprocessors for `input.preprocess`.

    Example:
        @hookimpl
        def tc_preprocessors():
            return [PreprocessorDef(name="log_mel", summary="Log-mel features", function=log_mel)]
    """


@hookspec
def tc_passes() -> Iterable[PassDef]:  # type: ignore[empty-body]
    """Passes that simplify the float graph, in place; every build proves them harmless.

    Example:
        @hookimpl
        def tc_passes():
            return [PassDef(name="drop_debug", summary="Drops debug outputs", function=drop)]
    """


@hookspec
def tc_metrics() -> Iterable[MetricDef]:  # type: ignore[empty-body]
    """Metrics for `evaluation.metric`.

    Example:
        @hookimpl
        def tc_metrics():
            return [MetricDef(name="recall", summary="Recall of class 1", function=recall)]
    """


@hookspec
def tc_runners() -> Iterable[RunnerDef]:  # type: ignore[empty-body]
    """Ways to execute artifacts, for `tc run --runner` and the check.

    Example:
        @hookimpl
        def tc_runners():
            return [
                RunnerDef(
                    name="board",
                    summary="The board on my desk",
                    open=connect,
                    missing=unplugged,
                    targets=("riscv",),
                )
            ]
    """


@hookspec
def tc_cost_models() -> Iterable[CostModelDef]:  # type: ignore[empty-body]
    """Estimates of how long programs take on chips of one target; reports show them as such.

    A model gets what is counted of all operations, and a number of cores. The first model of a chip
    is asked, for one core and for all of the chip's.

    Example:
        @hookimpl
        def tc_cost_models():
            return [
                CostModelDef(
                    name="board",
                    summary="The board with our runtime",
                    target="board",
                    platforms=("b1",),
                    function=estimate,
                    sources=("rates: data sheet, table 3",),
                )
            ]
    """


@hookspec(firstresult=True)
def tc_optimize(request: OptimizeRequest) -> OptimizeResult | None:
    """Simplify the float model; most plugins add a pass by `tc_passes` instead.

    Example:
        @hookimpl
        def tc_optimize(request):
            return default_optimize(replace(request, passes=only_mine(request.passes)))
    """


@hookspec(firstresult=True)
def tc_plan_quantization(request: PlanRequest) -> QuantPlan | None:
    """Decide which value is stored how; facts in `TargetSpec` are usually enough.

    Example:
        @hookimpl
        def tc_plan_quantization(request):
            return default_plan(request).with_changes(specs={"logits": None})
    """


@hookspec(firstresult=True)
def tc_refine_plan(request: RefineRequest) -> dict[str, Asked] | None:
    """Settle mixed-precision rules into what is asked of each node, by node name.

    Example:
        @hookimpl
        def tc_refine_plan(request):
            return {**default_refine(request), **keep_first_layer(request.graph)}
    """


@hookspec(firstresult=True)
def tc_quantize(request: QuantizeRequest) -> QuantizeResult | None:
    """Choose all parameters and write the QDQ model.

    Example:
        @hookimpl
        def tc_quantize(request):
            return default_quantize(request)
    """


@hookspec(firstresult=True)
def tc_lower(request: LowerRequest) -> Program | None:
    """Turn the QDQ model into an integer program.

    Example:
        @hookimpl
        def tc_lower(request):
            return default_lower(request)
    """


@hookspec(firstresult=True)
def tc_compile(request: CompileRequest) -> CompiledArtifact | None:
    """Write the target's files into `request.folder`; without an answer only the program is saved.

    Example:
        @hookimpl
        def tc_compile(request):
            artifact = default_compile(request)
            (request.folder / "board.txt").write_text(request.platform)
            return replace(artifact, files={**artifact.files, "board.txt": "board name"})
    """


@hookspec(firstresult=True)
def tc_check(request: CheckRequest) -> CheckResult | None:
    """Compare float model, QDQ model and program.

    Example:
        @hookimpl
        def tc_check(request):
            return default_check(request)
    """
