"""Removal of what builds wrote."""

from __future__ import annotations

import shutil
from pathlib import Path

from toolchain.errors import Code, ConfigError
from toolchain.pipeline.workspace import Workspace


def clean(output: Path, *, cache_only: bool) -> int:
    """Remove the cache of an output folder, or the whole folder; returns the bytes freed.

    Raises:
        ConfigError: The folder exists but no build ever wrote there.
    """
    workspace = Workspace(output)
    if not output.exists():
        return 0
    if not workspace.cache.is_dir():
        raise ConfigError(
            Code.BAD_VALUE,
            "The folder holds no build, so nothing is removed",
            where=str(output),
            allowed="a folder that `tc build` wrote",
        )
    folder = workspace.cache if cache_only else output
    freed = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    shutil.rmtree(folder)
    return freed
