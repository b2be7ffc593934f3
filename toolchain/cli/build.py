"""`tc build`: the whole way from the config to checked files."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from toolchain.cli.failures import end_answered
from toolchain.cli.output import Format, FormatOption, Output, QuietOption, VerboseOption
from toolchain.cli.settings import ConfigOption, OutputOption, SetOption, Settings, TargetOption
from toolchain.errors import Code, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from toolchain.render.results import TargetResult


class Stage(StrEnum):
    """Where a build may stop."""

    OPTIMIZE = "optimize"
    QUANTIZE = "quantize"
    MIXED_PRECISION = "mixed-precision"
    COMPILE = "compile"
    CHECK = "check"
    ANALYZE = "analyze"


def build(  # noqa: PLR0913 - one parameter per option
    *,
    config: ConfigOption,
    target: TargetOption = None,
    assignments: SetOption = None,
    until: Annotated[Stage | None, typer.Option(help="Stop behind this stage.")] = None,
    output: OutputOption = None,
    samples: Annotated[int | None, typer.Option(help="How many samples are calibrated on.")] = None,
    allow_missing: Annotated[
        bool,
        typer.Option(
            "--allow-missing", help="Accept a check that lacks a compiler or an emulator."
        ),
    ] = False,
    form: FormatOption = Format.TEXT,
    verbose: VerboseOption = False,
    quiet: QuietOption = False,
) -> None:
    """Build a model for one or more targets, and check it."""
    from toolchain.pipeline.build import build as run_build
    from toolchain.plugin.manager import PluginManager

    speak = Output(form, verbose=verbose, quiet=quiet)
    settings = Settings(
        config=config,
        targets=tuple(target or ()),
        assignments=tuple(assignments or ()),
        output=output,
        samples=samples,
    )
    manager = PluginManager.load()
    speak.warn(row.problem() for row in manager.broken())
    result = run_build(
        settings.resolve(manager),
        manager=manager,
        until=None if until is None else str(until),
        progress=speak.progress(),
    )
    speak.build(result.targets)
    speak.answer(result, str(result.output))
    problems = tuple(_failed_checks(result.targets))
    if not allow_missing:
        problems += tuple(_incomplete_checks(result.targets))
    end_answered(problems)


def _failed_checks(results: Sequence[TargetResult]) -> Iterator[Problem]:
    for result in results:
        if result.check is None or result.check.passed:
            continue
        failed = [row for row in result.check.rows if not row.passed]
        if not failed:
            yield Problem(
                code=Code.CHECK_INCOMPLETE,
                message=f"The check of {result.target} is incomplete",
                hint="the report says what could not be compared",
            )
        for row in failed:
            yield Problem(
                code=Code.CHECK_FAILED,
                message=f"{row.comparison} is beyond its tolerance on {result.target}",
                where=row.tensor,
                got=f"{row.metric} {row.value:.6g}",
                allowed=f"{row.limit:.6g}",
                hint="`tc analyze` on the folder says which layers the error comes from",
            )


def _incomplete_checks(results: Sequence[TargetResult]) -> Iterator[Problem]:
    for result in results:
        for level in () if result.check is None else result.check.incomplete:
            for problem in level.missing:
                what = f"{level.runner} was not run: the check of {result.target} is incomplete"
                yield Problem(
                    code=Code.CHECK_INCOMPLETE,
                    message=what,
                    where=f"runner {level.runner}",
                    got=problem.message,
                    hint=f"{problem.hint}; --allow-missing accepts it",
                )
