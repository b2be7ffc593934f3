"""Bytes as code: docs/isa.md, Binary. Writing them is `encode`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from toolchain.accelerator.isa.code import Code, Probe
from toolchain.accelerator.isa.fields import DTYPES, FIELDS, LARGEST, OPCODES, Field, Kind, home
from toolchain.accelerator.isa.instructions import Instruction
from toolchain.accelerator.isa.operands import (
    EVERY_CORE,
    Engine,
    Finish,
    Queue,
    Rounding,
    Space,
    ToFloat,
    ToInteger,
    View,
    Wait,
)
from toolchain.accelerator.isa.stream import MAGIC, VERSION, Reader
from toolchain.core.dtypes import DType

_SPACES, _ENGINES, _ROUNDINGS = tuple(Space), tuple(Engine), tuple(Rounding)
_RECORDS = tuple(OPCODES)


def decode(data: bytes) -> Code:
    """The code of bytes from anywhere: whatever is wrong with them is found before it is used.

    Whether the machine can execute it is another question (`check_code`).

    Raises:
        CompileError: CODE_INVALID with the byte where the data is damaged, cut short, of another
            version or no code at all.
    """
    reader = Reader(data)
    if reader.take(len(MAGIC)) != MAGIC:
        raise reader.error("This is no code of a machine", got=data[:4], allowed=repr(MAGIC))
    (version,) = reader.take(1)
    if version != VERSION:
        raise reader.error("The code is of another version", got=version, allowed=f"{VERSION}")
    machine = reader.text()
    operations = _texts(reader)
    sizes = _sizes(reader)
    lengths = _lengths(reader)
    layouts = tuple(_read_layout(reader) for _ in range(reader.count()))
    finishes = tuple(_read_finish(reader) for _ in range(reader.count()))
    forms = tuple(_read_form(reader, layouts, finishes) for _ in range(reader.count()))
    order = tuple(lengths)
    queues = {queue: _read_queue(reader, forms, order, queue, lengths[queue]) for queue in order}
    probes = _read_probes(reader, layouts, queues)
    reader.end()
    return Code(machine=machine, operations=operations, queues=queues, sizes=sizes, probes=probes)


def _texts(reader: Reader) -> tuple[str, ...]:
    return tuple(reader.text() for _ in range(reader.count()))


def _sizes(reader: Reader) -> dict[Space, int]:
    sizes: dict[Space, int] = {}
    for _ in range(reader.count()):
        space = reader.one_of(_SPACES, "memory")
        if sizes and space <= next(reversed(sizes)):
            raise reader.error("Memories are not in their order", got=space.name)
        sizes[space] = reader.below(LARGEST + 1, "size")
    return sizes


def _lengths(reader: Reader) -> dict[Queue, int]:
    lengths: dict[Queue, int] = {}
    for _ in range(reader.count()):
        core = reader.below(EVERY_CORE, "core")
        engine = reader.one_of(_ENGINES, "engine")
        queue = Queue(core, engine, reader.below(256, "queue"))
        if lengths and queue <= next(reversed(lengths)):
            raise reader.error("Queues are not in their order", got=queue)
        lengths[queue] = reader.count()
    return lengths


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    dtype: DType
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def _read_layout(reader: Reader) -> _Layout:
    dtype = reader.one_of(DTYPES, "type of elements")
    shape = reader.all()
    if any(extent < 1 for extent in shape):
        raise reader.error("An extent is less than 1", got=shape)
    strides: list[int] = []
    expected = dtype.numpy.itemsize
    for extent in reversed(shape):
        strides.append(reader.near(expected))
        expected = extent * strides[-1]
    return _Layout(dtype=dtype, shape=shape, strides=tuple(reversed(strides)))


def _read_finish(reader: Reader) -> Finish:
    if reader.below(2, "finish") == 0:
        return ToInteger(
            rounding=reader.one_of(_ROUNDINGS, "rounding"),
            exact=reader.flag(),
            guard_bits=reader.signed(),
            zero_point=reader.signed(),
            low=reader.signed(),
            high=reader.signed(),
        )
    return ToFloat(guard_bits=reader.signed(), low=reader.number(), high=reader.number())


@dataclass(frozen=True, slots=True)
class _Place:
    """A view without its offset; the core is None for that of the queue."""

    space: Space
    core: int | None
    layout: _Layout

    def view(self, queue: Queue, offset: int) -> View:
        return View(
            space=self.space,
            core=home(queue, self.space) if self.core is None else self.core,
            offset=offset,
            dtype=self.layout.dtype,
            shape=self.layout.shape,
            strides=self.layout.strides,
        )


@dataclass(frozen=True, slots=True)
class _Form:
    """An instruction without offsets, operation and waits."""

    record: type[Instruction]
    places: Mapping[str, _Place]
    others: Mapping[str, Any]


def _read_place(reader: Reader, layouts: Sequence[_Layout]) -> _Place:
    space = reader.one_of(_SPACES, "memory")
    core = reader.below(EVERY_CORE + 2, "core")
    return _Place(space, core - 1 if core else None, reader.one_of(layouts, "layout"))


def _read_form(reader: Reader, layouts: Sequence[_Layout], finishes: Sequence[Finish]) -> _Form:
    record = reader.one_of(_RECORDS, "instruction")
    places: dict[str, _Place] = {}
    others: dict[str, Any] = {}
    for at in FIELDS[record]:
        if at.kind is Kind.VIEW or (at.kind is Kind.OPTIONAL_VIEW and reader.flag()):
            places[at.name] = _read_place(reader, layouts)
        elif at.kind is Kind.OPTIONAL_VIEW:
            others[at.name] = None
        else:
            others[at.name] = _read_field(reader, finishes, at)
    return _Form(record, places, others)


def _read_field(reader: Reader, finishes: Sequence[Finish], at: Field) -> Any:
    match at.kind:
        case Kind.INTEGER:
            return reader.signed()
        case Kind.INTEGERS:
            return reader.all()
        case Kind.NUMBER:
            return reader.number()
        case Kind.FLAG:
            return reader.flag()
        case Kind.WORD:
            return reader.one_of(at.words, f"word of {at.name}")
    return _named_finish(reader, finishes, at)


def _named_finish(reader: Reader, finishes: Sequence[Finish], at: Field) -> Finish:
    finish = reader.one_of(finishes, "finish")
    if not isinstance(finish, at.finishes):
        raise reader.error("The instruction has no such finish", got=type(finish).__name__)
    return finish


def _read_queue(
    reader: Reader, forms: Sequence[_Form], queues: Sequence[Queue], queue: Queue, length: int
) -> tuple[Instruction, ...]:
    operation = 0
    waited: dict[Queue, int] = {}
    offsets: dict[int, dict[str, int]] = {}
    instructions = []
    for _ in range(length):
        number = reader.below(len(forms), "form")
        form, last = forms[number], offsets.setdefault(number, {})
        operation = reader.near(operation)
        waits = []
        for _ in range(reader.count()):
            other = reader.one_of(queues, "queue")
            waited[other] = reader.near(waited.get(other, 0))
            waits.append(Wait(other, waited[other]))
        views = {}
        for name, place in form.places.items():
            last[name] = reader.offset(last.get(name, 0))
            views[name] = place.view(queue, last[name])
        instructions.append(
            form.record(operation=operation, waits=tuple(waits), **views, **form.others)
        )
    return tuple(instructions)


def _read_probes(
    reader: Reader, layouts: Sequence[_Layout], queues: Mapping[Queue, tuple[Instruction, ...]]
) -> tuple[Probe, ...]:
    names, order = _texts(reader), tuple(queues)
    probes = []
    index = 0
    for _ in range(reader.count()):
        queue = reader.one_of(order, "queue")
        index = reader.near(index)
        if not 0 <= index < len(queues[queue]):
            raise reader.error("A probe is on an instruction that there is not", got=index)
        tensor = reader.one_of(names, "tensor")
        starts = reader.all()
        place = _read_place(reader, layouts)
        offset = reader.offset(queues[queue][index].target.offset)
        view = place.view(queue, offset)
        probes.append(Probe(queue=queue, index=index, tensor=tensor, starts=starts, view=view))
    return tuple(probes)
