"""The kinds of sample sources that come with the toolchain."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from toolchain.calibration.arrays import open_npy, open_npz, unreadable
from toolchain.calibration.images import IMAGE_SUFFIXES, is_image, read_image
from toolchain.core.registry import DataReaderDef, SampleReader
from toolchain.errors import Code, DataError, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from toolchain.core.dtypes import Array

_KEY = re.compile(r"(?P<path>.*\.npz):(?P<key>[^/\\]+)", re.IGNORECASE | re.DOTALL)


def split_key(path_text: str) -> tuple[Path, str | None]:
    """Path and key of `file.npz:key`; the key is None for everything else."""
    match = _KEY.fullmatch(path_text)
    return (Path(match["path"]), match["key"]) if match else (Path(path_text), None)


class FileReader:
    """Samples that are files of their own."""

    def __init__(self, files: Sequence[tuple[str, Path]], read: Callable[[Path], Array]) -> None:
        """Take (name, file) pairs in order, and how one file is read."""
        self._files, self._read = tuple(files), read

    def names(self) -> Sequence[str]:
        """The names, in order."""
        return [name for name, _ in self._files]

    def read(self, index: int) -> Array:
        """Sample `index`, decoded anew."""
        return self._read(self._files[index][1])


def open_folder(path: Path, key: str | None) -> SampleReader:
    """All images in a folder and the folders in it, sorted by relative path.

    Raises:
        DataError: A key is given.
    """
    _no_key(path, key)
    found = (file for file in path.rglob("*") if is_image(file) and file.is_file())
    named = sorted((file.relative_to(path).as_posix(), file) for file in found)
    return FileReader(named, read_image)


def open_list(path: Path, key: str | None) -> SampleReader:
    """The files that a list names, in its order; all images, or all .npy with one sample each.

    Raises:
        DataError: A key is given, the list cannot be read, files are missing, or kinds are mixed.
    """
    _no_key(path, key)
    files = list_entries(path)
    kinds = {"array" if file.suffix.lower() == ".npy" else "image" for _, file in files}
    problems = [problem for name, file in files for problem in _entry_problems(path, name, file)]
    if len(kinds) > 1 and not problems:
        problems.append(
            Problem(
                code=Code.DATA_UNREADABLE,
                message="The list mixes images and arrays",
                where=str(path),
                allowed="one kind",
            )
        )
    if problems:
        raise DataError.of(problems)
    return FileReader(files, _read_array if kinds == {"array"} else read_image)


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


def _entry_problems(path: Path, name: str, file: Path) -> list[Problem]:
    if not (is_image(file) or file.suffix.lower() == ".npy"):
        return [
            Problem(
                code=Code.DATA_UNREADABLE,
                message="The list names a file of an unknown kind",
                where=str(path),
                got=name,
                allowed=", ".join(sorted(IMAGE_SUFFIXES | {".npy"})),
            )
        ]
    if not file.is_file():
        return [
            Problem(
                code=Code.DATA_NOT_FOUND,
                message="The list names a file that does not exist",
                where=str(path),
                got=name,
                hint="paths are relative to the folder of the list",
            )
        ]
    return []


def _read_array(path: Path) -> Array:
    return open_npy(path).whole()


def _no_key(path: Path, key: str | None) -> None:
    if key is not None:
        raise DataError(
            Code.DATA_NOT_FOUND,
            "Only .npz files hold several arrays",
            where=str(path),
            got=f"key '{key}'",
            allowed="no key",
        )


def _has_suffix(suffix: str) -> Callable[[Path], bool]:
    return lambda path: path.is_file() and path.suffix.lower() == suffix


def _is_array_list(path: Path) -> bool:
    if not _has_suffix(".txt")(path):
        return False
    entries = list_entries(path)
    return bool(entries) and entries[0][1].suffix.lower() == ".npy"


READERS: tuple[DataReaderDef, ...] = (
    DataReaderDef(
        name="image_folder",
        summary="A folder of images, with the folders in it",
        accepts=Path.is_dir,
        open=open_folder,
        images=True,
    ),
    DataReaderDef(
        name="array_list",
        summary="A .txt list of .npy files, one sample each",
        accepts=_is_array_list,
        open=open_list,
    ),
    DataReaderDef(
        name="image_list",
        summary="A .txt list of images",
        accepts=_has_suffix(".txt"),
        open=open_list,
        images=True,
    ),
    DataReaderDef(
        name="npy",
        summary="One .npy array with the samples along axis 0",
        accepts=_has_suffix(".npy"),
        open=open_npy,
    ),
    DataReaderDef(
        name="npz",
        summary="An array of an .npz file (`file.npz:key`) with the samples along axis 0",
        accepts=_has_suffix(".npz"),
        open=open_npz,
    ),
)
"""The first that accepts a path opens it."""
