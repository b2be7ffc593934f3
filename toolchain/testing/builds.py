"""Builds of the kit's small models for one target."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from toolchain.config.dotted import parse_path
from toolchain.config.overrides import Override
from toolchain.core.progress import SilentProgress
from toolchain.errors import Code, ConfigError
from toolchain.pipeline.build import TargetResult
from toolchain.pipeline.build import build as build_resolved
from toolchain.pipeline.configure import configure
from toolchain.pipeline.stages.quantize import MODEL as QDQ_MODEL
from toolchain.program.serialize import load_program
from toolchain.testing.models import SmallModel, make_model, make_samples

if TYPE_CHECKING:
    from toolchain.config.resolve import ResolvedConfig
    from toolchain.core.target import TargetDef, TargetSpec
    from toolchain.plugin.manager import PluginManager
    from toolchain.program.records import Program

SAMPLES = 4
BATCHES = (1, 2, 4)
"""Batches of every build, where the target honours `compile.static_batch_sizes`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KitBuild:
    """One small model, built.

    Attributes:
        folder: The published files.
        samples: What it was calibrated on, of shape (samples, *shape of one).
        qdq: The quantized model.
        platform: The chip.
        stem: Stem of the program's files.
        result: The reports.
    """

    folder: Path
    samples: Path
    qdq: Path
    platform: str
    stem: str
    result: TargetResult

    def program(self) -> Program:
        """The integer program as it was published."""
        return load_program(self.folder, self.stem)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Builds for one target in one folder.

    Attributes:
        manager: The plugins.
        target: Name of the target.
        folder: Everything is written below it.
        settings: Dotted paths to values, for every build.
    """

    manager: PluginManager
    target: str
    folder: Path
    settings: Mapping[str, object] = field(default_factory=dict)

    @property
    def definition(self) -> TargetDef:
        """The target as its plugin registers it."""
        return self.manager.targets()[self.target]

    @property
    def spec(self) -> TargetSpec:
        """The facts of its default chip under its default options."""
        default = self.definition.spec.platforms[0].name
        return self.definition.facts(default, self.definition.options())

    def build(
        self, name: str, small: SmallModel, settings: Mapping[str, object] | None = None
    ) -> KitBuild:
        """Build `small` in the folder `name`, with `settings` over those of the bench.

        Raises:
            ToolchainError: What `tc build` would say.
        """
        resolved = self.configure(name, small, settings or {})
        folder = self.folder / name
        built = build_resolved(resolved, manager=self.manager, progress=SilentProgress())
        return KitBuild(
            folder=folder / "out" / self.target,
            samples=folder / "samples.npy",
            qdq=_only(folder / "out" / ".cache" / "quantize"),
            platform=resolved.builds[0].platform,
            stem="model",
            result=built.targets[0],
        )

    def configure(
        self, name: str, small: SmallModel, settings: Mapping[str, object]
    ) -> ResolvedConfig:
        """Write `small`, samples and a config into the folder `name`, and resolve it.

        Raises:
            ConfigError: A setting is wrong.
        """
        import onnx

        folder = self.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        onnx.save(make_model(small), folder / "model.onnx")
        np.save(folder / "samples.npy", make_samples(small, SAMPLES))
        config = {
            "model": "model.onnx",
            "output": "out",
            "calibration": {"data": "samples.npy", "samples": SAMPLES},
            # Native programs take longer: one build has them.
            "compile": {"sources": False, **self._batches()},
        }
        file = folder / "config.json"
        file.write_text(json.dumps(config), encoding="utf-8")
        chosen = {**self.settings, **settings}
        overrides = [_override(path, value) for path, value in chosen.items()]
        return configure(file, manager=self.manager, overrides=overrides, targets=[self.target])

    def _batches(self) -> dict[str, object]:
        """The batches of every build, of a target that can be asked for several."""
        honoured = "static_batch_sizes" in self.definition.spec.machine_options
        return {"static_batch_sizes": list(BATCHES)} if honoured else {}


def _only(entries: Path) -> Path:
    """The QDQ model of the one entry that a build without rules leaves in the cache."""
    (entry,) = entries.iterdir()
    return entry / QDQ_MODEL


def _override(text: str, value: object) -> Override:
    path = parse_path(text)
    if path is None:
        raise ConfigError(Code.CONFIG_SYNTAX, "This names no setting", where="settings", got=text)
    return Override(path=path, value=value, origin="settings")
