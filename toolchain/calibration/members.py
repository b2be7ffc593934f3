"""Samples that are files of their own: in a folder, named by a list, or in an archive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolchain.errors import Code, DataError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One file.

    Attributes:
        name: What the sample is called, relative to the source.
        where: The file as errors name it.
        size: In bytes.
        read: Its bytes; raises DataError if they cannot be read.
        path: The file on disk; None for a member of an archive.
    """

    name: str
    where: str
    size: int
    read: Callable[[], bytes]
    path: Path | None = None

    @property
    def suffix(self) -> str:
        """What the name ends with, in lower case, with its dot."""
        stem, dot, suffix = self.name.rpartition(".")
        return dot + suffix.lower() if stem and "/" not in suffix else ""


def member_of(path: Path, name: str) -> Member:
    """A file on disk under the name `name`.

    Raises:
        DataError: It cannot be looked at.
    """

    def read() -> bytes:
        try:
            return path.read_bytes()
        except OSError as error:
            raise unreadable(path, error) from error

    try:
        size = path.stat().st_size
    except OSError as error:
        raise unreadable(path, error) from error
    return Member(name=name, where=str(path), size=size, read=read, path=path)


def folder_members(path: Path) -> list[Member]:
    """All files in a folder and the folders in it, sorted by relative path."""
    found = [(file.relative_to(path).as_posix(), file) for file in path.rglob("*")]
    return [member_of(file, name) for name, file in sorted(found) if file.is_file()]


def list_entries(path: Path) -> list[tuple[str, Path]]:
    """Name and file of every line of a list; blank lines and `#` comments are left out.

    Raises:
        DataError: The list cannot be read or is not UTF-8 text.
    """
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable(path, error) from error
    return [(line, path.parent / line) for line in lines if line and not line.startswith("#")]


def unreadable(place: Path | str, error: BaseException, what: str = "file") -> DataError:
    """The error of a file, or `what` it is, that is there but cannot be read."""
    return DataError(
        Code.DATA_UNREADABLE,
        f"The {what} cannot be read: {error}",
        where=str(place),
        hint="check that it is complete and of the kind its name says",
    )
