"""The compiled forms of the check stage: which there are, and what each computes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from toolchain.analysis.excluded import kept
from toolchain.analysis.lockstep import EXCLUDE, Lockstep, comparable, compare_in_lockstep
from toolchain.core.artifacts import CompiledArtifact
from toolchain.core.check_report import CheckLevel, CheckRow, LevelStatus
from toolchain.core.dtypes import Array
from toolchain.core.options import CompiledLevel, Scope
from toolchain.core.progress import Advance
from toolchain.core.runner import BatchRunner
from toolchain.core.samples import SampleStore
from toolchain.errors import Code, ConfigError, Problem
from toolchain.pipeline.context import BuildContext
from toolchain.pipeline.machines import request_of
from toolchain.pipeline.processors import processors_of
from toolchain.pipeline.stages.groups import group_programs
from toolchain.plugin.runners import CompiledForm, RunnerDef
from toolchain.program.processors import Processors
from toolchain.program.records import Program

Chosen = tuple[RunnerDef, tuple[Problem, ...]]
"""A runner, and why it cannot be opened."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Subject:
    """What is executed, and what it is compared with.

    Attributes:
        compiled: The target's files.
        qdq: The QDQ model, of which programs in further input shapes are made.
        program: The integer program without processors.
    """

    compiled: CompiledArtifact
    qdq: Path
    program: Program


def chosen_runners(context: BuildContext, compiled: CompiledArtifact) -> tuple[Chosen, ...]:
    """The runners that the check executes, each with what is missing.

    Raises:
        ConfigError: `check.runners` names one that the target does not have, one of C sources where
            the build writes none, or any where nothing is to be executed.
    """
    options = context.options
    known = context.manager.runners_of(context.target.name)
    names = options.check.runners
    for number, name in enumerate(names or ()):
        if name not in known:
            raise ConfigError(
                Code.UNKNOWN_NAME,
                "The target has no runner of this name",
                where=f"check.runners[{number}]",
                got=name,
                allowed=", ".join(known) or "none",
            )
    if options.check.compiled.level is CompiledLevel.NONE:
        if names:
            message = "Runners are named, and nothing is to be executed"
            raise _contradiction(message, "check.compiled.level", "none", names)
        return ()
    chosen = list(known.values()) if names is None else [known[name] for name in names]
    idle = [one for one in chosen if one.form is CompiledForm.SOURCES]
    if idle and not options.compile.sources:
        if names:
            message = "Runners execute what is made of the C sources, which are switched off"
            asked = [one.name for one in idle]
            raise _contradiction(message, "compile.sources", "false", asked)
        chosen = [one for one in chosen if one not in idle]
    return tuple((runner, runner.missing(compiled.files)) for runner in chosen)


def _contradiction(message: str, where: str, value: str, names: Sequence[str]) -> ConfigError:
    return ConfigError(
        Code.CONTRADICTION,
        message,
        where=where,
        got=f"{value}, with check.runners = {', '.join(names)}",
        allowed="another value, or none of these runners",
    )


def run_levels(
    context: BuildContext,
    subject: Subject,
    runners: Sequence[Chosen],
    samples: SampleStore,
) -> tuple[CheckLevel, ...]:
    """Execute what can be executed and compare it with the reference: every batch of every group.

    Raises:
        ConfigError: `check.compiled.exclude` matches nothing, or leaves nothing to compare.
    """
    chosen = context.options
    options = chosen.check.compiled
    processors = processors_of(Path(chosen.model), chosen.input, chosen.compile)
    if runners:
        kept(comparable(processors.apply(subject.program), options), options.exclude, EXCLUDE)
    found: list[CheckLevel] = []
    for runner, missing in runners:
        if missing:
            found.append(
                CheckLevel(
                    runner=runner.name,
                    status=LevelStatus.MISSING,
                    required=runner.required,
                    missing=missing,
                )
            )
            continue
        for group, program in enumerate(_programs(context, subject, runner)):
            found.extend(_levels(context, subject, program, processors, group, runner, samples))
    return tuple(found)


def _programs(context: BuildContext, subject: Subject, runner: RunnerDef) -> tuple[Program, ...]:
    """The program of every group that a runner executes."""
    if runner.form is not CompiledForm.MACHINE:
        return (subject.program,)
    with context.workspace.scratch() as scratch:
        return (subject.program, *group_programs(context, subject.qdq, scratch))


def _levels(
    context: BuildContext,
    subject: Subject,
    program: Program,
    processors: Processors,
    group: int,
    runner: RunnerDef,
    samples: SampleStore,
) -> Iterator[CheckLevel]:
    """A level for each batch of one group, whose processors see the program's own samples."""
    processed = processors.apply(program)
    options = context.options.check
    compiled = subject.compiled
    count = min(options.samples, len(samples))
    if runner.emulated:
        count = min(count, options.emulated_samples)
    with context.workspace.scratch() as scratch:
        request = request_of(
            folder=compiled.folder,
            files=compiled.files,
            program=processed,
            name=context.name,
            target=context.target,
            platform=context.options.platform,
            layers=options.compiled.scope is Scope.LAYERS,
            scratch=scratch,
            group=group,
        )
        with runner.open(request) as opened:
            for batch in opened.batches if isinstance(opened, BatchRunner) else (1,):
                times = -(-count // batch)
                with context.progress.task("check", times) as advance:
                    runs = _runs(program, processors, samples, batch, times, advance)
                    found = compare_in_lockstep(processed, opened, runs, options.compiled)
                yield _level(runner, found, options.compiled.demand, group, batch)


def _runs(
    program: Program,
    processors: Processors,
    samples: SampleStore,
    batch: int,
    times: int,
    advance: Advance,
) -> Iterator[list[Mapping[str, Array]]]:
    """Samples of each run, in order, from the first again where there are too few."""
    for begin in range(0, times * batch, batch):
        yield [
            processors.feeds(_fitted(program, samples.batch(index % len(samples))))
            for index in range(begin, begin + batch)
        ]
        advance(1)


def _fitted(program: Program, feeds: Mapping[str, Array]) -> Mapping[str, Array]:
    """A sample in the shapes of a program: cut, or repeated along each axis."""
    fitted = {}
    for name, array in feeds.items():
        found = array
        for axis, extent in enumerate(program.tensors[name].shape):
            if found.shape[axis] != extent:
                found = np.take(found, np.arange(extent) % found.shape[axis], axis)
        fitted[name] = found
    return fitted


def _level(runner: RunnerDef, found: Lockstep, demand: str, group: int, batch: int) -> CheckLevel:
    status = LevelStatus.TOLERATED if found.different else LevelStatus.EQUAL
    level = CheckLevel(
        runner=runner.name,
        status=status if found.failure is None else LevelStatus.DIFFERENT,
        required=runner.required,
        demand=demand,
        group=group,
        batch=batch,
        samples=found.samples,
        tensors=found.tensors,
        elements=found.elements,
        different=found.different,
    )
    failure = found.failure
    if failure is None:
        return level
    row = CheckRow(
        comparison=f"reference-{level.name}",
        tensor=failure.divergence.tensor,
        metric=failure.metric,
        value=failure.value,
        limit=failure.limit,
        passed=False,
    )
    return replace(level, first=failure.divergence, failed=row)
