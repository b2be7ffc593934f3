"""What every stage of one target's build works with."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from toolchain.core.artifacts import CompiledArtifact, ModelArtifact
from toolchain.core.check_report import CheckReport
from toolchain.core.cost import CostReport
from toolchain.core.diagnostics import Diagnostic, Severity
from toolchain.core.options import BuildOptions
from toolchain.core.progress import Progress
from toolchain.core.quant import QuantParams
from toolchain.core.reports import (
    AccuracyReport,
    AnalysisReport,
    CalibrationReport,
    OptimizeReport,
    QuantReport,
    RuleEffect,
    SurgeryRow,
)
from toolchain.core.samples import SampleStore
from toolchain.core.target import TargetSpec
from toolchain.errors import Problem
from toolchain.pipeline.digests import key
from toolchain.pipeline.workspace import Workspace
from toolchain.plugin.facade import TargetHooks
from toolchain.plugin.manager import PluginManager


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildContext:
    """What stays the same from stage to stage.

    Attributes:
        source: Digest of all source code and library versions that take part.
        shared: The same without the target's own plugin, for what targets have in common.
        original: The model as given.
        model: Digest of the model that `options` names, which surgery may have changed.
        surgery: What the user changed in it.
    """

    options: BuildOptions
    target: TargetSpec
    hooks: TargetHooks
    manager: PluginManager
    workspace: Workspace
    progress: Progress
    source: str
    shared: str
    original: ModelArtifact
    model: str
    surgery: tuple[SurgeryRow, ...] = ()

    @property
    def name(self) -> str:
        """Stem of the files that the build writes."""
        stem = Path(self.options.model).name.split(".onnx")[0]
        return self.options.compile.name or stem or "model"

    def tools(self) -> str:
        """Names and versions of the tools that the target compiles with."""
        tools = self.manager.targets()[self.options.target].tools
        return "" if tools is None else tools()

    def cached(self, stage: str, parts: tuple[object, ...], work: Callable[[Path], None]) -> Stored:
        """The result of a stage of this target, made by `work` unless it is there already."""
        return self._produce(stage, key(stage, self.source, *parts), work)

    def cached_for_all(
        self, step: str, parts: tuple[object, ...], work: Callable[[Path], None]
    ) -> Stored:
        """The result of a step that all targets share."""
        return self._produce(step, key(step, self.shared, *parts), work)

    def _produce(self, stage: str, digest: str, work: Callable[[Path], None]) -> Stored:
        entry = self.workspace.produce(stage, digest, work)
        return Stored(folder=entry.folder, digest=digest, content=entry.content, hit=entry.hit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A finished step in the cache.

    Attributes:
        folder: Where its files are.
        digest: Its key, of all that went in.
        content: Digest of what came out.
        hit: True if it was there before.
    """

    folder: Path
    digest: str
    content: str
    hit: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """Samples on disk, and the digest of their names and bytes.

    Attributes:
        warnings: What looks wrong about them.
    """

    store: SampleStore
    digest: str
    warnings: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BuildState:
    """What is known after each stage; a stage gets one and returns another.

    Attributes:
        samples: Preprocessed calibration samples.
        check_samples: What is compared on: samples of the check's own, or the same.
        optimized: The simplified float model.
        float_model: The same with Q/DQ taken out that the model brought along.
        fixed: Parameters it brought along.
        qdq: The quantized model.
        compiled: The target's files.
        files: What is published, by relative name: source and description.
        keys: Cache key of every finished stage.
        cached: Stages that came from the cache.
    """

    samples: Prepared | None = None
    check_samples: Prepared | None = None
    optimized: Path | None = None
    float_model: Path | None = None
    fixed: dict[str, QuantParams] = field(default_factory=dict)
    qdq: Path | None = None
    compiled: CompiledArtifact | None = None
    optimize_report: OptimizeReport | None = None
    calibration_report: CalibrationReport | None = None
    quant_report: QuantReport | None = None
    effects: tuple[RuleEffect, ...] = ()
    cost_report: CostReport | None = None
    check_report: CheckReport | None = None
    accuracy_report: AccuracyReport | None = None
    analysis_report: AnalysisReport | None = None
    files: dict[str, tuple[Path, str]] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    cached: tuple[str, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()

    def after(self, stage: str, stored: Stored) -> Self:
        """The state with the key of a finished stage noted."""
        return replace(
            self,
            keys={**self.keys, stage: stored.digest},
            cached=(*self.cached, stage) if stored.hit else self.cached,
        )

    def publishing(self, name: str, path: Path, what: str) -> Self:
        """The state with one more file to publish."""
        return replace(self, files={**self.files, name: (path, what)})

    def warn_all(self, stage: str, problems: Iterable[Problem]) -> Self:
        """The state with a warning for each of `problems`."""
        found = tuple(
            Diagnostic(severity=Severity.WARNING, stage=stage, problem=problem)
            for problem in problems
        )
        return replace(self, diagnostics=(*self.diagnostics, *found))

    def warn(self, stage: str, problem: Problem, severity: Severity = Severity.WARNING) -> Self:
        """The state with one more thing to tell the user."""
        found = Diagnostic(severity=severity, stage=stage, problem=problem)
        return replace(self, diagnostics=(*self.diagnostics, found))
