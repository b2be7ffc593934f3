"""The output folder: a cache of finished stages, and files published all or nothing.

A stage works in a folder of its own under `.cache/tmp` and is renamed into place when it is done,
so that a killed build leaves nothing half-written and two builds at once do no harm: the second to
finish finds the result there and drops its own.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4


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

    def open(self) -> None:
        """Make the folders, and drop what builds that are no longer alive left behind."""
        scratch = self.cache / "tmp"
        scratch.mkdir(parents=True, exist_ok=True)
        for folder in scratch.iterdir():
            if not _alive(folder.name.split("-")[0]):
                shutil.rmtree(folder, ignore_errors=True)

    def entry(self, stage: str, digest: str) -> Path:
        """Where the result of a stage is, or will be."""
        return self.cache / stage / digest

    def produce(self, stage: str, digest: str, work: Callable[[Path], None]) -> tuple[Path, bool]:
        """The folder with a stage's result, and whether it came from the cache.

        `work` fills a new folder; whatever it raises leaves the cache as it was.
        """
        entry = self.entry(stage, digest)
        if entry.is_dir():
            return entry, True
        with self.scratch() as folder:
            work(folder)
            entry.parent.mkdir(parents=True, exist_ok=True)
            try:
                folder.rename(entry)
            except OSError:
                # Another build put the same result there meanwhile: rename refuses a full folder.
                if not entry.is_dir():
                    raise
        return entry, False

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A new folder that is gone afterwards, unless it was renamed."""
        folder = self.cache / "tmp" / f"{os.getpid()}-{uuid4().hex}"
        folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def publish(self, name: str, files: dict[str, Path], last: str) -> dict[str, Path]:
        """Put copies of `files` (relative name to source) into the folder `name`.

        Every file is renamed into place whole, `last` (the manifest) behind all others, and files of
        an earlier build that are no longer written are removed before it. One build publishes at a
        time.
        """
        folder = self.output / name
        with self._lock(), self.scratch() as staged:
            ordered = [*(item for item in files if item != last), *([last] if last in files else [])]
            for item in ordered:
                target = staged / item
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(files[item], target)
            folder.mkdir(parents=True, exist_ok=True)
            stale = [p for p in folder.rglob("*") if p.is_file()]
            for path in stale:
                if path.relative_to(folder).as_posix() not in files:
                    path.unlink()
            for item in ordered:
                target = folder / item
                target.parent.mkdir(parents=True, exist_ok=True)
                (staged / item).replace(target)
        return {item: folder / item for item in ordered}

    def discard(self, name: str) -> None:
        """Remove the published folder `name`, if there is one."""
        with self._lock():
            shutil.rmtree(self.output / name, ignore_errors=True)

    @contextmanager
    def _lock(self) -> Iterator[None]:
        self.cache.mkdir(parents=True, exist_ok=True)
        with (self.cache / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _alive(pid: str) -> bool:
    if not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
