"""Members of .tar, .tar.gz and .zip archives, read one by one; nothing is unpacked into a folder.

An archive is refused as a whole if a member leads outside of it, is a link or a device, or if the
members are so much larger than the archive that it is made to fill the disk.
"""

from __future__ import annotations

import gzip
import lzma
import re
import stat
import tarfile
import tempfile
import weakref
import zipfile
import zlib
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath
from threading import Lock
from typing import IO, TYPE_CHECKING

from toolchain.calibration.members import Member, unreadable
from toolchain.errors import Code, DataError, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

ARCHIVE_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".zip")

BROKEN = (
    OSError,
    EOFError,
    ValueError,
    RuntimeError,  # encrypted members and unknown compressions of zipfile
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
    tarfile.TarError,
)
"""What a damaged archive makes the libraries raise."""
_DRIVE = re.compile(r"[A-Za-z]:")
_SHOWN = 5
_PIECE = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveLimits:
    """Beyond which an archive is refused.

    Attributes:
        members: Number of members.
        member_bytes: Size of one of them, which is read into memory.
        total_bytes: Size of all together.
        ratio: How many times larger than the archive its members may be; arrays of zeros are
            packed a thousandfold, photos hardly at all.
        free_bytes: Up to this total size the ratio does not matter.
    """

    members: int = 1_000_000
    member_bytes: int = 2 << 30
    total_bytes: int = 64 << 30
    ratio: int = 200
    free_bytes: int = 256 << 20


LIMITS = ArchiveLimits()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """A member as the archive declares it."""

    name: str
    size: int
    is_file: bool
    is_link: bool
    source: zipfile.ZipInfo | tarfile.TarInfo


def is_archive(path: Path) -> bool:
    """True for a file whose name says that it is an archive."""
    return path.is_file() and path.name.lower().endswith(ARCHIVE_SUFFIXES)


def archive_members(path: Path, limits: ArchiveLimits = LIMITS) -> list[Member]:
    """The files in an archive, in its order, under normalized relative names.

    A .tar.gz is unpacked into an anonymous temporary file, since it cannot be read from the middle.
    What the Finder of macOS leaves in archives (`__MACOSX`, `._*`) is left out.

    Raises:
        DataError: ARCHIVE_UNSAFE with everything that is wrong; DATA_UNREADABLE for a broken or
            encrypted archive, and for two members of one name.
    """
    try:
        if path.name.lower().endswith(".zip"):
            return zip_members(path, str(path), limits)
        return _tar_members(path, limits)
    except BROKEN as error:
        raise unreadable(path, error, "archive") from error


def zip_members(file: Path | IO[bytes], where: str, limits: ArchiveLimits = LIMITS) -> list[Member]:
    """The files in a .zip, as `archive_members`; what is broken raises the errors of zipfile."""
    archive = zipfile.ZipFile(file)
    packed = sum(info.compress_size for info in archive.infolist())
    entries = [
        _Entry(
            name=info.filename,
            size=info.file_size,
            is_file=not info.is_dir(),
            is_link=stat.S_ISLNK(info.external_attr >> 16),
            source=info,
        )
        for info in archive.infolist()
    ]
    secret = [info.filename for info in archive.infolist() if info.flag_bits & 1]
    if secret:
        raise DataError(
            Code.DATA_UNREADABLE, "The archive is encrypted", where=where, got=_listing(secret)
        )
    _check(entries, packed, where, limits)
    return _members(entries, where, lambda entry: archive.read(entry.source))  # type: ignore[arg-type]


def _tar_members(path: Path, limits: ArchiveLimits) -> list[Member]:
    with ExitStack() as closing:
        file = closing.enter_context(_opened_tar(path, limits))
        entries = _tar_entries(file)
        _check(entries, file.seek(0, 2), str(path), limits)
        closing.pop_all()
    lock = Lock()

    def load(entry: _Entry) -> bytes:
        with lock:
            file.seek(entry.source.offset_data)  # type: ignore[union-attr]
            data = file.read(entry.size)
        if len(data) < entry.size:
            raise EOFError(f"{len(data)} of {entry.size} bytes")
        return data

    # Closes with the last member; readers have no end of their own.
    weakref.finalize(load, file.close)
    return _members(entries, str(path), load)


def _tar_entries(file: IO[bytes]) -> list[_Entry]:
    with tarfile.open(fileobj=file, mode="r:") as archive:
        return [
            _Entry(
                name=info.name,
                size=info.size,
                is_file=not info.isdir(),
                # A sparse file lies in the archive in pieces.
                is_link=not (info.isdir() or (info.isreg() and not info.issparse())),
                source=info,
            )
            for info in archive
        ]


def _opened_tar(path: Path, limits: ArchiveLimits) -> IO[bytes]:
    """The archive itself, or what is in it where it is packed with gzip."""
    file = path.open("rb")
    packed = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    if not packed:
        return file
    with file, ExitStack() as closing:
        unpacked = closing.enter_context(tempfile.TemporaryFile())
        total, size = 0, path.stat().st_size
        with gzip.GzipFile(fileobj=file) as stream:
            while piece := stream.read(_PIECE):
                total += len(piece)
                check_size(total, size, str(path), limits)
                unpacked.write(piece)
        closing.pop_all()
    unpacked.seek(0)
    return unpacked


def _members(
    entries: Iterable[_Entry], where: str, load: Callable[[_Entry], bytes]
) -> list[Member]:
    """Readable members; what goes wrong on reading one names it."""

    def guarded(entry: _Entry, place: str) -> bytes:
        try:
            return load(entry)
        except BROKEN as error:
            raise unreadable(place, error, "archive") from error

    found = []
    for entry in entries:
        name = _normalized(entry.name)
        if entry.is_file and not _is_litter(name):
            place = f"{where}:{name}"
            read = partial(guarded, entry, place)
            found.append(Member(name=name, where=place, size=entry.size, read=read))
    twice = [name for name, count in Counter(item.name for item in found).items() if count > 1]
    if twice:
        raise DataError(
            Code.DATA_UNREADABLE,
            "The archive has two members of one name",
            where=where,
            got=_listing(twice),
        )
    return found


def _check(entries: Sequence[_Entry], packed: int, where: str, limits: ArchiveLimits) -> None:
    """Refuse the archive as a whole, with all that is wrong."""
    problems = [
        _problem(where, message, _listing(names), allowed)
        for message, names, allowed in (
            (
                "Members of the archive lead out of it",
                [entry.name for entry in entries if _leads_out(entry.name)],
                "relative names without `..`",
            ),
            (
                "Members of the archive are no plain files",
                [entry.name for entry in entries if entry.is_link],
                "files and folders; no links, devices or sparse files",
            ),
            (
                "Members of the archive are too large",
                [entry.name for entry in entries if entry.size > limits.member_bytes],
                f"{limits.member_bytes} bytes each",
            ),
        )
        if names
    ]
    if len(entries) > limits.members:
        count = f"{len(entries)}"
        problems.append(
            _problem(where, "The archive has too many members", count, f"{limits.members}")
        )
    total = sum(entry.size for entry in entries)
    problems += _size_problems(total, packed, where, limits)
    if problems:
        raise DataError.of(problems)


def check_size(total: int, packed: int, where: str, limits: ArchiveLimits = LIMITS) -> None:
    """Refuse `total` bytes that come out of `packed` ones, where that is too many.

    Raises:
        DataError: ARCHIVE_UNSAFE.
    """
    problems = list(_size_problems(total, packed, where, limits))
    if problems:
        raise DataError.of(problems)


def _size_problems(total: int, packed: int, where: str, limits: ArchiveLimits) -> Iterable[Problem]:
    if total > limits.total_bytes or (total > limits.free_bytes and total > limits.ratio * packed):
        yield _problem(
            where,
            "The archive would become far too large",
            f"at least {total} bytes from {packed}",
            f"{limits.total_bytes} bytes; {limits.ratio} times its own size where they are more "
            f"than {limits.free_bytes}",
        )


def _problem(where: str, message: str, got: str, allowed: str) -> Problem:
    return Problem(
        code=Code.ARCHIVE_UNSAFE,
        message=message,
        where=where,
        got=got,
        allowed=allowed,
        hint="nothing was unpacked; pack the samples again, or point to a folder of them",
    )


def _leads_out(name: str) -> bool:
    parts = name.replace("\\", "/").split("/")
    return parts[0] == "" or ".." in parts or bool(_DRIVE.match(name)) or "\0" in name


def _normalized(name: str) -> str:
    return PurePosixPath(name.replace("\\", "/")).as_posix()


def _is_litter(name: str) -> bool:
    parts = name.split("/")
    return "__MACOSX" in parts or parts[-1].startswith("._")


def _listing(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
