"""docs/isa.md says what the code does: tables are compared, and the example is encoded."""

from __future__ import annotations

import re
from enum import IntEnum
from pathlib import Path

import pytest

from toolchain.accelerator.isa.assembly import assemble
from toolchain.accelerator.isa.encoding import encode
from toolchain.accelerator.isa.fields import DTYPES, FIELDS, OPCODES, Field, Kind
from toolchain.accelerator.isa.instruction_rules import MAX_GUARD_BITS
from toolchain.accelerator.isa.instructions import (
    ENGINES,
    Combine,
    CombineKind,
    Instruction,
    Pool,
    PoolKind,
    Reduce,
    ReduceKind,
)
from toolchain.accelerator.isa.operand_types import (
    BYTES,
    INTEGERS,
    NARROW,
    OPERANDS,
    RESULTS,
    WIDE,
    Operand,
)
from toolchain.accelerator.isa.operands import (
    EVERY_CORE,
    MAX_RANK,
    Engine,
    Rounding,
    Space,
    ToFloat,
    ToInteger,
)
from toolchain.accelerator.isa.stream import MAGIC, VERSION

PAGE = (Path(__file__).parents[3] / "docs" / "isa.md").read_text(encoding="utf-8")
LINES = PAGE.splitlines()
SECTIONS = dict(re.findall(r"^#+ (.+)\n((?:(?!#+ ).*\n)*)", PAGE, re.MULTILINE))
GROUPS = {
    BYTES: "bytes",
    NARROW: "narrow",
    WIDE: "wide",
    INTEGERS: "integers",
    RESULTS: "results",
    DTYPES: "any",
}


def described(at: Field) -> str:
    if at.kind is Kind.FINISH:
        return f"`{at.name}` {'finish' if ToFloat in at.finishes else 'ToInteger'}"
    return f"`{at.name}` {'view?' if at.kind is Kind.OPTIONAL_VIEW else at.kind.value}"


@pytest.mark.parametrize("record", ENGINES, ids=lambda record: record.__name__)
def test_instructions_have_the_numbers_engines_and_fields_of_the_table(
    record: type[Instruction],
) -> None:
    engines = ", ".join(engine.name.lower() for engine in ENGINES[record])
    fields = ", ".join(map(described, FIELDS[record]))
    row = f"| {OPCODES[record]} | `{record.__name__}` | {engines} | {fields} |"
    assert row in SECTIONS["Instructions"].splitlines()


def allowed(name: str, operand: Operand) -> str:
    types = GROUPS.get(operand.dtypes) or ", ".join(operand.dtypes)
    return f"`{name}`: {types}" + (f", {operand.rank}" if operand.rank else "")


@pytest.mark.parametrize("record", ENGINES, ids=lambda record: record.__name__)
def test_operands_are_those_of_the_table(record: type[Instruction]) -> None:
    operands = "; ".join(allowed(name, operand) for name, operand in OPERANDS[record].items())
    assert f"| `{record.__name__}` | {operands} |" in SECTIONS["Operands"].splitlines()
    views = {at.name for at in FIELDS[record] if at.is_view}
    assert set(OPERANDS[record]) == views


@pytest.mark.parametrize("record", ENGINES, ids=lambda record: record.__name__)
def test_every_instruction_is_said_what_it_computes(record: type[Instruction]) -> None:
    rows = [
        line
        for line in SECTIONS["What each computes"].splitlines()
        if line.startswith(f"| `{record.__name__}` |")
    ]
    assert len(rows) == 1
    if "below" in rows[0]:
        assert f"\n**{record.__name__}.** " in SECTIONS["What each computes"]


def test_groups_of_types_are_the_words_of_the_page() -> None:
    sentence = (
        "Bytes: int8, uint8. Narrow: bytes, int16, uint16. Wide: narrow, int32. "
        "Integers: wide, int64. Results: integers, float32. Any: all types."
    )
    assert sentence in SECTIONS["Operands"]
    grown: tuple[str, ...] = ()
    for part in sentence.rstrip(".").split(". ")[:-1]:
        name, _, members = part.partition(": ")
        own = [m for m in members.split(", ") if m not in GROUPS.values()]
        grown = (*grown, *own)
        assert {group: [*types] for types, group in GROUPS.items()}[name.lower()] == [*grown]


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ("Memories", Space),
        ("Queues and waits", Engine),
        ("Finishes", Rounding),
    ],
)
def test_enumerations_have_the_numbers_of_the_tables(section: str, words: type[IntEnum]) -> None:
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \|", SECTIONS[section], re.MULTILINE)
    found = [(int(number), word) for number, word in rows if word.islower()]
    assert found == [(word.value, word.name.lower()) for word in words]


def test_types_have_the_numbers_of_the_table() -> None:
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \| (\d)", SECTIONS["Views"], re.MULTILINE)
    assert rows == [(str(i), d.value, str(d.numpy.itemsize)) for i, d in enumerate(DTYPES)]


@pytest.mark.parametrize(
    ("record", "words"), [(Pool, PoolKind), (Combine, CombineKind), (Reduce, ReduceKind)]
)
def test_kinds_have_the_numbers_of_the_table(
    record: type[Instruction], words: type[IntEnum]
) -> None:
    assert [word.value for word in words] == list(range(len(words)))
    cells = [f"`{word.name.lower()}`" for word in words] + [""] * (3 - len(words))
    row = f"| `{record.__name__}` | {' | '.join(cells)} |".replace("  |", " |")
    assert row in SECTIONS["Instructions"].splitlines()


@pytest.mark.parametrize(("number", "record"), [(0, ToInteger), (1, ToFloat)])
def test_finishes_have_the_fields_of_the_table(number: int, record: type) -> None:
    fields = ", ".join(f"`{name}`" for name in record.__dataclass_fields__)
    assert f"\n| {number} | `{record.__name__}` | {fields} | " in SECTIONS["Finishes"]


def test_limits_are_those_of_the_code() -> None:
    assert f"guard_bits 0 to {MAX_GUARD_BITS}" in SECTIONS["Finishes"]
    assert f"At most {MAX_RANK} axes" in SECTIONS["Views"]
    assert f"`core` = {EVERY_CORE} " in SECTIONS["Views"]
    assert f"the bytes `{MAGIC.decode()}`, then the version, {VERSION} " in SECTIONS["Binary"]


def test_the_example_is_encoded_byte_by_byte_as_the_page_says() -> None:
    section = SECTIONS["Binary"]
    text = "\n".join(line[4:] for line in section.splitlines() if line.startswith("    "))
    shown = re.findall(r"^\| `((?:[0-9a-f]{2} ?)+)` \|", section, re.MULTILINE)
    assert len(shown) == 13
    assert encode(assemble(text)).hex(" ") == " ".join(shown)


def test_values_of_the_assembly_table_can_be_read() -> None:
    """The examples of views, finishes, waits and numbers, in one instruction each."""
    head = 'machine "m"\nqueue 0.tensor.1\n'
    cells = dict(re.findall(r"^\| (\w+) \| (.+) \|$", SECTIONS["Assembly"], re.MULTILINE))
    views = [word for word in re.findall(r"`([^`]+)`", cells["view"]) if word.startswith("mem")]
    assert len(views) == 3
    for view in views:
        whole = view if ":" in view else f"{view}:int8:4"
        assemble(f"{head}fill target={whole} value=0x40")
    assemble(f"{head}fill target=memory+0x0:int8:2x3/64,1 value=-12")
    finishes = re.findall(r"`([^`]+)`", cells["finish"])
    assert len(finishes) == 2
    for finish in finishes:
        assemble(
            f"{head}multiply target=memory+0x0:int8:1x1x1 a=memory+0x0:int8:1x1x1 "
            f"b=memory+0x0:int8:1x1x1 factor=memory+0x0:float32:1 finish={finish} "
            "waits=0.transfer.0:2,1.tensor.0:7"
        )
