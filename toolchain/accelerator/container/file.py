"""The file of a compiled model, NAME.tcm: docs/container.md says what is in it, byte by byte."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from toolchain.accelerator.container.checks import check_container
from toolchain.accelerator.container.records import (
    Container,
    HostSegment,
    MachineSegment,
    Port,
    Segment,
    Variant,
)
from toolchain.accelerator.container.sections import (
    FILE,
    VERSION,
    OtherVersionError,
    Sections,
    Store,
    pack_sections,
    read_sections,
)
from toolchain.accelerator.isa.code import Code as MachineCode
from toolchain.accelerator.isa.encoding import decode, encode
from toolchain.errors import Code, CompileError
from toolchain.program.encoding import (
    KIND,
    Json,
    Malformed,
    decode_layout,
    decode_record,
    encode_record,
    require,
    reshaped,
)
from toolchain.program.records import Program
from toolchain.program.serialize import (
    canonical,
    decode_records,
    encode_records,
    parse_canonical,
)

if TYPE_CHECKING:
    from toolchain.core.dtypes import Array


def write_container(container: Container, path: Path, *, compress: bool = True) -> None:
    """Write a container; the same one gives the same bytes.

    Args:
        container: Held against all that a reader checks.
        path: Where to.
        compress: Pack code and programs, whose variants resemble each other. Constants are
            stored as they are, so that a runtime can use them where they lie in the file.

    Raises:
        CompileError: The container is not consistent.
    """
    path.write_bytes(encode_container(container, compress=compress))


def encode_container(container: Container, *, compress: bool = True) -> bytes:
    """The bytes that `write_container` writes."""
    check_container(container)
    records, arrays = Store(), Store()
    header = {
        "name": container.name,
        "machine": container.machine,
        "constants": arrays.add(container.constants),
        "variants": [_encode_variant(each, records, arrays) for each in container.variants],
    }
    sections = Sections(header=header, records=tuple(records.numbers), arrays=tuple(arrays.numbers))
    return pack_sections(sections, compress=compress)


def read_container(path: Path) -> Container:
    """Read what `write_container` wrote, or anything else that has the name of a container.

    Raises:
        CompileError: The file cannot be read, is no container, cut short, damaged, of a newer
            version, larger than its size allows once unpacked, or says what cannot be: ports
            outside of regions, programs that break their rules, tensors that nobody writes.
            Nothing in the file is executed.
    """
    if path.exists() and not path.is_file():  # what else has a name may never end
        raise _invalid(str(path), "The container cannot be read", "a folder or a device")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise _invalid(str(path), "The container cannot be read", error) from error
    return decode_container(data, str(path))


def decode_container(data: bytes, where: str) -> Container:
    """The container of the bytes of a file, which is called `where` in errors."""
    try:
        container = _decode(_Reader(sections=read_sections(data)))
    except OtherVersionError as error:
        raise CompileError(
            Code.PACKAGE_INVALID,
            "The container is of another version",
            where=where,
            got=error.version,
            allowed=str(VERSION),
            hint="install the version of this project that wrote it, or build the model again",
        ) from error
    except Malformed as error:
        place = where if error.where == FILE else f"{where}, {error.where}"
        message = "The container is malformed"
        raise _invalid(place, message, error.got, error.allowed) from error
    check_container(container)
    return container


def _invalid(where: str, message: str, got: object, allowed: str | None = None) -> CompileError:
    return CompileError(
        Code.PACKAGE_INVALID,
        message,
        where=where,
        got=got,
        allowed=allowed,
        hint="copy the file again, or build the model again",
    )


def _encode_variant(variant: Variant, records: Store, arrays: Store) -> dict[str, Json]:
    return {
        "group": variant.group,
        "batch": variant.batch,
        "inputs": list(variant.inputs),
        "outputs": list(variant.outputs),
        "segments": [_encode_segment(each, records, arrays) for each in variant.segments],
    }


def _encode_segment(segment: Segment, records: Store, arrays: Store) -> dict[str, Json]:
    if isinstance(segment, MachineSegment):
        return {
            KIND: "machine",
            "code": records.add(encode(segment.code)),
            "inputs": [encode_record(port) for port in segment.inputs],
            "outputs": [encode_record(port) for port in segment.outputs],
        }
    constants = segment.program.constants
    return {
        KIND: "host",
        "program": records.add(canonical(encode_records(segment.program))),
        "constants": {name: _encode_array(constants[name], arrays) for name in sorted(constants)},
        "reasons": dict(segment.reasons),
    }


def _encode_array(array: Array, arrays: Store) -> dict[str, Json]:
    data = array.astype(array.dtype.newbyteorder("<")).tobytes()
    return {"dtype": array.dtype.name, "shape": list(array.shape), "array": arrays.add(data)}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reader:
    """Sections by number, and which of them something uses; code is decoded once."""

    sections: Sections
    used: set[tuple[str, int]] = field(default_factory=set)
    codes: dict[int, MachineCode] = field(default_factory=dict)

    def record(self, number: Json, where: str) -> bytes:
        return self._get("records", self.sections.records, number, where)

    def array(self, number: Json, where: str) -> bytes:
        return self._get("arrays", self.sections.arrays, number, where)

    def code(self, number: Json, where: str) -> MachineCode:
        data = self.record(number, where)
        if number not in self.codes:
            self.codes[number] = decode(data)
        return self.codes[number]

    def check_all_used(self) -> None:
        for kind, stored in (("records", self.sections.records), ("arrays", self.sections.arrays)):
            for number in range(len(stored)):
                if (kind, number) not in self.used:
                    raise Malformed(f"{kind}[{number}]", "nothing that uses it", "a use")

    def _get(self, kind: str, stored: Sequence[bytes], number: Json, where: str) -> bytes:
        if not 0 <= require(number, int, where) < len(stored):
            raise Malformed(where, number, f"0 to {len(stored) - 1}, one of the {kind}")
        self.used.add((kind, number))
        return stored[number]


def _decode(reader: _Reader) -> Container:
    names = ("name", "machine", "constants", "variants")
    found = _fields(reader.sections.header, names, "header")
    variants = enumerate(require(found["variants"], list, "variants"))
    container = Container(
        name=require(found["name"], str, "name"),
        machine=require(found["machine"], str, "machine"),
        constants=reader.array(found["constants"], "constants"),
        variants=tuple(_decode_variant(item, reader, f"variants[{n}]") for n, item in variants),
    )
    reader.check_all_used()
    return container


def _fields(data: Json, names: Sequence[str], where: str) -> dict[str, Any]:
    found: dict[str, Any] = require(data, dict, where)
    if set(found) != set(names):
        raise Malformed(where, sorted(found), ", ".join(names))
    return found


def _decode_variant(data: Json, reader: _Reader, where: str) -> Variant:
    found = _fields(data, ("group", "batch", "inputs", "outputs", "segments"), where)
    segments = enumerate(require(found["segments"], list, f"{where}.segments"))
    return Variant(
        group=require(found["group"], int, f"{where}.group"),
        batch=require(found["batch"], int, f"{where}.batch"),
        inputs=_names(found["inputs"], f"{where}.inputs"),
        outputs=_names(found["outputs"], f"{where}.outputs"),
        segments=tuple(
            _decode_segment(item, reader, f"{where}.segments[{n}]") for n, item in segments
        ),
    )


def _names(data: Json, where: str) -> tuple[str, ...]:
    return tuple(require(name, str, where) for name in require(data, list, where))


def _decode_segment(data: Json, reader: _Reader, where: str) -> Segment:
    kind = require(data, dict, where).get(KIND)
    if kind == "machine":
        found = _fields(data, (KIND, "code", "inputs", "outputs"), where)
        return MachineSegment(
            code=reader.code(found["code"], f"{where}.code"),
            inputs=_ports(found["inputs"], f"{where}.inputs"),
            outputs=_ports(found["outputs"], f"{where}.outputs"),
        )
    if kind != "host":
        raise Malformed(f"{where}.{KIND}", kind, "machine, host")
    found = _fields(data, (KIND, "program", "constants", "reasons"), where)
    reasons = require(found["reasons"], dict, f"{where}.reasons")
    return HostSegment(
        program=_decode_program(found, reader, where),
        reasons={name: require(reasons[name], str, f"{where}.reasons") for name in reasons},
    )


def _ports(data: Json, where: str) -> tuple[Port, ...]:
    items = enumerate(require(data, list, where))
    return tuple(decode_record(item, Port, f"{where}[{number}]") for number, item in items)


def _decode_program(found: Mapping[str, Json], reader: _Reader, where: str) -> Program:
    constants = {
        require(name, str, where): _decode_array(item, reader, f"{where}.constants[{name}]")
        for name, item in require(found["constants"], dict, f"{where}.constants").items()
    }
    body = parse_canonical(reader.record(found["program"], f"{where}.program"))
    return decode_records(body, constants)


def _decode_array(data: Json, reader: _Reader, where: str) -> Array:
    found = _fields(data, ("dtype", "shape", "array"), where)
    dtype, shape = decode_layout(found, where)
    content = reader.array(found["array"], f"{where}.array")
    if len(content) != math.prod(shape) * dtype.itemsize:
        raise Malformed(where, f"{len(content)} bytes", f"{math.prod(shape) * dtype.itemsize}")
    flat = np.frombuffer(content, dtype.newbyteorder("<"))
    return reshaped(flat, shape, where).astype(dtype, copy=False)
