"""Generated projects as executables and libraries.

The same sources give the same bytes, in whatever folder they lie: no debug information, no build
identifiers, no dates, and only file names without folders reach the compiler.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from toolchain.errors import Code, CompileError, SystemFailure

if TYPE_CHECKING:
    from toolchain.codegen.native.tools import Compiler

FLAGS = ("-std=c99", "-O3", "-ffp-contract=off", "-fno-strict-aliasing")
"""What generated C needs to compute what is specified, and the level of optimisation."""
_SECONDS = 900.0
"""How long a tool may take for one file: minutes for the weights of the largest models."""
MAIN = "main.c"
"""The example program, which is no part of a library."""
_ERROR = re.compile(
    r"^(?P<where>[^\s:]+:\d+(?::\d+)?): (?:fatal )?error: (?P<text>.+)$", re.MULTILINE
)


def build_executable(
    project: Path, compiler: Compiler, destination: Path, *, flags: Sequence[str] = ()
) -> None:
    """Build all C files of the folder `project` into the program `destination`.

    Args:
        project: Folder of C files and headers, as `write_project` makes it.
        compiler: What builds it.
        destination: File to write; its folder must exist.
        flags: Further flags for every source.

    Raises:
        CompileError: COMPILER_FAILED with the compiler's first error, or where it does not end.
        SystemFailure: TOOL_MISSING where the compiler cannot be started.
    """
    with tempfile.TemporaryDirectory(prefix="tc-build-") as folder:
        scratch = Path(folder)
        objects = _compile(project, _sources(project), compiler, scratch, flags)
        link = (*compiler.flags, *compiler.link_flags, "-s", *objects, "-o", "program", "-lm")
        _call((*compiler.command, *link), compiler, scratch)
        shutil.copy(scratch / "program", destination)


def build_library(
    project: Path, compiler: Compiler, destination: Path, *, flags: Sequence[str] = ()
) -> None:
    """Build the model and its kernels, without `main.c`, into the static library `destination`.

    Arguments and errors as for `build_executable`.
    """
    names = [name for name in _sources(project) if name != MAIN]
    with tempfile.TemporaryDirectory(prefix="tc-build-") as folder:
        scratch = Path(folder)
        objects = _compile(project, names, compiler, scratch, flags)
        _call((*compiler.archiver, "rcsD", "library.a", *objects), compiler, scratch)
        shutil.copy(scratch / "library.a", destination)


def _sources(project: Path) -> list[str]:
    return sorted(path.name for path in project.glob("*.c"))


def _compile(
    project: Path, names: Sequence[str], compiler: Compiler, scratch: Path, flags: Sequence[str]
) -> list[str]:
    """Compile sources side by side; names of the object files in `scratch`, in order."""
    objects = [f"{Path(name).stem}.o" for name in names]
    start = (*compiler.command, *compiler.flags, *FLAGS, "-g0", *flags, "-c")

    def compile_one(name: str, result: str) -> None:
        _call((*start, name, "-o", str(scratch / result)), compiler, project)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(compile_one, names, objects))
    return objects


def _call(command: Sequence[str], compiler: Compiler, folder: Path) -> None:
    """Run a tool of the compiler in `folder`."""
    try:
        done = subprocess.run(  # noqa: S603 - a compiler that was found
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            env={**os.environ, **compiler.environment},
            timeout=_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise CompileError(
            Code.COMPILER_FAILED,
            "The C compiler does not come to an end",
            where=Path(command[0]).name,
            got=f"no result within {_SECONDS:g} s",
            hint="try another compiler",
        ) from error
    except OSError as error:
        raise SystemFailure(
            Code.TOOL_MISSING,
            "A compiler cannot be started",
            where=command[0],
            got=error.strerror,
            hint="install it again",
        ) from error
    if done.returncode != 0:
        raise _failure(command, done.stderr or done.stdout, done.returncode)


def _failure(command: Sequence[str], text: str, status: int) -> CompileError:
    """The first error that a tool wrote; else its first words, else how it ended."""
    found = _ERROR.search(text)
    first = next((line.strip() for line in text.splitlines() if line.strip()), None)
    if status < 0:
        ended = f"ended by signal {signal.Signals(-status).name}"
    else:
        ended = first or f"exit status {status}, no message"
    return CompileError(
        Code.COMPILER_FAILED,
        "The C compiler refused the generated program",
        where=found["where"] if found else Path(command[0]).name,
        got=found["text"] if found else ended,
        hint="try another compiler; if generated C is at fault, report it as a bug",
    )
