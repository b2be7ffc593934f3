"""What the stages hand on: files by digest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from toolchain.errors import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelArtifact:
    """An ONNX model on disk.

    Attributes:
        path: The file; its external data, if any, lies beside it.
        digest: SHA-256 of the file and its external data, in hexadecimal.
    """

    path: Path
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledArtifact:
    """What a target's compile step wrote.

    Attributes:
        folder: Where the files are.
        files: File names relative to `folder`, each with what it is.
        program: Stem of the integer program's files, relative to `folder`.
        model_program: The same of the program without processors, which the model's own inputs
            fit; None where there are no processors.
        warnings: What could not be written, and why.
    """

    folder: Path
    files: Mapping[str, str]
    program: str
    model_program: str | None = None
    warnings: tuple[Problem, ...] = ()

    @property
    def compared(self) -> str:
        """Stem of the program that is compared with the float model: without processors."""
        return self.program if self.model_program is None else self.model_program

    def __post_init__(self) -> None:
        """Freeze the mapping."""
        object.__setattr__(self, "files", MappingProxyType(dict(self.files)))
