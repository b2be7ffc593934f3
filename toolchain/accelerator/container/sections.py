"""The outer form of a container's file: records, packed together, and constants as they are."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from toolchain.program.encoding import Json, Malformed, require
from toolchain.program.serialize import canonical, parse_canonical

MAGIC = b"\x89TCM\r\n\x1a\n"
"""First bytes; what converts ends of lines or strips the eighth bit damages them."""
VERSION = 1
ALIGNMENT_BYTES = 64
PLAIN, ZLIB = 0, 1
"""How records are stored."""
MAX_UNPACKED_BYTES = 2**28
"""Records that are longer are not packed, so that a small file cannot take all memory."""

FILE = "file"
"""Where something is wrong that concerns the file as a whole."""
PREFIX = struct.Struct("<8sIIQQQQ32s32s")
"""Magic, version, packing; bytes of the records as stored, of the records, of the header, of the
constants; SHA-256 of the records as stored, and of the constants."""


class OtherVersionError(Exception):
    """The file is of a version that this reader does not know."""

    def __init__(self, version: int) -> None:
        super().__init__(str(version))
        self.version = version


@dataclass(frozen=True, slots=True, kw_only=True)
class Sections:
    """What a file holds.

    Attributes:
        header: What the sections are, without their places.
        records: Code and programs.
        arrays: Constants.
    """

    header: Mapping[str, Json]
    records: Sequence[bytes]
    arrays: Sequence[bytes]


@dataclass(slots=True)
class Store:
    """Collects contents, equal ones once; their numbers are the order in which they came."""

    numbers: dict[bytes, int] = field(default_factory=dict)

    def add(self, content: bytes) -> int:
        """The number of the content."""
        return self.numbers.setdefault(content, len(self.numbers))


def pack_sections(sections: Sections, *, compress: bool) -> bytes:
    """The file of sections; `read_sections` gives them back."""
    places, constants = [], bytearray()
    for array in sections.arrays:
        constants.extend(bytes(-len(constants) % ALIGNMENT_BYTES))
        places.append([len(constants), len(array)])
        constants.extend(array)
    lengths = [len(record) for record in sections.records]
    header = canonical({**sections.header, "records": lengths, "arrays": places})
    records = header + b"".join(sections.records)
    packing = ZLIB if compress and len(records) <= MAX_UNPACKED_BYTES else PLAIN
    stored = zlib.compress(records, 9) if packing == ZLIB else records
    sums = (hashlib.sha256(stored).digest(), hashlib.sha256(constants).digest())
    sizes = (len(stored), len(records), len(header), len(constants))
    prefix = PREFIX.pack(MAGIC, VERSION, packing, *sizes, *sums)
    gap = bytes(-(len(prefix) + len(stored)) % ALIGNMENT_BYTES)
    return prefix + stored + gap + constants


def read_sections(data: bytes) -> Sections:
    """The sections of a file.

    Raises:
        OtherVersionError: The file is of another version.
        Malformed: It is cut short, damaged, no container, or would take too much memory.
    """
    if data[: len(MAGIC)] != MAGIC:
        raise Malformed(
            FILE, data[: len(MAGIC)].hex(" "), f"a container, which begins with {MAGIC.hex(' ')}"
        )
    if len(data) < PREFIX.size:
        raise Malformed(FILE, f"{len(data)} bytes", f"at least {PREFIX.size}")
    _, version, packing, stored, size, header, length, *sums = PREFIX.unpack_from(data)
    if version != VERSION:
        raise OtherVersionError(version)
    end = PREFIX.size + stored
    begin = end + -end % ALIGNMENT_BYTES
    if begin + length != len(data):
        raise Malformed(FILE, f"{len(data)} bytes", f"{begin + length}")
    packed, constants = data[PREFIX.size : end], data[begin:]
    if [hashlib.sha256(part).digest() for part in (packed, constants)] != sums:
        raise Malformed(FILE, "another SHA-256", "that of the records and constants")
    if any(data[end:begin]):
        raise Malformed(FILE, "something before the constants", "zeros")
    records = _unpacked(packed, packing, size)
    if header > size:
        raise Malformed("header", f"{header} bytes", f"at most {size}")
    found = parse_canonical(records[:header])
    lengths, places = found.pop("records", None), found.pop("arrays", None)
    return Sections(
        header=found,
        records=_records(records[header:], require(lengths, list, "records")),
        arrays=_arrays(constants, require(places, list, "arrays")),
    )


def _unpacked(stored: bytes, packing: int, size: int) -> bytes:
    if packing == PLAIN:
        if size != len(stored):
            raise Malformed("records", f"{size} bytes", f"{len(stored)}")
        return stored
    if packing != ZLIB:
        raise Malformed("packing", packing, f"{PLAIN} or {ZLIB}")
    if not 0 < size <= MAX_UNPACKED_BYTES:
        raise Malformed("records", f"{size} bytes", f"1 to {MAX_UNPACKED_BYTES}")
    unpacker = zlib.decompressobj()
    try:
        records = unpacker.decompress(stored, size) + unpacker.decompress(b"", 1)
    except zlib.error as error:
        raise Malformed("records", error, "packed by zlib") from error
    if len(records) != size or not unpacker.eof or unpacker.unused_data:
        raise Malformed("records", "another length once unpacked", f"{size} bytes")
    return records


def _records(data: bytes, lengths: list[Json]) -> list[bytes]:
    records, end = [], 0
    for number, item in enumerate(lengths):
        begin, end = end, end + require(item, int, f"records[{number}]")
        if not begin < end <= len(data):
            raise Malformed(f"records[{number}]", f"{item} bytes", f"1 to {len(data) - begin}")
        records.append(data[begin:end])
    if end != len(data):
        raise Malformed("records", f"{len(data)} bytes", f"{end}")
    return records


def _arrays(data: bytes, places: list[Json]) -> list[bytes]:
    """The constants, which must fill their part of the file without gaps or overlap."""
    arrays, end = [], 0
    for number, item in enumerate(places):
        where = f"arrays[{number}]"
        place = [require(each, int, where) for each in require(item, list, where)]
        begin = end + -end % ALIGNMENT_BYTES
        if len(place) != 2 or place[0] != begin or not 0 <= place[1] <= len(data) - begin:
            allowed = f"the offset {begin} and a length of 0 to {len(data) - begin}"
            raise Malformed(where, place, allowed)
        if any(data[end:begin]):
            raise Malformed(where, "something before it", "zeros")
        end = begin + place[1]
        arrays.append(data[begin:end])
    if end != len(data):
        raise Malformed("arrays", f"{len(data)} bytes", f"{end}")
    return arrays
