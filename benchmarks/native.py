"""What a target's build leaves of a model: its program, its C sources, its RISC-V binary."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from subject import Subject, file_of

from toolchain.codegen.native.tools import Compiler, Emulator
from toolchain.errors import Problem, SystemFailure
from toolchain.pipeline.stages.compile import SOURCES
from toolchain.program.records import Program
from toolchain.program.serialize import load_program

_PROGRAM = ".program.json"
Tool = TypeVar("Tool", Compiler, Emulator)


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """What one target's build published.

    Attributes:
        folder: The target's folder.
        name: Stem of its files.
        program: The integer program.
    """

    folder: Path
    name: str
    program: Program

    @property
    def sources(self) -> Path:
        """The folder of the program as C."""
        return self.folder / SOURCES


def compiled(of: Subject) -> Built:
    """Build as far as `compile`."""
    file = file_of(of.build("compile"), _PROGRAM)
    name = file.name.removesuffix(_PROGRAM)
    return Built(folder=file.parent, name=name, program=load_program(file.parent, name))


def needed(tool: Tool | Problem) -> Tool:
    """A tool that was looked for; raises SystemFailure where there is none."""
    if isinstance(tool, Problem):
        raise SystemFailure.of([tool])
    return tool
