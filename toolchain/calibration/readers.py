"""The kinds of sample sources that come with the toolchain."""

from __future__ import annotations

import re
import tempfile
from contextlib import contextmanager
from math import prod
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from toolchain.calibration.archives import archive_members, is_archive
from toolchain.calibration.arrays import open_npy, open_npz
from toolchain.calibration.decode import (
    RAW_SUFFIXES,
    SUFFIXES,
    check_raw_sizes,
    decode,
    raw_dtype,
    raw_problem_of_length,
)
from toolchain.calibration.members import (
    folder_members,
    list_entries,
    member_of,
    unreadable,
)
from toolchain.calibration.objects import is_object
from toolchain.core.options import Format
from toolchain.core.registry import DataReaderDef, SampleReader, SourceKind, SourceRequest
from toolchain.errors import Code, DataError, InternalError, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from toolchain.calibration.members import Member
    from toolchain.core.dtypes import Array

_KEY = re.compile(r"(?P<path>.*\.npz):(?P<key>[^/\\]+)", re.IGNORECASE | re.DOTALL)
_HEADER = 1 << 12


def split_key(path_text: str) -> tuple[Path, str | None]:
    """Path and key of `file.npz:key`; the key is None for everything else."""
    match = _KEY.fullmatch(path_text)
    return (Path(match["path"]), match["key"]) if match else (Path(path_text), None)


class MemberReader:
    """Samples that are files of their own, all of one format."""

    def __init__(self, members: Sequence[Member], format_: Format, request: SourceRequest) -> None:
        """Take files in order; raw ones are held to their size at once.

        Raises:
            DataError: DATA_NOT_FOUND for a key where files hold one sample each; DATA_SHAPE.
        """
        self.images = format_ is Format.IMAGE
        self._members, self._format, self._request = tuple(members), format_, request
        if format_ in (Format.IMAGE, Format.BINARY) and request.key is not None:
            raise _no_key(request)
        if format_ is Format.BINARY and not request.undecoded:
            check_raw_sizes(self._members, request)

    def names(self) -> Sequence[str]:
        """The names, in order."""
        return [member.name for member in self._members]

    def read(self, index: int) -> Array:
        """Sample `index`, decoded anew."""
        return decode(self._members[index], self._format, self._request)

    @contextmanager
    def file(self, index: int) -> Iterator[Path]:
        """Sample `index` as a file on disk; that of an archive's member is gone afterwards."""
        member = self._members[index]
        if member.path is not None:
            yield member.path
            return
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / PurePosixPath(member.name).name
            path.write_bytes(member.read())
            yield path


class RawReader:
    """Samples one behind the other in one raw file."""

    images = False

    def __init__(self, request: SourceRequest) -> None:
        """Hold the length of the file to that of a sample.

        Raises:
            DataError: DATA_SHAPE if it is no multiple; DATA_UNREADABLE if it cannot be looked at.
        """
        if request.input is None:
            raise InternalError(Code.INTERNAL, "Raw samples cannot be told apart without an input")
        self._path, self._shape = request.path, request.input.shape
        self._dtype = raw_dtype(request)
        self._bytes = prod(self._shape) * self._dtype.itemsize
        size = member_of(request.path, request.path.name).size
        self._count, rest = divmod(size, self._bytes)
        if rest:
            raise raw_problem_of_length(str(request.path), size, request)

    def names(self) -> Sequence[str]:
        """The numbers of the samples."""
        return [str(index) for index in range(self._count)]

    def read(self, index: int) -> Array:
        """Sample `index`, in the shape of the model input."""
        try:
            flat: Array = np.fromfile(
                self._path, self._dtype, prod(self._shape), offset=index * self._bytes
            )
        except OSError as error:
            raise unreadable(self._path, error) from error
        return flat.reshape(self._shape)


def open_folder(request: SourceRequest) -> SampleReader:
    """The samples in a folder and the folders in it, sorted by relative path.

    Raises:
        DataError: Arrays of several kinds, or as `MemberReader`.
    """
    return _of_files(folder_members(request.path), request)


def open_archive(request: SourceRequest) -> SampleReader:
    """The samples in an archive, sorted by name.

    Raises:
        DataError: As `archive_members`, arrays of several kinds, or as `MemberReader`.
    """
    members = archive_members(request.path)
    return _of_files(sorted(members, key=lambda member: member.name), request)


def open_list(request: SourceRequest) -> SampleReader:
    """The files that a list names, in its order; all of one format.

    Raises:
        DataError: The list cannot be read, files are missing, kinds are mixed or unknown, or as
            `MemberReader`.
    """
    entries = list_entries(request.path)
    problems = [problem for entry in entries for problem in _entry_problems(request, *entry)]
    if problems:
        raise DataError.of(problems)
    members = [member_of(file, name) for name, file in entries]
    if request.format is not Format.AUTO:
        return MemberReader(members, request.format, request)
    if request.undecoded:
        return MemberReader(members, Format.BINARY, request)
    found = {_format_of(member.suffix) for member in members} or {Format.IMAGE}
    if len(found) > 1:
        raise _mixed(request, [member.name for member in members])
    return MemberReader(members, found.pop() or Format.IMAGE, request)


def open_array(request: SourceRequest) -> SampleReader:
    """Samples along axis 0 of a .npy array; a dictionary of arrays is one sample.

    Raises:
        DataError: As `open_npy`, or the dictionary is none.
    """
    if holds_objects(request.path):
        member = member_of(request.path, request.path.name)
        return MemberReader([member], Format.NUMPY_OBJECT, request)
    return open_npy(request.path, request.key)


def open_arrays(request: SourceRequest) -> SampleReader:
    """Samples along axis 0 of one array of an .npz file.

    Raises:
        DataError: As `open_npz`.
    """
    return open_npz(request.path, request.key)


def holds_objects(path: Path) -> bool:
    """True if a .npy file holds Python objects, of which dictionaries of arrays can be read."""
    try:
        with path.open("rb") as file:
            return is_object(file.read(_HEADER))
    except OSError as error:
        raise unreadable(path, error) from error


def names_need_input(path_text: str) -> bool:
    """True for a source whose samples cannot be told apart without the input that they feed.

    These are raw samples one behind the other, and .npz files of which no array is named.
    """
    path, key = split_key(path_text)
    return is_raw(path) or (path.suffix.lower() == ".npz" and key is None)


def is_raw(path: Path) -> bool:
    """True for a file of raw samples."""
    return path.is_file() and path.suffix.lower() in RAW_SUFFIXES


def may_feed_several(path: Path) -> bool:
    """True for a source of dictionaries: it may hold an array for each of several inputs."""
    if path.is_dir() or is_archive(path) or path.suffix.lower() in (".txt", ".npz"):
        return True
    return path.suffix.lower() == ".npy" and path.is_file() and holds_objects(path)


def _of_files(members: Sequence[Member], request: SourceRequest) -> MemberReader:
    """Those files that are samples: of the format asked for, else images, else arrays.

    For a function that reads files, all of a known kind are, or, where there is none, all of them.
    """
    chosen = request.format
    if chosen is Format.AUTO and request.undecoded:
        known = [member for member in members if _format_of(member.suffix)]
        return MemberReader(known or members, Format.BINARY, request)
    if chosen is Format.AUTO:
        chosen = _inferred(members, request)
    kept = [member for member in members if member.suffix in SUFFIXES[chosen]]
    return MemberReader(kept, chosen, request)


def _inferred(members: Sequence[Member], request: SourceRequest) -> Format:
    found = {_format_of(member.suffix) for member in members}
    if Format.IMAGE in found:
        return Format.IMAGE
    arrays = [item for item in found if item is not None]
    if len(arrays) > 1:
        raise _mixed(request, [item.name for item in members if _format_of(item.suffix)])
    return arrays[0] if arrays else Format.IMAGE


def _format_of(suffix: str) -> Format | None:
    """The format that a file name stands for; .npy may turn out to be a dictionary."""
    matching = (Format.IMAGE, Format.NUMPY, Format.BINARY)
    return next((item for item in matching if suffix in SUFFIXES[item]), None)


def _entry_problems(request: SourceRequest, name: str, file: Path) -> Iterator[Problem]:
    known = frozenset().union(*SUFFIXES.values())
    anything = request.undecoded or request.format is not Format.AUTO
    if not anything and file.suffix.lower() not in known:
        yield Problem(
            code=Code.DATA_UNREADABLE,
            message="The list names a file of an unknown kind",
            where=str(request.path),
            got=name,
            allowed=", ".join(sorted(known)),
            hint="set input.format if they are of one of these kinds under another name",
        )
    elif not file.is_file():
        yield Problem(
            code=Code.DATA_NOT_FOUND,
            message="The list names a file that does not exist",
            where=str(request.path),
            got=name,
            hint="paths are relative to the folder of the list",
        )


def _mixed(request: SourceRequest, names: Sequence[str]) -> DataError:
    suffixes = sorted({PurePosixPath(name).suffix.lower() for name in names})
    return DataError(
        Code.DATA_UNREADABLE,
        "The source mixes files of several kinds",
        where=str(request.path),
        got=", ".join(suffixes),
        allowed="one kind",
        hint="set input.format to the kind that is meant",
    )


def _no_key(request: SourceRequest) -> DataError:
    return DataError(
        Code.DATA_NOT_FOUND,
        "Only .npz files and dictionaries hold several arrays",
        where=str(request.path),
        got=f"key '{request.key}'",
        allowed="no key; for a model of several inputs, a table of input name to path",
    )


def _has_suffix(suffix: str) -> Callable[[Path], bool]:
    return lambda path: path.is_file() and path.suffix.lower() == suffix


READERS: tuple[DataReaderDef, ...] = (
    DataReaderDef(
        name="folder",
        summary="A folder of images, .npy, .npz or raw files, with the folders in it",
        accepts=Path.is_dir,
        open=open_folder,
        kind=SourceKind.FILES,
    ),
    DataReaderDef(
        name="archive",
        summary="A .tar, .tar.gz or .zip archive of such files",
        accepts=is_archive,
        open=open_archive,
        kind=SourceKind.FILES,
    ),
    DataReaderDef(
        name="list",
        summary="A .txt list of such files, relative to its folder",
        accepts=_has_suffix(".txt"),
        open=open_list,
        kind=SourceKind.LIST,
    ),
    DataReaderDef(
        name="npy",
        summary="One .npy array with the samples along axis 0, or a dictionary that is one sample",
        accepts=_has_suffix(".npy"),
        open=open_array,
    ),
    DataReaderDef(
        name="npz",
        summary="An array of an .npz file (`file.npz:key`) with the samples along axis 0",
        accepts=_has_suffix(".npz"),
        open=open_arrays,
    ),
    DataReaderDef(
        name="raw",
        summary="A .bin or .raw file of samples one behind the other",
        accepts=is_raw,
        open=RawReader,
    ),
)
"""The first that accepts a path opens it."""
