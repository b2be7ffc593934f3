"""A build: the stages in order, for every target, then what they made is published."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from toolchain.config.resolve import ResolvedConfig
from toolchain.core.artifacts import ModelArtifact
from toolchain.core.check_report import CheckReport
from toolchain.core.cost import CostReport
from toolchain.core.diagnostics import Diagnostic
from toolchain.core.options import BuildOptions
from toolchain.core.progress import Progress
from toolchain.core.reports import (
    AccuracyReport,
    AnalysisReport,
    CalibrationReport,
    FileRow,
    OptimizeReport,
    QuantReport,
    RuleEffect,
)
from toolchain.errors import Code, ConfigError, ModelError
from toolchain.graph.read import is_compressed
from toolchain.graph.save import model_digest
from toolchain.pipeline.context import BuildContext, BuildState
from toolchain.pipeline.digests import source_digest
from toolchain.pipeline.integrity import file_digest
from toolchain.pipeline.names import require_names
from toolchain.pipeline.processors import processors_of
from toolchain.pipeline.publish import ReportTexts, publish
from toolchain.pipeline.stages import (
    analyze,
    check,
    compile,
    mixed_precision,
    optimize,
    quantize,
)
from toolchain.pipeline.stages.labelled import labelled_samples
from toolchain.pipeline.stages.samples import require_sources
from toolchain.pipeline.study import build_study
from toolchain.pipeline.surgery import with_surgery
from toolchain.pipeline.tampering import verify_inputs
from toolchain.pipeline.workspace import Workspace
from toolchain.plugin.facade import TargetHooks
from toolchain.plugin.manager import PluginManager
from toolchain.quantization.roles import check_types
from toolchain.render.machine.tables import batch_lines, study_data
from toolchain.render.machine.text import machine_blocks
from toolchain.render.markdown import build_page
from toolchain.render.report_page import report_page

StageFunction = Callable[[BuildContext, BuildState], BuildState]

STAGES: Mapping[str, StageFunction] = MappingProxyType(
    {
        optimize.NAME: optimize.run,
        quantize.NAME: quantize.run,
        mixed_precision.NAME: mixed_precision.run,
        compile.NAME: compile.run,
        check.NAME: check.run,
        analyze.NAME: analyze.run,
    }
)
"""The stages in the order in which they run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetResult:
    """One target's build; a report is None where its stage did not run.

    Attributes:
        cached: Stages whose result was taken from the cache.
        machine: What the model of the machine says of every batch that was compiled.
    """

    target: str
    platform: str
    optimize: OptimizeReport | None
    calibration: CalibrationReport | None
    quantize: QuantReport | None
    effects: tuple[RuleEffect, ...]
    cost: CostReport | None
    check: CheckReport | None
    accuracy: AccuracyReport | None
    analysis: AnalysisReport | None
    files: tuple[FileRow, ...]
    diagnostics: tuple[Diagnostic, ...]
    cached: tuple[str, ...]
    machine: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildResult:
    """What a build made: the output folder, with a folder per target in it."""

    output: Path
    targets: tuple[TargetResult, ...]


def build(
    resolved: ResolvedConfig,
    *,
    manager: PluginManager,
    progress: Progress,
    until: str | None = None,
) -> BuildResult:
    """Build every target of `resolved`, up to the stage `until` or to the end.

    A target whose check fails is published as `TARGET.failed`, so that what an earlier build
    published stays; the result says so, and raising is the caller's.

    Raises:
        ToolchainError: Whatever a stage finds wrong; finished stages stay in the cache.
    """
    if until is not None and until not in STAGES:
        raise ConfigError(
            Code.BAD_VALUE,
            "There is no stage of this name",
            where="until",
            got=until,
            allowed=", ".join(STAGES),
        )
    output = Path(resolved.builds[0].output)
    workspace = Workspace(output)
    workspace.open()
    results = tuple(
        _build_target(options, resolved, workspace, manager, progress, until)
        for options in resolved.builds
    )
    return BuildResult(output=output, targets=results)


def _build_target(
    options: BuildOptions,
    resolved: ResolvedConfig,
    workspace: Workspace,
    manager: PluginManager,
    progress: Progress,
    until: str | None,
) -> TargetResult:
    context = open_context(options, workspace, manager, progress)
    if options.evaluation is not None:
        labelled_samples(context, options.evaluation)  # what is wrong with labels is said first
    state = run_stages(context, until)
    result = TargetResult(
        target=options.target,
        platform=options.platform,
        optimize=state.optimize_report,
        calibration=state.calibration_report,
        quantize=state.quant_report,
        effects=state.effects,
        cost=state.cost_report,
        check=state.check_report,
        accuracy=state.accuracy_report,
        analysis=state.analysis_report,
        files=(),
        diagnostics=state.diagnostics,
        cached=(),
    )
    study = build_study(context, state)
    if study is not None:
        limit = options.compile.max_dynamic_batch_size
        result = replace(result, machine=batch_lines(study, limit))
    report = ReportTexts(
        text=build_page(result, () if study is None else machine_blocks(study)),
        page=report_page(result, study),
        machine=None if study is None else study_data(study),
    )
    files = publish(context, state, resolved, report)
    return replace(result, files=files, cached=state.cached)


def run_stages(context: BuildContext, until: str | None = None) -> BuildState:
    """Run the stages of one target up to `until`, or all; nothing is published."""
    state = BuildState()
    for name, run in STAGES.items():
        before, state = state, run(context, state)
        verify_inputs(context, before, state, name)
        if name == until:
            break
    return state


def open_context(
    options: BuildOptions, workspace: Workspace, manager: PluginManager, progress: Progress
) -> BuildContext:
    """What the stages of one target work with.

    Raises:
        ConfigError: There is no such target, a type or name that it cannot have, or `compile.name`
            is no file name.
        ModelError: The model file does not exist.
        DataError: Sources of samples do not exist; all of them.
    """
    targets = manager.targets()
    _require(options, targets)
    model = Path(options.model)
    # External data counts; a packed file is its own digest, so that it need not be unpacked.
    digest = file_digest(model) if is_compressed(model) else model_digest(model)
    target = targets[options.target].facts(options.platform, options.target_options)
    check_types(target, options.quantize, options.mixed_precision.rules)
    require_names(options, manager)
    hooks = TargetHooks(manager, options.target)
    providers = manager.providers()
    context = BuildContext(
        options=options,
        target=target,
        hooks=hooks,
        manager=manager,
        workspace=workspace,
        progress=progress,
        source=source_digest(manager, dict.fromkeys((*hooks.plugins, *providers))),
        shared=source_digest(manager, providers),
        original=ModelArtifact(path=model, digest=digest),
        model=digest,
    )
    context = with_surgery(context)
    processors_of(Path(context.options.model), context.options.input, context.options.compile)
    require_sources(context.options)
    return context


def _require(options: BuildOptions, targets: Collection[str]) -> None:
    """Target, model and name of the files must be such that a build can begin."""
    if options.target not in targets:
        raise ConfigError(
            Code.UNKNOWN_NAME,
            "There is no target of this name",
            where="targets",
            got=options.target,
            allowed=", ".join(targets),
        )
    if not Path(options.model).is_file():
        raise ModelError(
            Code.MODEL_NOT_FOUND,
            "The model file does not exist",
            where="model",
            got=options.model,
            hint="relative paths start at the folder of the config file",
        )
    name = options.compile.name
    if name is not None and (name in ("", ".", "..") or set(name) & set("/\\")):
        raise ConfigError(
            Code.BAD_VALUE,
            "A file name must not lead to another folder",
            where="compile.name",
            got=name,
            allowed="a name without slashes",
        )
