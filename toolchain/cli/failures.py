"""What is told of an error, and the exit code that goes with it."""

from __future__ import annotations

import errno
import os
import re
import sys
import traceback
from itertools import pairwise
from typing import TYPE_CHECKING

import typer

from toolchain.errors import (
    CheckFailed,
    Code,
    ConfigError,
    InternalError,
    Problem,
    SystemFailure,
    ToolchainError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

INTERRUPTED = 130
"""Exit code after Ctrl-C: 128 and the number of the signal, as shells have it."""
PIPE_CLOSED = 141
"""Exit code when the reader of stdout has gone."""

_USAGE_ERROR: type[Exception] = typer.BadParameter.__mro__[1]
"""Base of all complaints about the command line, which typer does not export by name."""

_SYSTEM = {
    errno.ENOSPC: (Code.DISK_FULL, "The disk is full"),
    errno.EDQUOT: (Code.DISK_FULL, "The disk quota is used up"),
    errno.EFBIG: (Code.DISK_FULL, "A file grows beyond what the system allows"),
    errno.EACCES: (Code.NOT_WRITABLE, "Access is denied"),
    errno.EPERM: (Code.NOT_WRITABLE, "Access is denied"),
    errno.EROFS: (Code.NOT_WRITABLE, "The file system is read-only"),
    errno.EEXIST: (Code.NOT_WRITABLE, "A file is in the way"),
    errno.ENOTDIR: (Code.NOT_WRITABLE, "A file stands where a folder is needed"),
    errno.EISDIR: (Code.NOT_WRITABLE, "A folder stands where a file is needed"),
    errno.ENAMETOOLONG: (Code.NOT_WRITABLE, "The path is too long"),
}


def report(error: BaseException, arguments: Sequence[str]) -> int:
    """Tell the user about `error`; returns the exit code.

    How to tell it is read from `arguments` itself: the command line may be what is wrong.
    """
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        sys.stderr.write("\ninterrupted, finished stages are kept\n")
        return INTERRUPTED
    if isinstance(error, BrokenPipeError):
        # Python flushes stdout once more at exit, which must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    failure = as_failure(error)
    if _asks_for_json(arguments):
        from toolchain.render.jsonout import dumps

        data = {"exit_code": failure.exit_code, "problems": failure.problems}
        sys.stdout.write(f"{dumps({'error': data})}\n")
    if _asks_for_more(arguments) and not isinstance(error, _USAGE_ERROR):
        sys.stderr.write("".join(traceback.format_exception(error)))
    tell(failure)
    return failure.exit_code


def tell(failure: ToolchainError) -> None:
    """Write every problem of `failure` to stderr."""
    from toolchain.render.terminal import console_on, show_problem

    console = console_on(sys.stderr)
    for number, problem in enumerate(failure.problems):
        if number:
            console.print()
        show_problem(console, "error", problem)
    if len(failure.problems) > 1:
        console.print(f"\n{len(failure.problems)} errors")


def end_answered(problems: Iterable[Problem]) -> None:
    """End a command with the exit code of a failed check if there are `problems`.

    For commands whose answer stands already: told here, because JSON must stay one document.
    """
    found = tuple(problems)
    if found:
        failure = CheckFailed.of(found)
        tell(failure)
        raise typer.Exit(failure.exit_code)


def as_failure(error: BaseException) -> ToolchainError:
    """`error` as one of the project's own; what nobody expected is a bug."""
    if isinstance(error, ToolchainError):
        return error
    if isinstance(error, _USAGE_ERROR):
        return _usage(error)
    if isinstance(error, MemoryError):
        return SystemFailure(
            Code.OUT_OF_MEMORY,
            "Memory ran out",
            got=str(error) or None,
            hint="lower `calibration.batch_size` or `calibration.threads`",
        )
    if isinstance(error, OSError) and error.errno in _SYSTEM:
        code, message = _SYSTEM[error.errno]
        return SystemFailure(
            code,
            message,
            where=None if error.filename is None else os.fsdecode(error.filename),
            got=error.strerror,
            hint=f"`tc explain {code}` says more",
        )
    return InternalError(
        Code.INTERNAL,
        "This is a bug in the toolchain",
        got=" ".join(f"{type(error).__name__}: {error}".split()),
        hint="run again with `-v` and report the traceback, with the config and the command line",
    )


def _usage(error: BaseException) -> ConfigError:
    context = getattr(error, "ctx", None)
    command = "tc" if context is None else context.command_path
    message = getattr(error, "format_message", error.__str__)()
    return ConfigError(
        Code.BAD_USAGE, message.rstrip("."), hint=f"`{command} --help` shows what is allowed"
    )


def _asks_for_json(arguments: Sequence[str]) -> bool:
    return "--format=json" in arguments or ("--format", "json") in pairwise(arguments)


def _asks_for_more(arguments: Sequence[str]) -> bool:
    return "--verbose" in arguments or any(re.fullmatch("-q*v+q*", text) for text in arguments)
