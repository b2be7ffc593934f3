"""The whole job in one call, for Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from toolchain.config.dotted import parse_path
from toolchain.config.overrides import Override
from toolchain.core.progress import Progress, SilentProgress
from toolchain.errors import Code, ConfigError
from toolchain.pipeline.build import BuildResult
from toolchain.pipeline.build import build as build_resolved
from toolchain.pipeline.configure import configure
from toolchain.plugin.manager import PluginManager


def build(
    config: str | Path,
    *,
    targets: Sequence[str] | None = None,
    settings: Mapping[str, object] | None = None,
    until: str | None = None,
    progress: Progress | None = None,
) -> BuildResult:
    """Build a model as `tc build` does.

    Args:
        config: Config file (TOML, JSON or YAML).
        targets: Targets to build; None takes the config's own.
        settings: Dotted paths to values that win over the file: {"quantize.method": "mse"}.
        until: Last stage to run: optimize, quantize, mixed-precision, compile, check or analyze.
        progress: Shows how far the work is; None shows nothing.

    Returns:
        Reports and files of every target. A failed check does not raise: see
        `result.targets[0].check.passed`.

    Raises:
        ToolchainError: The error that `tc build` would show.
    """
    manager = PluginManager.load()
    overrides = overrides_of(settings or {})
    resolved = configure(Path(config), manager=manager, overrides=overrides, targets=targets)
    return build_resolved(
        resolved, manager=manager, progress=progress or SilentProgress(), until=until
    )


def overrides_of(settings: Mapping[str, object]) -> list[Override]:
    """Settings by dotted path as overrides; ConfigError for what is no path."""
    return [_override(path, value) for path, value in settings.items()]


def _override(text: str, value: object) -> Override:
    path = parse_path(text)
    if path is None:
        raise ConfigError(
            Code.CONFIG_SYNTAX,
            "This names no setting",
            where="settings",
            got=text,
            allowed="a path as in `quantize.method` or `input.0.resize`",
        )
    return Override(path=path, value=value, origin="settings")
