"""The options that say what is built, and the config they add up to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from toolchain.config.overrides import Override
    from toolchain.config.resolve import ResolvedConfig
    from toolchain.plugin.manager import PluginManager

ConfigOption = Annotated[
    Path, typer.Option("--config", "-c", help="Config file (TOML, JSON, YAML).")
]
TargetOption = Annotated[
    list[str] | None,
    typer.Option("--target", "-t", help="Target instead of the config's; several times for more."),
]
OutputOption = Annotated[
    Path | None, typer.Option("--output", "-o", help="Output folder instead of the config's.")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set", "-s", metavar="KEY=VALUE", help="Override a setting, as in quantize.method=mse."
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the command line says about a build; it wins over the file.

    Attributes:
        config: The config file.
        targets: Targets to build for; empty takes those of the file.
        assignments: Overrides as KEY=VALUE.
        output: Output folder, relative to the working folder; None takes that of the file.
        samples: Calibration samples; None takes those of the file.
    """

    config: Path
    targets: tuple[str, ...] = ()
    assignments: tuple[str, ...] = ()
    output: Path | None = None
    samples: int | None = None

    def resolve(self, manager: PluginManager) -> ResolvedConfig:
        """Read and validate the file under these settings; raises ConfigError and PluginError."""
        from toolchain.pipeline.configure import configure

        return configure(
            self.config,
            manager=manager,
            overrides=self._overrides(),
            targets=self.targets or None,
        )

    def _overrides(self) -> tuple[Override, ...]:
        from toolchain.config.overrides import Override, parse_overrides

        found = parse_overrides(self.assignments)
        if self.output is not None:
            # Absolute, because paths of a config are relative to its file.
            folder = str(self.output.absolute())
            found += (Override(path=("output",), value=folder, origin="--output"),)
        if self.samples is not None:
            path = ("calibration", "samples")
            found += (Override(path=path, value=self.samples, origin="--samples"),)
        return found
