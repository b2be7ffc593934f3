"""The file format of the integer program: one JSON file and one file of constants.

`<stem>.program.json` is canonical JSON (sorted keys, no spaces, ASCII): format, version, the
SHA-256 of the body, and the body. The body holds every record, the SHA-256 of the constants' file
and, for every constant, its type, shape, offset and length in bytes. `<stem>.program.bin` holds the
constants, little-endian, each at a multiple of 64 bytes, in the order of their names. The same
program gives the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from toolchain.core.dtypes import DType
from toolchain.core.quant import Rounding
from toolchain.core.target import Requantization
from toolchain.errors import Code, CompileError
from toolchain.program import records
from toolchain.program.encoding import (
    Json,
    Malformed,
    decode_enum,
    decode_layout,
    decode_record,
    decode_tagged,
    encode_record,
    encode_tagged,
    require,
    reshaped,
)
from toolchain.program.records import Operation, Program, Tensor
from toolchain.program.validation import check_program

if TYPE_CHECKING:
    from toolchain.core.dtypes import Array

FORMAT = "toolchain.program"
VERSION = 1
ALIGNMENT_BYTES = 64

_OPERATIONS: Mapping[str, type[Operation]] = {
    name: record
    for name, record in vars(records).items()
    if isinstance(record, type) and issubclass(record, Operation) and record is not Operation
}
_RECORDS = frozenset(
    {"name", "inputs", "outputs", "tensors", "operations"}
    | {"rounding", "requantization", "wide_accumulator"}
)
"""Keys of a program without its constants."""


def save_program(program: Program, folder: Path, stem: str) -> tuple[str, str]:
    """Write `<stem>.program.json` and `<stem>.program.bin` into `folder`; returns their names."""
    layout, weights = _lay_out(program.constants)
    body = {
        **encode_records(program),
        "constants": layout,
        "constants_sha256": hashlib.sha256(weights).hexdigest(),
    }
    document = {
        "format": FORMAT,
        "version": VERSION,
        "body_sha256": hashlib.sha256(canonical(body)).hexdigest(),
        "body": body,
    }
    json_name, bin_name = _file_names(stem)
    (folder / json_name).write_bytes(canonical(document))
    (folder / bin_name).write_bytes(weights)
    return json_name, bin_name


def encode_records(program: Program) -> dict[str, Json]:
    """Everything of a program but its constants, as a JSON object."""
    return {
        "name": program.name,
        "rounding": program.rounding.value,
        "requantization": program.requantization.value,
        "wide_accumulator": program.wide_accumulator.value,
        "inputs": list(program.inputs),
        "outputs": list(program.outputs),
        "tensors": [encode_record(program.tensors[name]) for name in sorted(program.tensors)],
        "operations": [encode_tagged(op) for op in program.operations],
    }


def decode_records(body: Mapping[str, Json], constants: Mapping[str, Array]) -> Program:
    """The program, unchecked, of what `encode_records` gave and constants; raises Malformed."""
    if set(body) != _RECORDS:
        raise Malformed("body", sorted(body), "the fields of a program")
    tensors = [
        decode_record(item, Tensor, f"tensors[{index}]")
        for index, item in enumerate(require(body["tensors"], list, "tensors"))
    ]
    if len({tensor.name for tensor in tensors}) != len(tensors):
        raise Malformed("tensors", "a name twice", "every name once")
    return Program(
        name=require(body["name"], str, "name"),
        rounding=decode_enum(body["rounding"], Rounding, "rounding"),
        requantization=decode_enum(body["requantization"], Requantization, "requantization"),
        wide_accumulator=decode_enum(body["wide_accumulator"], DType, "wide_accumulator"),
        inputs=_names(body["inputs"], "inputs"),
        outputs=_names(body["outputs"], "outputs"),
        tensors={tensor.name: tensor for tensor in tensors},
        constants=constants,
        operations=tuple(
            decode_tagged(item, _OPERATIONS, f"operations[{index}]")
            for index, item in enumerate(require(body["operations"], list, "operations"))
        ),
    )


def load_program(folder: Path, stem: str) -> Program:
    """Read what `save_program` wrote.

    Raises CompileError where a file is missing, was changed, is of another version, or holds
    anything that a program cannot be: unknown records, fields or types, numbers out of range, names
    that do not exist. Nothing in the files is executed.
    """
    json_name, bin_name = _file_names(stem)
    try:
        text, weights = _read(folder / json_name), _read(folder / bin_name)
        program = _decode_program(_parse(text), weights)
    except OSError as error:
        raise _invalid(folder / json_name, "The program cannot be read", error) from error
    except Malformed as error:
        raise _invalid(folder / json_name, "The program's file is malformed", error) from error
    check_program(program)
    return program


def _read(path: Path) -> bytes:
    """All of a regular file; what else has a name may never end."""
    if path.exists() and not path.is_file():
        raise Malformed(path.name, "a folder or a device", "a file")
    return path.read_bytes()


def _file_names(stem: str) -> tuple[str, str]:
    return f"{stem}.program.json", f"{stem}.program.bin"


def _invalid(path: Path, message: str, got: object) -> CompileError:
    return CompileError(
        Code.PROGRAM_INVALID,
        message,
        where=str(path),
        got=got,
        hint="build the program again; its files are not meant to be edited",
    )


def canonical(value: Json) -> bytes:
    """A JSON value as ASCII text with sorted keys and without spaces: equal values, equal bytes."""
    text = json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
    )
    return text.encode("ascii")


def parse_canonical(text: bytes) -> dict[str, Json]:
    """The object of what `canonical` gave; raises Malformed for any other text."""
    try:
        document = require(json.loads(text), dict, "file")
        if canonical(document) != text:
            raise Malformed("file", "another form", "canonical JSON")
    except (ValueError, RecursionError) as error:  # not JSON, not UTF-8, NaN, or nested too deep
        raise Malformed("file", error, "canonical JSON") from error
    return document


def _lay_out(constants: Mapping[str, Array]) -> tuple[dict[str, Json], bytes]:
    """Place of every constant in the file, and the file."""
    layout: dict[str, Json] = {}
    content = bytearray()
    for name in sorted(constants):
        array = constants[name]
        data = array.astype(array.dtype.newbyteorder("<")).tobytes()
        content.extend(bytes(-len(content) % ALIGNMENT_BYTES))
        layout[name] = {
            "dtype": array.dtype.name,
            "shape": list(array.shape),
            "offset": len(content),
            "length": len(data),
        }
        content.extend(data)
    return layout, bytes(content)


def _parse(text: bytes) -> dict[str, Json]:
    """The body of the JSON file, once its form and checksum are right."""
    document = parse_canonical(text)
    if set(document) != {"format", "version", "body_sha256", "body"}:
        raise Malformed("file", sorted(document), "format, version, body_sha256 and body")
    if document["format"] != FORMAT:
        raise Malformed("format", document["format"], FORMAT)
    if require(document["version"], int, "version") != VERSION:
        raise Malformed("version", document["version"], str(VERSION))
    body = require(document["body"], dict, "body")
    digest = hashlib.sha256(canonical(body)).hexdigest()
    if document["body_sha256"] != digest:
        raise Malformed("body_sha256", document["body_sha256"], digest)
    return body


def _decode_program(body: dict[str, Json], weights: bytes) -> Program:
    if set(body) != _RECORDS | {"constants", "constants_sha256"}:
        raise Malformed("body", sorted(body), "the fields of a program")
    if body["constants_sha256"] != hashlib.sha256(weights).hexdigest():
        raise Malformed("constants_sha256", body["constants_sha256"], "that of the .bin file")
    records = {key: body[key] for key in _RECORDS}
    return decode_records(records, _decode_constants(body["constants"], weights))


def _names(data: Json, where: str) -> tuple[str, ...]:
    return tuple(require(name, str, where) for name in require(data, list, where))


def _decode_constants(data: Json, weights: bytes) -> dict[str, Array]:
    """The constants, which must fill the file without gaps or overlap."""
    constants: dict[str, Array] = {}
    end = 0
    for name, entry in sorted(require(data, dict, "constants").items()):
        where = f"constants[{require(name, str, 'constants')}]"
        fields: dict[str, Any] = require(entry, dict, where)
        if set(fields) != {"dtype", "shape", "offset", "length"}:
            raise Malformed(where, sorted(fields), "dtype, shape, offset and length")
        dtype, shape = decode_layout(fields, where)
        offset = end + -end % ALIGNMENT_BYTES
        length = math.prod(shape) * dtype.itemsize
        place = (
            require(fields["offset"], int, where),
            require(fields["length"], int, where),
        )
        if place != (offset, length) or offset + length > len(weights):
            raise Malformed(where, f"offset and length {place}", f"{(offset, length)}, in the file")
        if any(weights[end:offset]):
            raise Malformed(where, "something between the constants", "zeros")
        end = offset + length
        flat = np.frombuffer(memoryview(weights)[offset:end], dtype.newbyteorder("<"))
        constants[name] = reshaped(flat, shape, where).astype(dtype, copy=False)
    if end != len(weights):
        raise Malformed("constants", f"{len(weights)} bytes", f"{end} bytes")
    return constants
