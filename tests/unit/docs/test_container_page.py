"""docs/container.md: a file can be read by its rules alone, and they are those of the code."""

from __future__ import annotations

import hashlib
import json
import re
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from toolchain.accelerator.batches import composed
from toolchain.accelerator.container.file import encode_container
from toolchain.accelerator.container.records import Container, HostSegment, MachineSegment
from toolchain.accelerator.container.sections import MAX_UNPACKED_BYTES, VERSION
from toolchain.accelerator.isa.encoding import encode
from toolchain.accelerator.isa.operands import MAX_RANK
from toolchain.testing.containers import sample_container

PAGE = (Path(__file__).parents[3] / "docs" / "container.md").read_text(encoding="utf-8")


def keys(table: str) -> set[str]:
    """First column of the table with this title."""
    rows = PAGE[PAGE.index(f"| {table} |") :].split("\n\n")[0].splitlines()[2:]
    return {name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])}


def read(data: bytes) -> tuple[dict[str, Any], list[bytes], list[bytes]]:
    """Header, records and arrays, by the page and without the product."""
    assert data[:8] == bytes.fromhex("8954434d0d0a1a0a")
    version, packing = struct.unpack("<II", data[8:16])
    assert version == 1
    stored, unpacked, length, size = struct.unpack("<QQQQ", data[16:48])
    body = data[112 : 112 + stored]
    begin = -(-(112 + stored) // 64) * 64
    assert data[48:80] == hashlib.sha256(body).digest()
    assert data[80:112] == hashlib.sha256(data[begin:]).digest()
    assert not any(data[112 + stored : begin])
    assert len(data) == begin + size
    records = zlib.decompress(body) if packing == 1 else body
    assert len(records) == unpacked
    header = json.loads(records[:length])
    assert json.dumps(header, sort_keys=True, separators=(",", ":")).encode() == records[:length]
    contents, end = [], length
    for count in header["records"]:
        contents.append(records[end : end + count])
        end += count
    assert end == len(records)
    assert all(offset % 64 == 0 for offset, _ in header["arrays"])
    arrays = [data[begin + offset : begin + offset + n] for offset, n in header["arrays"]]
    return header, contents, arrays


@pytest.mark.parametrize("compress", [True, False])
def test_a_reader_written_by_the_page(compress: bool) -> None:
    container = sample_container((1, 2), groups=2)
    header, records, arrays = read(encode_container(container, compress=compress))
    assert (header["name"], header["machine"]) == ("sample", "toy-2")
    assert arrays[header["constants"]] == container.constants
    for found, expected in zip(header["variants"], container.variants, strict=True):
        assert (found["group"], found["batch"]) == (expected.group, expected.batch)
        assert tuple(found["inputs"]) == expected.inputs
        assert tuple(found["outputs"]) == expected.outputs
        first, machine, last = found["segments"]
        assert [each["record"] for each in (first, machine, last)] == ["host", "machine", "host"]
        held_machine(machine, expected.segments[1], records)
        held_host(last, expected.segments[2], records, arrays)


def held_machine(found: dict[str, Any], expected: Any, records: list[bytes]) -> None:
    assert isinstance(expected, MachineSegment)
    assert records[found["code"]] == encode(expected.code)
    (port,) = found["outputs"]
    (out,) = expected.outputs
    assert (port["name"], port["dtype"], port["offset"]) == (out.name, "int8", out.offset)
    assert (tuple(port["shape"]), tuple(port["order"])) == (out.shape, out.order)


def held_host(
    found: dict[str, Any], expected: Any, records: list[bytes], arrays: list[bytes]
) -> None:
    assert isinstance(expected, HostSegment)
    body = json.loads(records[found["program"]])
    assert [op["name"] for op in body["operations"]] == ["dequantize", "add"]
    assert "constants" not in body
    bias = found["constants"]["bias"]
    values = np.frombuffer(arrays[bias["array"]], np.dtype(bias["dtype"]).newbyteorder("<"))
    np.testing.assert_array_equal(values.reshape(bias["shape"]), expected.program.constants["bias"])
    assert found["reasons"] == dict(expected.reasons)


def header_of(container: Container) -> dict[str, Any]:
    return read(encode_container(container))[0]


def test_the_tables_have_all_keys() -> None:
    header = header_of(sample_container())
    (variant, *_) = header["variants"]
    host, machine, last = variant["segments"]
    assert keys("key") == set(header)
    assert keys("key of a variant") == set(variant)
    assert keys("key of a segment of the machine") == set(machine)
    assert keys("key of a segment of the CPU") == set(host)
    assert keys("key of a port") == set(machine["inputs"][0])
    assert set(last["constants"]["bias"]) == {"dtype", "shape", "array"}


def test_the_numbers_of_the_page() -> None:
    assert f"version {VERSION}." in PAGE
    assert f"more than {MAX_UNPACKED_BYTES} bytes" in PAGE
    assert f"no more than {MAX_RANK} |" in PAGE


@pytest.mark.parametrize(
    ("batches", "samples", "said"),
    [((1, 2, 4), 9, "4 + 4 + 1"), ((1, 2, 4), 3, "2 + 1"), ((2, 3), 4, "2 + 2")],
)
def test_compositions_of_the_page(batches: tuple[int, ...], samples: int, said: str) -> None:
    assert said in PAGE
    assert " + ".join(str(batch) for batch in composed(samples, batches)) == said
