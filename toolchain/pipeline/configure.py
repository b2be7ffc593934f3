"""From a config file to the builds it asks for, with the plugins that are installed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from toolchain.config.loading import RawConfig, read_config
from toolchain.config.overrides import Override
from toolchain.config.resolve import ResolvedConfig, resolve
from toolchain.plugin.manager import PluginManager


def configure(
    config: Path,
    *,
    manager: PluginManager,
    overrides: Sequence[Override] = (),
    targets: Sequence[str] | None = None,
) -> ResolvedConfig:
    """Read and validate a config file for `targets`, or for its own where that is None.

    Raises:
        ConfigError: The file or an override is wrong.
        PluginError: A target asked for is missing because its plugin is broken.
    """
    raw = read_config(config)
    manager.require_targets(_asked(raw, targets))
    return resolve(raw, overrides, manager.targets(), targets)


def _asked(raw: RawConfig, targets: Sequence[str] | None) -> list[str]:
    """Targets that the user names anywhere; the file is not validated yet."""
    chosen = raw.values.get("targets") if targets is None else targets
    tables = raw.values.get("target")
    names = [*(chosen if isinstance(chosen, (list, tuple)) else ())]
    names += tables if isinstance(tables, dict) else ()
    return [name for name in names if isinstance(name, str)]
