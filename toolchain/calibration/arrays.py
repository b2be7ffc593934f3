"""Samples along axis 0 of .npy and .npz arrays, read one by one."""

from __future__ import annotations

import shutil
import tempfile
import weakref
import zipfile
from math import prod
from pathlib import PurePath
from threading import Lock
from tokenize import TokenError
from typing import IO, TYPE_CHECKING

import numpy as np
from numpy.lib import format as npy

from toolchain.calibration.archives import check_size
from toolchain.calibration.members import unreadable
from toolchain.errors import Code, DataError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from toolchain.core.dtypes import Array


class ArrayReader:
    """Samples of one array, read from an open file in .npy format; safe for several threads."""

    images = False

    def __init__(self, file: IO[bytes], where: str) -> None:
        """Parse the header of `file`, which the reader owns from now on.

        Raises:
            DataError: Not .npy, pickled objects, a single number, or fewer bytes than promised.
        """
        self._file, self._where, self._lock = file, where, Lock()
        # Closes with the reader; the protocol of readers has no end of its own.
        weakref.finalize(self, file.close)
        self.shape, self._fortran, self._dtype = _header(file, where)
        self._start = file.tell()
        expected = self._start + prod(self.shape) * self._dtype.itemsize
        if file.seek(0, 2) < expected:
            raise DataError(
                Code.DATA_UNREADABLE,
                "The array is cut short",
                where=where,
                got=f"{file.tell()} bytes",
                allowed=f"{expected} bytes for shape {self.shape}",
            )

    def names(self) -> Sequence[str]:
        """The numbers of the samples."""
        return [str(index) for index in range(self.shape[0])]

    def read(self, index: int) -> Array:
        """Sample `index`, shape without axis 0."""
        if self._fortran:
            return self._read_strided(index)
        size = prod(self.shape[1:])
        with self._lock:
            self._file.seek(self._start + index * size * self._dtype.itemsize)
            data = self._file.read(size * self._dtype.itemsize)
        return np.frombuffer(data, self._dtype).reshape(self.shape[1:])

    def whole(self) -> Array:
        """The whole array, for files that are one sample or a list of labels."""
        with self._lock:
            self._file.seek(self._start)
            data = self._file.read(prod(self.shape) * self._dtype.itemsize)
        flat: Array = np.frombuffer(data, self._dtype)
        return flat.reshape(self.shape[::-1]).T if self._fortran else flat.reshape(self.shape)

    def _read_strided(self, index: int) -> Array:
        """Column-major arrays have the samples interleaved: a strided view reads just one."""
        with self._lock:
            view = np.memmap(self._file, self._dtype, "r", self._start, shape=self.shape, order="F")
            return np.array(view[index])


def open_npy(path: Path, key: str | None = None) -> ArrayReader:
    """Open a .npy file; `key` belongs to .npz files.

    Raises:
        DataError: The file cannot be read, is pickled, or a key is given.
    """
    if key is not None:
        raise DataError(
            Code.DATA_NOT_FOUND,
            "Only .npz files hold several arrays",
            where=str(path),
            got=f"key '{key}'",
            allowed="no key",
        )
    try:
        file = path.open("rb")
    except OSError as error:
        raise unreadable(path, error) from error
    return ArrayReader(file, str(path))


def open_npz(path: Path, key: str | None) -> ArrayReader:
    """Open array `key` of an .npz file, or its only array where `key` is None.

    The member is unpacked into a temporary file piece by piece, since a compressed one cannot be
    read from the middle.

    Raises:
        DataError: The file cannot be read, has no such array, or several and no key is given; or
            the array is far larger than the file.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            keys = [name[:-4] for name in archive.namelist() if name.endswith(".npy")]
            chosen = chosen_key(str(path), key, keys)
            size = archive.getinfo(f"{chosen}.npy").file_size
            check_size(size, path.stat().st_size, f"{path}:{chosen}")
            unpacked = tempfile.TemporaryFile()  # noqa: SIM115 - the reader closes it
            try:
                with archive.open(f"{chosen}.npy") as member:
                    shutil.copyfileobj(member, unpacked, 1 << 20)
                unpacked.seek(0)
                return ArrayReader(unpacked, f"{path}:{chosen}")
            except BaseException:
                unpacked.close()
                raise
    except (OSError, zipfile.BadZipFile, EOFError, ValueError) as error:
        raise unreadable(path, error) from error


def chosen_key(where: str, key: str | None, keys: list[str]) -> str:
    """`key`, or the only one of `keys` where it is None.

    Raises:
        DataError: DATA_NOT_FOUND if there is no such array, or several to choose from.
    """
    if key is None and len(keys) == 1:
        return keys[0]
    if key in keys:
        return str(key)
    name = PurePath(where).name
    raise DataError(
        Code.DATA_NOT_FOUND,
        "The file holds no such array" if key else "The file does not hold exactly one array",
        where=where,
        got=key or f"{len(keys)} arrays",
        allowed=", ".join(f"{name}:{key}" for key in keys) or "an array",
        hint=f"write {name}:KEY",
    )


def read_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[np.generic]]:
    """Shape, whether columns come first, and element type; the data begins where it stops reading.

    Raises:
        ValueError: The file is not in .npy format.
    """
    try:
        version = npy.read_magic(file)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, fortran, dtype = read(file)
    except (TokenError, SyntaxError, TypeError) as error:
        raise ValueError(f"the header is no .npy header: {error}") from error
    return shape, fortran, dtype


def _header(file: IO[bytes], where: str) -> tuple[tuple[int, ...], bool, np.dtype[np.generic]]:
    try:
        shape, fortran, dtype = read_header(file)
    except ValueError as error:
        raise DataError(
            Code.DATA_UNREADABLE, f"The array cannot be read: {error}", where=where
        ) from error
    if dtype.hasobject:
        raise DataError(
            Code.DATA_PICKLED,
            "The array holds pickled Python objects, which could run any code when read",
            where=where,
            got=f"dtype {dtype}",
            allowed="numbers",
            hint="save it again as an array of one numeric type",
        )
    if not shape:
        raise DataError(
            Code.DATA_SHAPE,
            "The array is a single number",
            where=where,
            got="shape ()",
            allowed="samples along axis 0",
        )
    return shape, fortran, dtype
