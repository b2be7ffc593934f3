"""Compiled forms of a target: the runner of its machine, and what runners are asked."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from toolchain.core.options import AnalysisForm, AnalysisMode
from toolchain.errors import Code, ConfigError, Problem, SystemFailure
from toolchain.pipeline.stages.compile import SOURCES
from toolchain.plugin.runners import CompiledForm, RunnerRequest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from toolchain.core.options import AnalysisOptions
    from toolchain.core.runner import Runner
    from toolchain.core.target import TargetSpec
    from toolchain.plugin.manager import PluginManager
    from toolchain.plugin.runners import RunnerDef
    from toolchain.program.records import Program


def machine_of(manager: PluginManager, target: str) -> RunnerDef | None:
    """The first runner of compiled models of a target, None where it has no machine."""
    runners = manager.runners_of(target).values()
    return next((one for one in runners if one.form is CompiledForm.MACHINE), None)


def request_of(  # noqa: PLR0913 - what a runner needs to know
    *,
    folder: Path,
    files: Mapping[str, str],
    program: Program,
    name: str,
    target: TargetSpec,
    platform: str,
    layers: bool,
    scratch: Path,
    group: int = 0,
) -> RunnerRequest:
    """A target's files as a runner is given them; see `RunnerRequest`."""
    return RunnerRequest(
        folder=folder,
        files=files,
        program=program,
        name=name,
        platform=platform,
        sources=folder / SOURCES,
        layers=layers,
        scratch=scratch,
        machines=target.on(platform).platforms[0].machines,
        group=group,
    )


def require_machine(options: AnalysisOptions, manager: PluginManager, target: str) -> None:
    """Make sure that a machine can be analysed where `options` ask for it.

    Raises:
        ConfigError: The target has no machine, or layers are to be fed one by one; both.
    """
    if options.on is not AnalysisForm.MACHINE:
        return
    problems = []
    if machine_of(manager, target) is None:
        problems.append(
            Problem(
                code=Code.BAD_VALUE,
                message="The target has no machine",
                where="analysis.on",
                got=f"{options.on}, for {target}",
                allowed=f"{AnalysisForm.REFERENCE} or {AnalysisForm.QDQ}",
            )
        )
    if options.mode is not AnalysisMode.END_TO_END:
        problems.append(
            Problem(
                code=Code.CONTRADICTION,
                message="A machine executes a model as a whole: its layers cannot be fed",
                where="analysis.mode",
                got=f"{options.mode}, with analysis.on = {options.on}",
                allowed=AnalysisMode.END_TO_END,
                hint="the machine equals the reference to the bit, which can be analysed by layers",
            )
        )
    if problems:
        raise ConfigError.of(problems)


def opened_machine(
    options: AnalysisOptions, manager: PluginManager, request: RunnerRequest, target: str
) -> AbstractContextManager[Runner | None]:
    """The machine that `options` ask for, ready to execute; None where they ask for none.

    Raises:
        ConfigError: As of `require_machine`.
        SystemFailure: There is no compiled model.
    """
    require_machine(options, manager, target)
    runner = machine_of(manager, target)
    if options.on is not AnalysisForm.MACHINE or runner is None:
        return nullcontext()
    return _opened(runner, request)


@contextmanager
def _opened(runner: RunnerDef, request: RunnerRequest) -> Iterator[Runner]:
    missing = runner.missing(request.files)
    if missing:
        raise SystemFailure.of(missing)
    with runner.open(request) as opened:
        yield opened
