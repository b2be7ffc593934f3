"""Numbers that a user gives for a constant: inline, or in a file of one of three formats."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from toolchain.errors import Code, Problem
from toolchain.graph.tensors import dtype_of

if TYPE_CHECKING:
    import onnx_ir as ir

    from toolchain.core.dtypes import Array
    from toolchain.core.options import ConstantPatch

FORMATS = (".npy", ".bin", ".txt")


def read_numbers(
    patch: ConstantPatch, dtype: ir.DataType, shape: tuple[int, ...], where: str
) -> Array | Problem:
    """The numbers of `patch` in the type and shape of the constant, or what is wrong with them.

    Inline numbers, `.txt` (separated by blanks, commas or lines) and `.bin` are in order and take
    the constant's shape; an array of `.npy` must have it. Nothing is rounded to fit into an
    integer, and floats are rounded to the nearest of the constant's type.
    """
    if dtype_of(dtype) is None:
        message = "Constants of this type cannot be given as numbers"
        return _problem(where, Code.WRONG_TYPE, message, got=dtype.name.lower())
    source, given = _source(patch, dtype, where)
    if isinstance(given, Problem):
        return given
    count = int(np.prod(shape, dtype=np.int64))
    if given.size != count or (given.ndim > 1 and given.shape != shape):
        return _problem(
            source,
            Code.BAD_VALUE,
            "The constant has another shape",
            got=f"{_shape_text(given.shape)}",
            allowed=f"{_shape_text(shape)}, {count} numbers",
        )
    return _as_type(given.reshape(shape), dtype, source)


def _source(patch: ConstantPatch, dtype: ir.DataType, where: str) -> tuple[str, Array | Problem]:
    """Where the numbers stand, and they themselves, or why they cannot be read."""
    if patch.file is None:
        place = f"{where}.data"
        return place, _inline(patch.data or (), place)
    place, path = f"{where}.file", Path(patch.file)
    if path.suffix.lower() not in FORMATS:
        got, allowed = path.name, ", ".join(FORMATS)
        message = "The file of a constant has an unknown ending"
        return place, _problem(place, Code.BAD_VALUE, message, got=got, allowed=allowed)
    try:
        return place, _read(path, dtype)
    except FileNotFoundError:
        message = "The file of a constant does not exist"
        return place, _problem(place, Code.DATA_NOT_FOUND, message, got=str(path))
    except (OSError, ValueError, EOFError) as error:
        message = "The file of a constant cannot be read"
        text = str(error).splitlines()[0] if str(error) else type(error).__name__
        return place, _problem(place, Code.DATA_UNREADABLE, message, got=f"{path}: {text}")


def _inline(data: tuple[int | float, ...], where: str) -> Array | Problem:
    whole = all(isinstance(item, int) for item in data)
    try:
        return np.array(data, np.int64 if whole else np.float64)
    except OverflowError:
        return _problem(
            where,
            Code.BAD_VALUE,
            "A number is too large for any type",
            got=str(max(data, key=abs)),
        )


def _read(path: Path, dtype: ir.DataType) -> Array:
    match path.suffix.lower():
        case ".npy":
            array: Array = np.load(path, allow_pickle=False)
            if array.dtype.kind not in "fiub":
                raise ValueError(f"it holds {array.dtype}, which are no numbers")
            return array
        case ".bin":
            numbers = np.frombuffer(path.read_bytes(), dtype.numpy())
            return numbers if sys.byteorder == "little" else numbers.byteswap()
        case _:
            words = path.read_text(encoding="utf-8").replace(",", " ").split()
            try:
                return np.array([int(word) for word in words], np.int64)
            except (ValueError, OverflowError):
                return np.array([float(word) for word in words], np.float64)


def _as_type(array: Array, dtype: ir.DataType, where: str) -> Array | Problem:
    """The same numbers in `dtype`; a problem where that type does not hold them."""
    target = dtype.numpy()
    with np.errstate(all="ignore"):
        stored: Array = array.astype(target)
    changed = np.zeros(array.shape, bool)
    if not dtype.is_floating_point():
        changed = stored.astype(np.float64) != array.astype(np.float64)
    elif array.dtype.kind == "f":
        changed = np.isfinite(array) & ~np.isfinite(stored.astype(np.float64))
    if not changed.any():
        return stored
    return _problem(
        where,
        Code.WRONG_TYPE,
        f"The constant's type {dtype.name.lower()} does not hold these numbers",
        got=f"{array[changed].reshape(-1)[0]:g}",
        allowed="whole numbers within its range" if not dtype.is_floating_point() else None,
    )


def _shape_text(shape: tuple[int, ...]) -> str:
    return "[" + ", ".join(str(dim) for dim in shape) + "]"


def _problem(
    where: str, code: Code, message: str, *, got: str, allowed: str | None = None
) -> Problem:
    return Problem(code=code, message=message, where=where, got=got, allowed=allowed)
