"""Generated C on this computer, as a runner of every target's artifacts."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from toolchain.errors import Code, CompileError, Problem, SystemFailure
from toolchain.plugin.runners import RunnerDef, RunnerRequest

if TYPE_CHECKING:
    from toolchain.core.runner import Runner

_FLAGS = ("-O2",)
"""Checks build once and run a few samples: compile time counts more than a few milliseconds."""


@contextmanager
def _open(request: RunnerRequest) -> Iterator[Runner]:
    """Build the artifact's C sources and run them as a process."""
    from toolchain.codegen.native.build import build_executable
    from toolchain.codegen.native.execution import NativeModel
    from toolchain.codegen.native.tools import host_compiler

    compiler = host_compiler()
    if isinstance(compiler, Problem):
        raise SystemFailure.of([compiler])
    if not request.sources.is_dir():
        raise CompileError(
            Code.PACKAGE_INVALID,
            "The published folder lacks the C sources",
            where=str(request.sources),
            hint="build with `compile.sources = true`",
        )
    program = request.scratch / "model"
    build_executable(request.sources, compiler, program, flags=_FLAGS)
    with NativeModel([str(program)], request.program, layers=request.layer_names) as model:
        yield model


def _missing(files: Collection[str]) -> tuple[Problem, ...]:
    from toolchain.codegen.native.tools import host_compiler

    del files
    compiler = host_compiler()
    return (compiler,) if isinstance(compiler, Problem) else ()


C_RUNNER = RunnerDef(
    name="c",
    summary="The generated C, compiled for and run on this computer",
    open=_open,
    missing=_missing,
    required=True,
)
