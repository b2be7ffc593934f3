"""The output folder: a cache of finished stages, and files published all or nothing.

A stage works in a folder of its own under `.cache/tmp` and is renamed into place when it is done,
so that a killed build leaves nothing half-written and two builds at once do no harm: the second to
finish finds the result there and drops its own.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from toolchain.errors import Code, SystemFailure
from toolchain.pipeline.integrity import seal, verify

MANIFEST = "manifest.json"
"""File that every published folder holds, and by which it is known."""
FAILED = ".failed"
"""Suffix of the folder of a target whose check failed."""

_TAG = "CACHEDIR.TAG"
_TAG_TEXT = """Signature: 8a477f597d28d172789f06886806bc55
# Finished stages of `tc build`. Backup programs leave folders with this file out.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A finished step in the cache.

    Attributes:
        folder: Where its files are.
        content: Digest of their names and bytes.
        hit: True if they were there before.
    """

    folder: Path
    content: str
    hit: bool


@dataclass(frozen=True, slots=True)
class Workspace:
    """The output folder of a config.

    Attributes:
        output: Where finished files go, a folder per target.
    """

    output: Path

    @property
    def cache(self) -> Path:
        """Folder of finished stages."""
        return self.output / ".cache"

    @property
    def has_cache(self) -> bool:
        """True if a build made the cache folder; others have one of that name, too."""
        return (self.cache / _TAG).is_file()

    def open(self) -> None:
        """Make the folders, and drop what builds that are no longer alive left behind."""
        scratch = self.cache / "tmp"
        scratch.mkdir(parents=True, exist_ok=True)
        (self.cache / _TAG).write_text(_TAG_TEXT, encoding="utf-8")
        with self._lock():
            for folder in scratch.iterdir():
                if not _in_use(folder):
                    shutil.rmtree(folder, ignore_errors=True)

    def produce(self, stage: str, digest: str, work: Callable[[Path], None]) -> Entry:
        """The entry of a stage, made by `work` unless it is in the cache.

        `work` fills a new folder; whatever it raises leaves the cache as it was.

        Raises:
            SystemFailure: The entry is in the cache, but damaged.
        """
        entry = self.cache / stage / digest
        if entry.is_dir():
            return Entry(folder=entry, content=verify(entry), hit=True)
        with self.scratch() as folder:
            work(folder)
            content = seal(folder)
            entry.parent.mkdir(parents=True, exist_ok=True)
            try:
                folder.rename(entry)
            except OSError:
                # Another build put the same result there meanwhile: rename refuses a full folder.
                if not entry.is_dir():
                    raise
        return Entry(folder=entry, content=content, hit=False)

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A new folder that is gone afterwards, unless it was renamed."""
        folder = self.cache / "tmp" / uuid4().hex
        with self._lock():
            folder.mkdir(parents=True)
            # Held as long as this process lives; `open` of another build leaves it alone.
            held = os.open(folder, os.O_RDONLY)
            fcntl.flock(held, fcntl.LOCK_EX)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(held)

    def publish(self, name: str, files: Mapping[str, Path]) -> dict[str, Path]:
        """Put copies of `files` (relative name to source) in place of the folder `name`.

        The folder is replaced as a whole: what an earlier build left there stays to the last
        moment, and old and new files are never mixed.

        Raises:
            SystemFailure: There is a folder of this name that no build wrote.
        """
        folder = self.output / name
        with self.scratch() as scratch, self._lock():
            staged, old = scratch / "new", scratch / "old"
            for item, source in files.items():
                target = staged / item
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, target)  # programs stay executable
            self._free(folder)
            try:
                if folder.exists():
                    folder.rename(old)
                staged.rename(folder)
            finally:
                if old.exists() and not folder.exists():
                    old.rename(folder)
        return {item: folder / item for item in files}

    def published(self) -> tuple[Path, ...]:
        """Folders that builds have published, in order of their names."""
        return tuple(sorted(path for path in self.output.iterdir() if _is_published(path)))

    def discard(self, name: str) -> None:
        """Remove the published folder `name`, if there is one."""
        folder = self.output / name
        with self._lock():
            if _is_published(folder):
                shutil.rmtree(folder, ignore_errors=True)

    def _free(self, folder: Path) -> None:
        """Make sure that nobody else's files are replaced."""
        taken = folder.exists() and (not folder.is_dir() or any(folder.iterdir()))
        if taken and not _is_published(folder):
            raise SystemFailure(
                Code.NOT_WRITABLE,
                "Files that no build wrote are in the way",
                where=str(folder),
                hint="move them away, or choose another output folder",
            )

    @contextmanager
    def _lock(self) -> Iterator[None]:
        with (self.cache / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _is_published(folder: Path) -> bool:
    """True if the folder holds the manifest of a target of its name."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    if not isinstance(manifest, dict) or "toolchain" not in manifest:
        return False
    return manifest.get("target") == folder.name.removesuffix(FAILED)


def _in_use(folder: Path) -> bool:
    """True if the process that made the scratch folder is still alive."""
    held = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(held)
    return False
