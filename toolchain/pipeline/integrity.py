"""What a finished stage wrote, sealed by digest, so that damage is found before it is used."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from toolchain.errors import Code, SystemFailure

INDEX = ".index.json"
"""File of a cache entry that holds the digests of all others."""


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def seal(folder: Path) -> str:
    """Write the digest of every file into the index; returns the digest of the whole content."""
    files = {
        path.relative_to(folder).as_posix(): file_digest(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    (folder / INDEX).write_text(json.dumps(files, sort_keys=True, indent=0), encoding="utf-8")
    return file_digest(folder / INDEX)


def verify(folder: Path) -> str:
    """Hold every file against the index; returns what `seal` returned.

    Raises:
        SystemFailure: CACHE_DAMAGED where a file is missing or is not what was written.
    """
    try:
        files = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        for name, digest in files.items():
            if file_digest(folder / name) != digest:
                raise damaged(folder / name, "other bytes than were written")
    except OSError as error:
        raise damaged(Path(error.filename or folder), error.strerror) from error
    except (ValueError, AttributeError) as error:
        raise damaged(folder / INDEX, error) from error
    return file_digest(folder / INDEX)


def damaged(path: Path, got: object) -> SystemFailure:
    """The error of a file in the cache that is not what a stage wrote."""
    return SystemFailure(
        Code.CACHE_DAMAGED,
        "The build cache is damaged",
        where=str(path),
        got=got,
        hint="`tc clean --cache` removes it, and the next build fills it again",
    )
