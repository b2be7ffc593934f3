"""Dumps read again: the index that `tc run --dump` and generated programs write, and its tensors.

Dumps come from anywhere: nothing in them is unpickled, no path leaves their folder, and every size
is known before a file is read.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import isclose, prod
from pathlib import Path, PurePosixPath
from tokenize import TokenError
from typing import Any

import numpy as np
from numpy.lib import format as npy

from toolchain.analysis.divergence import Held
from toolchain.analysis.tracing import Storage
from toolchain.core.dtypes import Array, DType
from toolchain.errors import Code, ConfigError, DataError
from toolchain.pipeline.dump import FORMAT, INDEX, VERSION
from toolchain.program.records import Program

RAW = (".raw", ".bin")
"""Endings of files that hold elements and nothing else, little-endian, in row-major order."""
ENDINGS = (".npy", *RAW)


@dataclass(frozen=True, slots=True, kw_only=True)
class DumpedTensor:
    """One tensor of an index; see `toolchain.pipeline.dump.TensorFile`."""

    name: str
    file: str
    dtype: DType
    shape: tuple[int, ...]
    scale: float | None = None
    zero_point: int = 0

    @property
    def storage(self) -> Storage:
        """How it says that it is stored."""
        return Storage(dtype=self.dtype, scale=self.scale, zero_point=self.zero_point)


@dataclass(frozen=True, slots=True, kw_only=True)
class DumpedSample:
    """The tensors of one sample."""

    name: str
    tensors: tuple[DumpedTensor, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DumpIndex:
    """What an index says.

    Attributes:
        format: "tc-dump".
        version: 1.
        runner: What was run, as in "reference", "c" or "board".
        samples: Every sample with its tensors.
        published: Folder of the build that was run; None where the index does not say.
        program_sha256: Digest of its program; None where the index does not say.
    """

    format: str
    version: int
    runner: str
    samples: tuple[DumpedSample, ...]
    published: str | None = None
    program_sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DumpedRun:
    """A folder of dumped tensors and its index."""

    folder: Path
    index: DumpIndex

    def held(self, tensor: DumpedTensor) -> Held:
        """A tensor with its elements.

        Raises:
            DataError: The file is missing, lies outside the folder, or is not what the index says.
        """
        path = self._inside(tensor.file)
        return Held(array=read_tensor(path, tensor.dtype, tensor.shape), storage=tensor.storage)

    def _inside(self, file: str) -> Path:
        path = self.folder / PurePosixPath(file)
        if "\0" in file or not path.resolve().is_relative_to(self.folder.resolve()):
            raise DataError(
                Code.ARCHIVE_UNSAFE,
                "A file of the dump lies outside of its folder",
                where=str(self.folder / INDEX),
                got=repr(file),
                allowed="paths within the folder",
            )
        return path


def open_dump(path: Path) -> DumpedRun:
    """Read the index of a dump, given by its folder or by the index itself.

    Raises:
        ConfigError: There is no index.
        DataError: It cannot be read, or is none.
    """
    file = path if path.is_file() else path / INDEX
    if not file.is_file():
        raise ConfigError(
            Code.BAD_USAGE,
            "There is no dump in this folder" if path.is_dir() else "There is no such folder",
            where=str(path),
            allowed=f"a folder with {INDEX}, as `tc run --dump` writes it",
        )
    return DumpedRun(folder=file.parent, index=_parse(file))


def as_stored(program: Program, name: str, tensor: DumpedTensor, where: Path) -> None:
    """Hold what an index says of a tensor against the program.

    Raises:
        DataError: Another type, shape, scale or zero point than the program's.
    """
    own = program.tensors[name]
    if (tensor.dtype, tensor.shape) != (own.dtype, own.shape):
        raise DataError(
            Code.DATA_SHAPE if tensor.dtype == own.dtype else Code.DATA_DTYPE,
            "A dumped tensor has another type or shape than the program's",
            where=f"{where}: {name}",
            got=f"{tensor.dtype} {list(tensor.shape)}",
            allowed=f"{own.dtype} {list(own.shape)}",
        )
    if tensor.scale is None or own.scale is None:
        return
    same = isclose(tensor.scale, own.scale, rel_tol=1e-6)  # it may have been printed in float32
    if not same or tensor.zero_point != own.zero_point:
        raise DataError(
            Code.DATA_MISMATCH,
            "A dumped tensor has other parameters than the program's",
            where=f"{where}: {name}",
            got=f"scale {tensor.scale:g}, zero point {tensor.zero_point}",
            allowed=f"scale {own.scale:g}, zero point {own.zero_point}",
        )


def read_tensor(path: Path, dtype: DType, shape: tuple[int, ...]) -> Array:
    """Elements of a .npy file, or of a raw one, which must be of this type and shape.

    Raises:
        DataError: The file is missing or cannot be read, holds another type, shape or number of
            bytes, or integers beyond a type of less than 8 bits.
    """
    try:
        array = _raw(path, dtype, shape) if path.suffix in RAW else _npy(path)
    except (OSError, ValueError, EOFError, OverflowError, TokenError) as error:
        missing = isinstance(error, FileNotFoundError)
        raise DataError(
            Code.DATA_NOT_FOUND if missing else Code.DATA_UNREADABLE,
            "A file of the dump is missing" if missing else "A dumped tensor cannot be read",
            where=str(path),
            got=None if missing else str(error),
            allowed=f"a .npy array, or raw elements in {' or '.join(RAW)}",
        ) from error
    if array.dtype != dtype.numpy:
        raise _wrong(path, Code.DATA_DTYPE, "type", array.dtype, dtype.numpy)
    if array.shape != shape:
        raise _wrong(path, Code.DATA_SHAPE, "shape", list(array.shape), list(shape))
    if dtype.is_integer and dtype.bits < 8 and array.size:
        ends = (int(array.min()), int(array.max()))
        if ends[0] < dtype.qmin or ends[1] > dtype.qmax:
            raise _wrong(path, Code.DATA_DTYPE, "range", ends, (dtype.qmin, dtype.qmax))
    return array


def _raw(path: Path, dtype: DType, shape: tuple[int, ...]) -> Array:
    size, expected = path.stat().st_size, prod(shape) * dtype.numpy.itemsize
    if size != expected:
        words = f"{expected} bytes for {dtype} {list(shape)}"
        raise _wrong(path, Code.DATA_SHAPE, "size", f"{size} bytes", words)
    flat = np.fromfile(path, dtype.numpy.newbyteorder("<"))
    return flat.reshape(shape).astype(dtype.numpy)


def _npy(path: Path) -> Array:
    # A map needs no memory for what the header promises and the file does not hold.
    array: Any = npy.open_memmap(path, mode="r")
    return np.array(array, array.dtype.newbyteorder("="), order="C")


def _wrong(path: Path, code: Code, what: str, got: object, allowed: object) -> DataError:
    message = f"A dumped tensor has the wrong {what}"
    return DataError(code, message, where=str(path), got=got, allowed=str(allowed))


def _parse(file: Path) -> DumpIndex:
    from pydantic import TypeAdapter, ValidationError

    try:
        text = file.read_bytes()
        record = json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise _malformed(file, error) from error
    known = record if isinstance(record, dict) else {}
    if (known.get("format"), known.get("version")) != (FORMAT, VERSION):
        raise _malformed(file, "another format or version")
    try:
        return TypeAdapter(DumpIndex).validate_json(text, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise _malformed(file, f"{place}: {first['msg']}") from error


def _malformed(file: Path, got: object) -> DataError:
    return DataError(
        Code.DATA_UNREADABLE,
        "The file is no index of a dump",
        where=str(file),
        got=got,
        allowed=f"JSON of format {FORMAT!r}, version {VERSION}",
    )
