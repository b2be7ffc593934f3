"""What plugins register to execute artifacts with."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from toolchain.core.machine import Machine
from toolchain.core.runner import Runner
from toolchain.errors import Problem
from toolchain.program.records import Program


class CompiledForm(StrEnum):
    """What of an artifact a runner executes."""

    SOURCES = "sources"
    """What is made of the C sources, which a build may leave out."""
    MACHINE = "machine"
    """The compiled model of a machine, with every group of input shapes."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RunnerRequest:
    """An artifact to execute.

    Attributes:
        folder: Folder of the target's files.
        files: Files of the target relative to it, each with what it is.
        program: The integer program that it was compiled from, in the shapes of the group.
        name: Stem of the files.
        platform: Chip that it was compiled for.
        sources: The program as C, where the build wrote it.
        layers: True asks for every tensor that an operation writes, too.
        scratch: Folder for files of the runner's own.
        machines: Models of the machines of the chip.
        group: Number of the input shapes; 0 for those of the model itself.
    """

    folder: Path
    files: Mapping[str, str]
    program: Program
    name: str
    platform: str
    sources: Path
    layers: bool
    scratch: Path
    machines: tuple[Machine, ...] = ()
    group: int = 0

    @property
    def layer_names(self) -> tuple[str, ...]:
        """The layers asked for, in the order of the program."""
        return self.program.written if self.layers else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerDef:
    """A way to execute artifacts.

    Attributes:
        name: What users write: `tc run --runner NAME`, `check.runners`.
        summary: One line.
        open: Makes an artifact ready; left as a context, it stops what it started.
        missing: Given the names of an artifact's files: what is not among them or not installed, so
            that it cannot be opened.
        targets: Targets whose artifacts it executes; None for all.
        emulated: True if it is slow, so that checks give it few samples.
        required: True if a check without it is incomplete; else it is left out with a warning.
        form: What it executes. Checks leave out what needs C sources where a build writes none,
            and execute every group of a machine; `tc run` prefers a machine.
    """

    name: str
    summary: str
    open: Callable[[RunnerRequest], AbstractContextManager[Runner]]
    missing: Callable[[Collection[str]], tuple[Problem, ...]]
    targets: tuple[str, ...] | None = None
    emulated: bool = False
    required: bool = False
    form: CompiledForm = CompiledForm.SOURCES

    def executes(self, target: str) -> bool:
        """True for a target whose artifacts it executes."""
        return self.targets is None or target in self.targets
