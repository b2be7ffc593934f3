"""The file of a compiled model: what goes in comes out, and nothing else is taken."""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from toolchain.accelerator.container.file import (
    decode_container,
    encode_container,
    read_container,
    write_container,
)
from toolchain.accelerator.container.records import HostSegment, MachineSegment
from toolchain.accelerator.container.sections import Sections, pack_sections, read_sections
from toolchain.accelerator.runtime import Runtime
from toolchain.core.dtypes import DType
from toolchain.core.machine import Machine
from toolchain.errors import CompileError
from toolchain.testing.containers import sample_container

FILE = encode_container(sample_container((1, 2), groups=2))
SECTIONS = read_sections(FILE)


def test_what_goes_in_comes_out(tmp_path: Path) -> None:
    written = sample_container((1, 2, 4), groups=2)
    write_container(written, tmp_path / "m.tcm")
    read = read_container(tmp_path / "m.tcm")
    assert (read.name, read.machine, read.constants) == ("sample", "toy-2", written.constants)
    assert [(each.group, each.batch) for each in read.variants] == [
        (0, 1),
        (0, 2),
        (0, 4),
        (1, 1),
        (1, 2),
        (1, 4),
    ]
    last = read.variants[-1]
    assert (last.inputs, last.outputs) == (("x",), ("y",))
    first, machine, host = last.segments
    assert isinstance(first, HostSegment)
    assert isinstance(machine, MachineSegment)
    assert isinstance(host, HostSegment)
    (port,) = machine.outputs
    assert (port.name, port.dtype, port.shape, port.order) == ("h", DType.INT8, (4, 3), (1, 0))
    assert port.offset == 16
    assert set(machine.code.queues) == set(
        written.variants[2].segments[1].code.queues  # type: ignore[union-attr]
    )
    assert host.reasons["add"] == "Add is computed in float"
    assert [op.name for op in host.program.operations] == ["dequantize", "add"]
    np.testing.assert_array_equal(
        host.program.constants["bias"], np.array([10, 20, 30], np.float32)
    )
    assert not host.program.constants["bias"].flags.writeable


@pytest.mark.parametrize("compress", [True, False])
def test_what_was_read_runs_and_is_written_alike(toy: Machine, compress: bool) -> None:
    data = encode_container(sample_container(), compress=compress)
    read = decode_container(data, "m.tcm")
    assert encode_container(read, compress=compress) == data
    found = Runtime(read, toy).run({"x": np.array([[1, -2, 3]], np.float32)})
    np.testing.assert_array_equal(found["y"], np.array([[10.5, 19, 31.5]], np.float32))


def test_the_order_of_constants_does_not_matter() -> None:
    def ordered(*names: str) -> bytes:
        container = sample_container((1,))
        *others, last = container.variants[0].segments
        assert isinstance(last, HostSegment)
        bias = last.program.constants["bias"]
        constants = {name: bias if name == "bias" else bias[:2] for name in names}
        changed = replace(last, program=replace(last.program, constants=constants))
        variant = replace(container.variants[0], segments=(*others, changed))
        return encode_container(replace(container, variants=(variant,)))

    assert ordered("bias", "another") == ordered("another", "bias")


def test_what_variants_share_is_stored_once() -> None:
    # Constants of the region and of the CPU's programs: 320 bytes and, at 320, 12 of the bias.
    assert [len(array) for array in SECTIONS.arrays] == [320, 12]
    # Of each batch code and two programs; the groups are equal.
    assert len(SECTIONS.records) == 6
    one = encode_container(replace(sample_container((1,)), constants=bytes(range(256)) * 40))
    three = encode_container(replace(sample_container((1, 2, 4)), constants=bytes(range(256)) * 40))
    assert len(three) <= 1.15 * len(one)


def test_packing_makes_the_file_smaller() -> None:
    container = sample_container((1, 2, 4))
    assert len(encode_container(container)) < len(encode_container(container, compress=False)) / 2


def refused(data: bytes, message: str) -> None:
    with pytest.raises(CompileError) as caught:
        decode_container(data, "m.tcm")
    assert caught.value.exit_code == 5
    assert message in str(caught.value)


def prefixed(field: int, value: Any) -> bytes:
    """The file with one field of its prefix changed."""
    form = "<8sIIQQQQ32s32s"
    fields = list(struct.unpack_from(form, FILE))
    fields[field] = value
    return struct.pack(form, *fields) + FILE[struct.calcsize(form) :]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "a container, which begins with"),
        (FILE[:60], "at least 112"),
        (FILE[:-1], "The container is malformed"),
        (FILE + b"\0", "The container is malformed"),
        (b"PK\3\4" + FILE[4:], "a container, which begins with"),
        (FILE.replace(b"\r\n", b"\n"), "a container, which begins with"),
        (FILE[:-1] + b"\1", "another SHA-256"),
        (FILE[:120] + b"~" + FILE[121:], "another SHA-256"),
        (prefixed(1, 2), "of another version"),
        (prefixed(2, 7), "m.tcm, packing"),
        (prefixed(3, 2**63), "The container is malformed"),
        (prefixed(4, 2**63), f"1 to {2**28}"),
        (prefixed(4, 10), "another length once unpacked"),
        (prefixed(4, 10**6), "another length once unpacked"),
        (prefixed(5, 2**40), "m.tcm, header"),
        (prefixed(5, 100), "canonical JSON"),
        (prefixed(6, 64), "The container is malformed"),
    ],
)
def test_damaged_files(data: bytes, message: str) -> None:
    refused(data, message)


def test_a_newer_version_says_so() -> None:
    with pytest.raises(CompileError) as caught:
        decode_container(prefixed(1, 2), "m.tcm")
    (problem,) = caught.value.problems
    assert (problem.got, problem.allowed) == ("2", "1")


def test_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(CompileError, match="cannot be read"):
        read_container(tmp_path / "none.tcm")
    with pytest.raises(CompileError, match="cannot be read"):
        read_container(tmp_path)


def signed(stored: bytes, size: int, header: int, constants: bytes = b"") -> bytes:
    """A file of these records, packed, with right checksums."""
    sums = hashlib.sha256(stored).digest(), hashlib.sha256(constants).digest()
    sizes = (len(stored), size, header, len(constants))
    prefix = struct.pack("<8sIIQQQQ32s32s", FILE[:8], 1, 1, *sizes, *sums)
    return prefix + stored + bytes(-(len(prefix) + len(stored)) % 64) + constants


def test_records_that_grow_beyond_their_size() -> None:
    bomb = zlib.compress(bytes(2**24), 9)
    refused(signed(bomb, 100, 100), "another length once unpacked")
    refused(signed(bomb, 2**29, 100), f"1 to {2**28}")
    refused(signed(bomb + b"more", 2**24, 100), "another length once unpacked")
    refused(signed(bomb[:-9], 2**24, 100), "another length once unpacked")


@pytest.mark.parametrize("text", [b"[" * 10**5, b"null", b'{"a": 1}', b"\xff", b'{"a":NaN}'])
def test_headers_that_are_no_canonical_json(text: bytes) -> None:
    refused(signed(zlib.compress(text), len(text), len(text)), "The container is malformed")


def forged(change: Callable[[dict[str, Any]], object]) -> bytes:
    """The file with another header."""
    header = decoded_header()
    change(header)
    return pack_sections(
        Sections(header=header, records=SECTIONS.records, arrays=SECTIONS.arrays), compress=True
    )


def decoded_header() -> dict[str, Any]:
    """A header of its own for everyone."""
    return dict(read_sections(FILE).header)


def machine(header: dict[str, Any]) -> Any:
    return header["variants"][0]["segments"][1]


def host(header: dict[str, Any]) -> Any:
    return header["variants"][0]["segments"][2]


FORGED: list[tuple[Callable[[dict[str, Any]], object], str]] = [
    (lambda h: h.pop("name"), "m.tcm, header"),
    (lambda h: h.update(more=1), "m.tcm, header"),
    (lambda h: h.update(machine="other"), "another machine than the container"),
    (lambda h: h.update(constants=2), "0 to 1, one of the arrays"),
    (lambda h: h.update(constants=-1), "0 to 1, one of the arrays"),
    (lambda h: h.update(variants=[]), "nothing that uses it"),
    (lambda h: h["variants"].reverse(), "The variants are in no order"),
    (lambda h: h["variants"][0].update(batch=0), "The variants are in no order"),
    (lambda h: h["variants"][0].update(batch=True), "got: True"),
    (lambda h: h["variants"][0].update(inputs=["x", "x"]), "listed twice"),
    (lambda h: h["variants"][0].update(inputs=["z"]), "reads what nothing wrote before"),
    (lambda h: h["variants"][0].update(outputs=["z"]), "Nothing writes an output"),
    (lambda h: h["variants"][1].update(outputs=["q"]), "different inputs or outputs"),
    (lambda h: h["variants"][0]["segments"].pop(0), "reads what nothing wrote before"),
    (lambda h: machine(h).update(record="gpu"), "machine, host"),
    (lambda h: machine(h).update(code=99), "0 to 5, one of the records"),
    (lambda h: machine(h).update(code=host(h)["program"]), "no code of a machine"),
    (lambda h: machine(h)["inputs"].append(machine(h)["inputs"][0]), "Two ports overlap"),
    (lambda h: machine(h)["outputs"].append(machine(h)["outputs"][0]), "Two ports overlap"),
    (lambda h: machine(h)["inputs"][0].update(offset=1), "A port leaves its region"),
    (lambda h: machine(h)["inputs"][0].update(offset=-1), "A port leaves its region"),
    (lambda h: machine(h)["outputs"][0].update(offset=17), "A port leaves its region"),
    (lambda h: machine(h)["inputs"][0].update(order=[0, 0]), "does not have each once"),
    (lambda h: machine(h)["inputs"][0].update(shape=[1, -3]), "A port has no such shape"),
    (lambda h: machine(h)["inputs"][0].update(shape=[1] * 9), "A port has no such shape"),
    (lambda h: machine(h)["inputs"][0].update(dtype="int16"), "A port leaves its region"),
    (lambda h: machine(h)["inputs"][0].update(dtype="uint8"), "in another form"),
    (lambda h: machine(h)["inputs"][0].update(shape=[3, 1]), "in another form"),
    (lambda h: machine(h)["inputs"][0].update(name="x"), "in another form"),
    (lambda h: machine(h)["outputs"][0].update(name="q"), "writes what exists already"),
    (lambda h: host(h).update(program=machine(h)["code"]), "canonical JSON"),
    (lambda h: host(h)["constants"].clear(), "There is no such constant"),
    (lambda h: host(h)["constants"]["bias"].update(shape=[4]), "12 bytes"),
    (lambda h: host(h)["constants"]["bias"].update(dtype="object"), "got: object"),
    (lambda h: host(h)["reasons"].update(other="x"), "an operation that there is not"),
]


@pytest.mark.parametrize(("change", "message"), FORGED)
def test_headers_that_say_what_cannot_be(
    change: Callable[[dict[str, Any]], object], message: str
) -> None:
    refused(forged(change), message)


def test_a_container_that_is_not_consistent_is_not_written() -> None:
    one, two = sample_container((1, 2)).variants
    container = sample_container((1,))
    with pytest.raises(CompileError, match="more constants than there are"):
        encode_container(replace(container, constants=bytes(319)))
    with pytest.raises(CompileError, match="cannot be divided"):
        encode_container(replace(container, variants=(replace(two, batch=3),)))
    wider = replace(sample_container((4,)).variants[0], batch=2)  # two rows to a sample
    with pytest.raises(CompileError, match="samples of different forms"):
        encode_container(replace(container, variants=(one, wider)))


ARRAYS: list[tuple[list[Any], str]] = [
    ([[0, 320]], "m.tcm, arrays\n"),
    ([[0, 320], [256, 12]], "the offset 320"),
    ([[0, 320], [384, 12]], "the offset 320"),
    ([[0, 400], [448, 12]], "a length of 0 to 332"),
    ([[0, 320], [320, 13]], "a length of 0 to 12"),
    ([[0, 320], [320, -1]], "a length of 0 to 12"),
    ([[0, 320], [320]], "the offset 320"),
    ([[0, 320], None], "arrays[1]"),
]


def replaced(key: str, value: object) -> bytes:
    """The file with other places in its header."""
    text = zlib.decompress(FILE[112 : 112 + struct.unpack_from("<Q", FILE, 16)[0]])
    length = struct.unpack_from("<Q", FILE, 32)[0]
    header = json.loads(text[:length])
    header[key] = value
    changed = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    records = changed + text[length:]
    return signed(zlib.compress(records), len(records), len(changed), FILE[-332:])


@pytest.mark.parametrize(("places", "message"), ARRAYS)
def test_constants_that_overlap_or_leave_the_file(places: list[Any], message: str) -> None:
    refused(replaced("arrays", places), message)


@pytest.mark.parametrize(
    ("lengths", "message"),
    [([], "m.tcm, records\n"), ([10**9], "records[0]"), ([-5, 5], "records[0]"), (None, "records")],
)
def test_records_that_leave_the_file(lengths: object, message: str) -> None:
    refused(replaced("records", lengths), message)


def test_any_damage_is_found() -> None:
    random = np.random.default_rng(5)
    for _ in range(400):
        data = bytearray(FILE)
        for _ in range(random.integers(1, 4)):
            data[random.integers(len(data))] ^= 1 << int(random.integers(8))
        if data != FILE:
            with pytest.raises(CompileError):
                decode_container(bytes(data), "m.tcm")
    for end in range(0, len(FILE), 7):
        with pytest.raises(CompileError):
            decode_container(FILE[:end], "m.tcm")


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place of a JSON value that can be changed."""
    items = enumerate(value) if isinstance(value, list) else value.items()
    for key, item in items:
        yield value, key
        if isinstance(item, (list, dict)):
            yield from places(item)


def test_headers_with_anything_anywhere_raise_nothing_else() -> None:
    random = np.random.default_rng(7)
    count = len(list(places(decoded_header())))
    values: tuple[Any, ...] = (
        None,
        -1,
        0,
        1,
        2**62,
        2**70,
        1.5,
        "x",
        "",
        "\0",
        [],
        [0],
        {},
        True,
        "int64",
    )
    accepted = 0
    for index in range(600):
        header = decoded_header()
        parent, key = list(places(header))[index % count]
        parent[key] = values[random.integers(len(values))]
        sections = Sections(header=header, records=SECTIONS.records, arrays=SECTIONS.arrays)
        try:
            decode_container(pack_sections(sections, compress=False), "m.tcm")
            accepted += 1
        except CompileError:
            pass
    assert accepted < 60


def test_records_with_anything_anywhere_raise_nothing_else() -> None:
    random = np.random.default_rng(9)
    for _ in range(400):
        records = [bytearray(record) for record in SECTIONS.records]
        record = records[random.integers(len(records))]
        record[random.integers(len(record))] = int(random.integers(256))
        changed = [bytes(record) for record in records]
        sections = Sections(header=SECTIONS.header, records=changed, arrays=SECTIONS.arrays)
        with suppress(CompileError):
            decode_container(pack_sections(sections, compress=False), "m.tcm")
