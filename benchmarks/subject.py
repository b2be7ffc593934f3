"""The model of a config, unpacked, and built in this process as far as a benchmark needs it."""

from __future__ import annotations

import lzma
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from toolchain.config.loading import read_config
from toolchain.config.resolve import resolve
from toolchain.core.samples import SampleStore
from toolchain.pipeline.build import TargetResult
from toolchain.pipeline.run import build
from toolchain.plugin.manager import PluginManager


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is measured.

    Attributes:
        config: Config file.
        target: Target to build for.
        model: The model as plain ONNX, so that neither side of a comparison has to unpack it.
        output: Output folder of the builds.
        settings: Settings that win over the config's.
    """

    config: Path
    target: str
    model: Path
    output: Path
    settings: Mapping[str, object]

    @property
    def name(self) -> str:
        """What tables call it."""
        return self.config.stem

    @property
    def cache(self) -> Path:
        """Where the builds keep the results of their stages."""
        return self.output / ".cache"

    def build(self, until: str | None = None) -> TargetResult:
        """Build up to the stage `until`, or wholly."""
        settings = {**self.settings, "model": str(self.model), "output": str(self.output)}
        result = build(self.config, targets=[self.target], settings=settings, until=until)
        return result.targets[0]

    def stores(self) -> set[Path]:
        """Folders of preprocessed samples that the builds have made so far."""
        return set((self.cache / "samples").iterdir())

    def prepare(self) -> tuple[Path, SampleStore]:
        """Optimize the model and preprocess its calibration samples; returns both."""
        model = file_of(self.build("optimize"), "optimized.onnx")
        (folder,) = self.stores()
        return model, SampleStore.open(folder)


def file_of(result: TargetResult, suffix: str) -> Path:
    """The published file whose name ends in `suffix`."""
    return next(row.path for row in result.files if row.path.name.endswith(suffix))


def subject(
    config: Path, folder: Path, target: str, settings: Mapping[str, object] | None = None
) -> Subject:
    """The subject of `config`, built in `folder`."""
    options = resolve(read_config(config), (), PluginManager.load().targets(), [target]).builds[0]
    given = Path(options.model)
    home = folder / config.stem
    home.mkdir(parents=True)
    model = given
    if given.suffix == ".xz":
        model = home / given.stem
        model.write_bytes(lzma.decompress(given.read_bytes()))
    return Subject(
        config=config, target=target, model=model, output=home / "build", settings=settings or {}
    )
