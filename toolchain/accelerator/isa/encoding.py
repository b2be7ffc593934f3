"""Code as bytes: docs/isa.md, Binary. Reading them is `decode`.

What instructions have in common stands once in tables: layouts of views, finishes, and forms,
which are instructions without their offsets. An instruction is then the number of its form and
how its offsets and waits differ from those before.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from toolchain.accelerator.isa.code import Code
from toolchain.accelerator.isa.decoding import decode
from toolchain.accelerator.isa.fields import DTYPES, FIELDS, OPCODES, Field, Kind, home, invalid
from toolchain.accelerator.isa.instructions import Instruction
from toolchain.accelerator.isa.operands import Finish, Queue, ToInteger, View
from toolchain.accelerator.isa.stream import (
    MAGIC,
    VERSION,
    put,
    put_all,
    put_near,
    put_number,
    put_signed,
    put_text,
)

__all__ = ["decode", "encode"]


@dataclass(slots=True)
class _Table:
    """Entries by their bytes, numbered as they come."""

    numbers: dict[bytes, int] = field(default_factory=dict)

    def number(self, entry: bytearray) -> int:
        return self.numbers.setdefault(bytes(entry), len(self.numbers))

    def put(self, out: bytearray) -> None:
        put(out, len(self.numbers))
        for entry in self.numbers:
            out += entry


@dataclass(slots=True)
class _Tables:
    queues: dict[Queue, int]
    layouts: _Table = field(default_factory=_Table)
    finishes: _Table = field(default_factory=_Table)
    forms: _Table = field(default_factory=_Table)


def encode(code: Code) -> bytes:
    """The bytes of a code, the same for equal codes; `decode` gives it back exactly.

    Raises:
        CompileError: CODE_INVALID for what no bytes can say: numbers of more than 64 bits, views
            that are none, waits and probes on queues or instructions that the code does not have.
    """
    tables = _Tables(queues={queue: number for number, queue in enumerate(code.queues)})
    words = bytearray()
    for queue, instructions in code.queues.items():
        _put_queue(words, tables, queue, instructions)
    _put_probes(words, tables, code)
    out = bytearray(MAGIC)
    out.append(VERSION)
    put_text(out, code.machine)
    _put_texts(out, code.operations)
    put(out, len(code.sizes))
    for space, size in code.sizes.items():
        put(out, space)
        put(out, size)
    put(out, len(code.queues))
    for queue, instructions in code.queues.items():
        for value in (queue.core, queue.engine, queue.index, len(instructions)):
            put(out, value)
    for table in (tables.layouts, tables.finishes, tables.forms):
        table.put(out)
    return bytes(out + words)


def _put_texts(out: bytearray, texts: Iterable[str]) -> None:
    texts = tuple(texts)
    put(out, len(texts))
    for text in texts:
        put_text(out, text)


def _put_queue(
    out: bytearray, tables: _Tables, queue: Queue, instructions: tuple[Instruction, ...]
) -> None:
    operation = 0
    waited: dict[Queue, int] = {}
    offsets: dict[int, list[int]] = {}
    for index, instruction in enumerate(instructions):
        form, now = _form(tables, queue, instruction)
        put(out, form)
        put_near(out, instruction.operation, operation)
        operation = instruction.operation
        put(out, len(instruction.waits))
        for wait in instruction.waits:
            if wait.queue not in tables.queues:
                where = f"instruction {index} of {queue}"
                raise invalid("An instruction waits for a queue without any", where, got=wait.queue)
            put(out, tables.queues[wait.queue])
            put_near(out, wait.count, waited.get(wait.queue, 0))
            waited[wait.queue] = wait.count
        for offset, before in zip(now, offsets.get(form, [0] * len(now)), strict=True):
            put_near(out, offset, before)
        offsets[form] = now


def _form(tables: _Tables, queue: Queue, instruction: Instruction) -> tuple[int, list[int]]:
    """Number of an instruction's form, and the offsets of its views."""
    entry, offsets = bytearray(), []
    put(entry, OPCODES[type(instruction)])
    for at in FIELDS[type(instruction)]:
        value = getattr(instruction, at.name)
        if isinstance(value, View):
            offsets.append(value.offset)
        _put_field(entry, tables, queue, at, value)
    return tables.forms.number(entry), offsets


def _put_field(out: bytearray, tables: _Tables, queue: Queue, at: Field, value: Any) -> None:
    match at.kind:
        case Kind.VIEW:
            _put_place(out, tables, queue, value)
        case Kind.OPTIONAL_VIEW:
            out.append(value is not None)
            if value is not None:
                _put_place(out, tables, queue, value)
        case Kind.INTEGER:
            put_signed(out, value)
        case Kind.INTEGERS:
            put_all(out, value)
        case Kind.NUMBER:
            put_number(out, value)
        case Kind.FLAG | Kind.WORD:
            put(out, value)
        case Kind.FINISH:
            put(out, tables.finishes.number(_finish(value)))


def _put_place(out: bytearray, tables: _Tables, queue: Queue, view: View) -> None:
    """A view without its offset."""
    if view.offset < 0:
        raise invalid("A view begins before its memory", f"a view of {queue}", got=view.offset)
    own = view.core == home(queue, view.space)
    put(out, view.space)
    put(out, 0 if own else view.core + 1)
    put(out, tables.layouts.number(_layout(view)))


def _layout(view: View) -> bytearray:
    """Type, extents and strides, these as differences from those without gaps between elements."""
    fits = len(view.shape) == len(view.strides) and min(view.shape, default=1) >= 1
    if view.dtype not in DTYPES or not fits:
        got = f"{view.dtype.value}, extents {view.shape}, strides {view.strides}"
        raise invalid("A view is none", "instructions", got=got)
    entry = bytearray([DTYPES.index(view.dtype)])
    put_all(entry, view.shape)
    expected = view.itemsize
    for extent, stride in zip(reversed(view.shape), reversed(view.strides), strict=True):
        put_near(entry, stride, expected)
        expected = extent * stride
    return entry


def _finish(finish: Finish) -> bytearray:
    entry = bytearray()
    if isinstance(finish, ToInteger):
        put(entry, 0)
        put(entry, finish.rounding)
        put(entry, finish.exact)
        for value in (finish.guard_bits, finish.zero_point, finish.low, finish.high):
            put_signed(entry, value)
    else:
        put(entry, 1)
        put_signed(entry, finish.guard_bits)
        put_number(entry, finish.low)
        put_number(entry, finish.high)
    return entry


def _put_probes(out: bytearray, tables: _Tables, code: Code) -> None:
    names = {
        name: number for number, name in enumerate(dict.fromkeys(p.tensor for p in code.probes))
    }
    _put_texts(out, names)
    put(out, len(code.probes))
    index = 0
    for probe in code.probes:
        instructions = code.queues.get(probe.queue, ())
        if not 0 <= probe.index < len(instructions):
            where = f"{probe.queue}[{probe.index}]"
            raise invalid("A probe is on an instruction that there is not", where, got=probe.tensor)
        put(out, tables.queues[probe.queue])
        put_near(out, probe.index, index)
        put(out, names[probe.tensor])
        put_all(out, probe.starts)
        _put_place(out, tables, probe.queue, probe.view)
        put_near(out, probe.view.offset, instructions[probe.index].target.offset)
        index = probe.index
