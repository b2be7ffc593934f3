"""The program as a binary for RISC-V with vectors, and the emulator that executes it."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from toolchain.errors import Code, Problem, SystemFailure
from toolchain.plugin.runners import RunnerDef, RunnerRequest

if TYPE_CHECKING:
    from toolchain.core.runner import Runner

ELF = ".rv64gcv.elf"
LIBRARY = ".rv64gcv.a"

_VLEN = {"k1": 256, "k3": 1024}
"""Bits of a vector register of every platform (facts.py)."""


def build_native(sources: Path, folder: Path, name: str) -> tuple[dict[str, str], list[Problem]]:
    """Build the C program in `sources` as NAME.rv64gcv.elf and libNAME.rv64gcv.a in `folder`.

    Returns:
        What each file is, by name; and the compiler that is missing, if it is.
    """
    from toolchain.codegen.native.build import build_executable, build_library
    from toolchain.codegen.native.tools import riscv_compiler

    compiler = riscv_compiler()
    if isinstance(compiler, Problem):
        return {}, [compiler]
    build_executable(sources, compiler, folder / f"{name}{ELF}")
    build_library(sources, compiler, folder / f"lib{name}{LIBRARY}")
    return {
        f"{name}{ELF}": "the program for RISC-V Linux with vectors (rv64gcv)",
        f"lib{name}{LIBRARY}": "the same as a library, to be called as the header in c/ says",
    }, []


def tools() -> str:
    """The compiler that `build_native` would use, with its version."""
    from toolchain.codegen.native.tools import riscv_compiler

    compiler = riscv_compiler()
    return "" if isinstance(compiler, Problem) else compiler.identity()


@contextmanager
def _open(request: RunnerRequest) -> Iterator[Runner]:
    """Run the binary in the emulator, with vectors as long as the platform's."""
    from toolchain.codegen.native.execution import NativeModel
    from toolchain.codegen.native.tools import riscv_emulator

    emulator = riscv_emulator()
    if isinstance(emulator, Problem):
        raise SystemFailure.of([emulator])
    # The emulator refuses files that are not executable, which copies of a folder may not be.
    binary = Path(shutil.copyfile(request.folder / f"{request.name}{ELF}", request.scratch / "elf"))
    binary.chmod(0o755)
    command = (*emulator.command(_VLEN[request.platform]), str(binary))
    with NativeModel(command, request.program, layers=request.layer_names) as model:
        yield model


def _missing(files: Collection[str]) -> tuple[Problem, ...]:
    from toolchain.codegen.native.tools import riscv_emulator

    found = []
    if not any(name.endswith(ELF) for name in files):
        found.append(
            Problem(
                code=Code.TOOL_MISSING,
                message="There is no RISC-V binary",
                where=f"*{ELF}",
                hint="pip install 'toolchain[riscv]' and build again, with `compile.sources` and "
                "`target.riscv.options.binary` on",
            )
        )
    emulator = riscv_emulator()
    if isinstance(emulator, Problem):
        found.append(emulator)
    return tuple(found)


RISCV_RUNNER = RunnerDef(
    name="riscv",
    summary="The RISC-V binary in an emulator",
    open=_open,
    missing=_missing,
    targets=("riscv",),
    emulated=True,
    required=True,
)
