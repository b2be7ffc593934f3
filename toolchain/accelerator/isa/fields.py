"""What instructions consist of, read off their records, for everything that treats all alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import Enum, IntEnum
from types import MappingProxyType
from typing import Any, get_type_hints

from toolchain.accelerator.isa.instructions import ENGINES, Instruction
from toolchain.accelerator.isa.operands import Finish, Queue, Space, ToFloat, ToInteger, View
from toolchain.core.dtypes import DType
from toolchain.errors import Code as ErrorCode
from toolchain.errors import CompileError

DTYPES = (
    DType.INT8,
    DType.UINT8,
    DType.INT16,
    DType.UINT16,
    DType.INT32,
    DType.INT64,
    DType.FLOAT32,
    DType.BOOL,
)
"""Types of elements, by their number in the binary."""

LARGEST = (1 << 63) - 1
"""Numbers of instructions are integers of 64 bits, signed."""


class Kind(Enum):
    """What a field holds."""

    VIEW = "view"
    OPTIONAL_VIEW = "view or none"
    INTEGER = "integer"
    INTEGERS = "integers"
    NUMBER = "number"
    FLAG = "flag"
    WORD = "word"
    FINISH = "finish"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field of an instruction.

    Attributes:
        name: As in its record.
        kind: What it holds.
        words: The words of a field of that kind, else none.
        finishes: The finishes that a field of that kind may hold.
    """

    name: str
    kind: Kind
    words: tuple[IntEnum, ...] = ()
    finishes: tuple[type[ToInteger | ToFloat], ...] = ()

    @property
    def is_view(self) -> bool:
        """True if a view may be in it."""
        return self.kind in (Kind.VIEW, Kind.OPTIONAL_VIEW)


_KINDS: Mapping[object, Kind] = MappingProxyType(
    {
        View: Kind.VIEW,
        View | None: Kind.OPTIONAL_VIEW,
        int: Kind.INTEGER,
        tuple[int, ...]: Kind.INTEGERS,
        float: Kind.NUMBER,
        bool: Kind.FLAG,
    }
)


def _field(name: str, hint: Any) -> Field:
    if hint in (Finish, ToInteger):
        finishes = (ToInteger, ToFloat) if hint == Finish else (ToInteger,)
        return Field(name=name, kind=Kind.FINISH, finishes=finishes)
    if hint in _KINDS:
        return Field(name=name, kind=_KINDS[hint])
    return Field(name=name, kind=Kind.WORD, words=tuple(hint))


def _fields(record: type[Instruction]) -> tuple[Field, ...]:
    hints = get_type_hints(record)
    names = [at.name for at in fields(record) if at.name not in ("operation", "waits")]
    return tuple(_field(name, hints[name]) for name in names)


FIELDS: Mapping[type[Instruction], tuple[Field, ...]] = MappingProxyType(
    {record: _fields(record) for record in ENGINES}
)
"""Fields of every instruction in their order, `target` first, without `operation` and `waits`."""

OPCODES: Mapping[type[Instruction], int] = MappingProxyType(
    {record: number for number, record in enumerate(ENGINES)}
)
"""Numbers of instructions in the binary."""

MNEMONICS: Mapping[str, type[Instruction]] = MappingProxyType(
    {record.__name__.lower(): record for record in ENGINES}
)
"""Instructions by their names in assembly."""


def home(queue: Queue, space: Space) -> int:
    """The core of a view of `space` where none is named: that of the queue, or 0 if shared."""
    return queue.core if space.per_core else 0


def invalid(
    message: str, where: str, *, got: object = None, allowed: str | None = None
) -> CompileError:
    """The error for bytes, texts and instructions that break a rule of docs/isa.md."""
    return CompileError(ErrorCode.CODE_INVALID, message, where=where, got=got, allowed=allowed)
