"""One file, one sample: from its bytes to an array."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from toolchain.calibration.archives import BROKEN, zip_members
from toolchain.calibration.arrays import ArrayReader, chosen_key
from toolchain.calibration.images import IMAGE_SUFFIXES, decode_image
from toolchain.calibration.members import unreadable
from toolchain.calibration.objects import is_object, read_objects
from toolchain.core.options import Format, RawDtype
from toolchain.errors import Code, DataError, InternalError, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from toolchain.calibration.members import Member
    from toolchain.core.dtypes import Array
    from toolchain.core.registry import SourceRequest
    from toolchain.core.samples import InputSpec

ARRAY_SUFFIXES = frozenset({".npy", ".npz"})
RAW_SUFFIXES = frozenset({".bin", ".raw"})

SUFFIXES: Mapping[Format, frozenset[str]] = {
    Format.IMAGE: IMAGE_SUFFIXES,
    Format.NUMPY: ARRAY_SUFFIXES,
    Format.NUMPY_OBJECT: frozenset({".npy"}),
    Format.BINARY: RAW_SUFFIXES,
}
"""Which files of a folder or archive are samples of a format, in any letter case."""

_SHOWN = 5


def decode(member: Member, format_: Format, request: SourceRequest) -> Array:
    """The sample in a file.

    Args:
        member: The file.
        format_: What it holds; NUMPY takes a dictionary of arrays, too, where the user left the
            format open.
        request: Which array of several is wanted, and for which model input.

    Returns:
        uint8 (height, width, 3) in RGB, or the array as stored; raw data in the shape of the input.

    Raises:
        DataError: The file is broken, of another format, or does not have the array or the size.
    """
    data = member.read()
    if format_ is Format.IMAGE:
        return decode_image(data, member.where)
    if format_ is Format.BINARY:
        return _decode_raw(data, member, request)
    if member.suffix == ".npz":
        return _decode_npz(data, member, request)
    if is_object(data) and not (format_ is Format.NUMPY and request.format is Format.NUMPY):
        return _from_dictionary(read_objects(data, member.where), member, request)
    if format_ is Format.NUMPY_OBJECT or request.key is not None:
        raise DataError(
            Code.DATA_UNREADABLE,
            "The file holds one array, and no dictionary of input name to array",
            where=member.where,
            allowed="what np.save writes of {input name: array}",
        )
    return ArrayReader(BytesIO(data), member.where).whole()


def check_raw_sizes(members: Sequence[Member], request: SourceRequest) -> None:
    """Hold all raw files to the size of the model input before any of them is read.

    Raises:
        DataError: DATA_SHAPE for every file of another size, up to five.
    """
    if request.input is None:
        return
    wanted = _raw_bytes(request)
    bad = [member for member in members if member.size != wanted]
    if bad:
        raise DataError.of(
            _raw_problem(member.where, member.size, request) for member in bad[:_SHOWN]
        )


def raw_dtype(request: SourceRequest) -> np.dtype[np.generic]:
    """Little-endian element type of raw data: what the user says, else that of the input."""
    return np.dtype(request.dtype or _input(request).dtype).newbyteorder("<")


def raw_problem_of_length(where: str, size: int, request: SourceRequest) -> DataError:
    """The error of one file with many samples whose length is no multiple of one of them."""
    problem = _raw_problem(where, size, request)
    return DataError.of(
        [
            replace(
                problem,
                message="The raw file does not hold a whole number of samples",
                allowed=f"a multiple of {problem.allowed}",
            )
        ]
    )


def _decode_raw(data: bytes, member: Member, request: SourceRequest) -> Array:
    if len(data) != _raw_bytes(request):
        raise DataError.of([_raw_problem(member.where, len(data), request)])
    flat: Array = np.frombuffer(data, raw_dtype(request))
    return flat.reshape(_input(request).shape)


def _decode_npz(data: bytes, member: Member, request: SourceRequest) -> Array:
    try:
        found = {part.name: part for part in zip_members(BytesIO(data), member.where)}
    except BROKEN as error:
        raise unreadable(member.where, error) from error
    keys = [name.removesuffix(".npy") for name in found if name.endswith(".npy")]
    chosen = chosen_key(member.where, _preferred(keys, request), keys)
    part = found[f"{chosen}.npy"]
    return ArrayReader(BytesIO(part.read()), part.where).whole()


def _preferred(keys: Sequence[str], request: SourceRequest) -> str | None:
    """The array of the input's name, where there are several and none is named."""
    if request.key is None and request.input is not None and request.input.name in keys:
        return request.input.name
    return request.key


def _from_dictionary(arrays: Mapping[str, Array], member: Member, request: SourceRequest) -> Array:
    name = request.key or _input(request).name
    if name in arrays:
        return arrays[name]
    raise DataError(
        Code.DATA_NOT_FOUND,
        "The dictionary has no array for the model input",
        where=member.where,
        got=", ".join(sorted(arrays)) or "no array",
        allowed=f"an array under '{name}'",
    )


def _raw_bytes(request: SourceRequest) -> int:
    return prod(_input(request).shape) * raw_dtype(request).itemsize


def _raw_problem(where: str, size: int, request: SourceRequest) -> Problem:
    spec, dtype = _input(request), raw_dtype(request)
    items = prod(spec.shape)
    fitting = [name.value for name in RawDtype if np.dtype(name.value).itemsize * items == size]
    return Problem(
        code=Code.DATA_SHAPE,
        message="The raw file does not have the size of the model input",
        where=f"{where}, input '{spec.name}'",
        got=f"{size} bytes",
        allowed=f"{items * dtype.itemsize} bytes: {dtype.name} {spec.shape}",
        hint=f"set raw_dtype if they are {' or '.join(fitting)}"
        if fitting
        else "raw files hold one sample each, of the shape of the model input and nothing else",
    )


def _input(request: SourceRequest) -> InputSpec:
    if request.input is None:
        raise InternalError(Code.INTERNAL, "A sample is read for no model input")
    return request.input
