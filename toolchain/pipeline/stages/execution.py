"""The compiled forms of the check stage: which there are, and what each computes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from toolchain.analysis.lockstep import compare_in_lockstep
from toolchain.core.artifacts import CompiledArtifact
from toolchain.core.check_report import CheckLevel, LevelStatus
from toolchain.core.samples import SampleStore
from toolchain.errors import Code, ConfigError, Problem
from toolchain.pipeline.context import BuildContext
from toolchain.pipeline.processors import processors_of
from toolchain.pipeline.stages.compile import SOURCES
from toolchain.plugin.runners import RunnerDef, RunnerRequest
from toolchain.program.processors import Processors
from toolchain.program.records import Program
from toolchain.program.serialize import load_program

Chosen = tuple[RunnerDef, tuple[Problem, ...]]
"""A runner, and why it cannot be opened."""


def chosen_runners(context: BuildContext, compiled: CompiledArtifact) -> tuple[Chosen, ...]:
    """The runners that the check executes, each with what is missing.

    Raises:
        ConfigError: `check.runners` names one that the target does not have, or any where the
            build writes no C sources for it.
    """
    known = context.manager.runners_of(context.target.name)
    names = context.options.check.runners
    for number, name in enumerate(names or ()):
        if name not in known:
            raise ConfigError(
                Code.UNKNOWN_NAME,
                "The target has no runner of this name",
                where=f"check.runners[{number}]",
                got=name,
                allowed=", ".join(known) or "none",
            )
    if not context.options.compile.sources:
        if names:
            raise ConfigError(
                Code.CONTRADICTION,
                "Runners execute what is made of the C sources, which are switched off",
                where="compile.sources",
                got=f"false, with check.runners = {', '.join(names)}",
                allowed="true, or no runners",
            )
        return ()
    chosen = known.values() if names is None else [known[name] for name in names]
    return tuple((runner, runner.missing(compiled.files)) for runner in chosen)


def run_levels(
    context: BuildContext,
    compiled: CompiledArtifact,
    runners: Sequence[Chosen],
    samples: SampleStore,
) -> tuple[CheckLevel, ...]:
    """Execute what can be executed and compare it with the reference, processors included."""
    options = context.options
    program = load_program(compiled.folder, compiled.program)
    processors = processors_of(Path(options.model), options.input, options.compile)
    return tuple(
        CheckLevel(
            runner=runner.name,
            status=LevelStatus.MISSING,
            required=runner.required,
            missing=missing,
        )
        if missing
        else _level(context, compiled, program, processors, runner, samples)
        for runner, missing in runners
    )


def _level(
    context: BuildContext,
    compiled: CompiledArtifact,
    program: Program,
    processors: Processors,
    runner: RunnerDef,
    samples: SampleStore,
) -> CheckLevel:
    options = context.options.check
    count = min(options.samples, len(samples))
    if runner.emulated:
        count = min(count, options.emulated_samples)
    with context.workspace.scratch() as scratch:
        request = RunnerRequest(
            folder=compiled.folder,
            files=compiled.files,
            program=program,
            name=context.name,
            platform=context.options.platform,
            sources=compiled.folder / SOURCES,
            layers=True,
            scratch=scratch,
            machines=context.target.on(context.options.platform).platforms[0].machines,
        )
        with runner.open(request) as opened:
            feeds = (processors.feeds(samples.batch(index)) for index in range(count))
            found = compare_in_lockstep(program, opened, feeds, count, context.progress)
    return CheckLevel(
        runner=runner.name,
        status=LevelStatus.EQUAL if found.first is None else LevelStatus.DIFFERENT,
        required=runner.required,
        samples=found.samples,
        tensors=found.tensors,
        elements=found.elements,
        first=found.first,
    )
