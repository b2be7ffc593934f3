"""What the stages hand on: files by digest, and the state of a build."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from toolchain.core.diagnostics import Diagnostic
from toolchain.core.quant import ParamSet, QuantPlan
from toolchain.core.samples import SampleStore
from toolchain.core.stats import TensorStats


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
    """

    folder: Path
    files: Mapping[str, str]
    program: str

    def __post_init__(self) -> None:
        """Freeze the mapping."""
        object.__setattr__(self, "files", MappingProxyType(dict(self.files)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BuildState:
    """What is known after each stage of one target's build; a stage returns a new one.

    Attributes:
        source: The model as given.
        optimized: The simplified float model.
        samples: Preprocessed calibration samples.
        stats: What the sweep observed, by value name.
        plan: Which value is stored how.
        params: The numbers.
        qdq: The quantized model in QDQ form.
        compiled: The target's files.
        diagnostics: Everything the stages had to say.
    """

    source: ModelArtifact
    optimized: ModelArtifact | None = None
    samples: SampleStore | None = None
    stats: Mapping[str, TensorStats] | None = None
    plan: QuantPlan | None = None
    params: ParamSet | None = None
    qdq: ModelArtifact | None = None
    compiled: CompiledArtifact | None = None
    diagnostics: tuple[Diagnostic, ...] = ()
