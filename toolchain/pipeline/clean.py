"""Removal of what builds wrote."""

from __future__ import annotations

import shutil
from pathlib import Path

from toolchain.errors import Code, ConfigError
from toolchain.pipeline.workspace import Workspace


def clean(output: Path, *, cache_only: bool) -> int:
    """Remove the cache of an output folder and what was published there; returns the bytes freed.

    Nothing else in the folder is touched; it goes, too, when nothing else is in it.

    Args:
        output: The output folder; there is nothing to do where it does not exist.
        cache_only: Keep what was published.

    Raises:
        ConfigError: No build ever wrote there.
    """
    if not output.exists():
        return 0
    workspace = Workspace(output)
    published = workspace.published() if output.is_dir() else ()
    if not workspace.has_cache and not published:
        raise ConfigError(
            Code.BAD_VALUE,
            "The folder holds no build, so nothing is removed",
            where=str(output),
            allowed="a folder that `tc build` wrote",
        )
    cache = (workspace.cache,) if workspace.has_cache else ()
    folders = cache if cache_only else (*cache, *published)
    freed = sum(_size(folder) for folder in folders)
    for folder in folders:
        shutil.rmtree(folder)
    if not cache_only and not any(output.iterdir()):
        output.rmdir()
    return freed


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
