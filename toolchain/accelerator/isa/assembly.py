"""Code as a text that people read and write, and back: docs/isa.md, Assembly."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from toolchain.accelerator.isa.code import Code, Probe
from toolchain.accelerator.isa.fields import FIELDS, MNEMONICS, Field, Kind, invalid
from toolchain.accelerator.isa.instructions import Instruction
from toolchain.accelerator.isa.operands import Queue, Space
from toolchain.accelerator.isa.text import (
    UnreadableError,
    read_field,
    read_integer,
    read_integers,
    read_name,
    read_queue,
    read_view,
    read_waits,
    read_word,
    show_field,
    show_integers,
    show_name,
    show_queue,
    show_view,
    show_waits,
    show_word,
)

_WORD = re.compile(r'\s*(?:(#.*)|((?:[^\s"#]|"[^"\\]*(?:\\.[^"\\]*)*")+))')
_DEFAULTS: Mapping[Kind, object] = {Kind.OPTIONAL_VIEW: None, Kind.FLAG: False}
_REQUIRED = object()


def _default(at: Field) -> object:
    """What a field is where it is left out: no view, no flag, zero point 0; others never are."""
    if at.kind is Kind.INTEGER and at.name.endswith("_zero"):
        return 0
    return _DEFAULTS.get(at.kind, _REQUIRED)


def disassemble(code: Code) -> str:
    """The text of a code: a line for each instruction; `assemble` gives the code back exactly."""
    lines = [f"machine {show_name(code.machine)}"]
    lines += [f"size {show_word(space)} {size}" for space, size in code.sizes.items()]
    lines += [f"operation {show_name(n)}  # {i}" for i, n in enumerate(code.operations)]
    for queue, instructions in code.queues.items():
        lines += ["", f"queue {show_queue(queue)}"]
        for count, instruction in enumerate(instructions, 1):
            known = 0 <= instruction.operation < len(code.operations)
            name = f" {show_name(code.operations[instruction.operation])}" if known else ""
            lines.append(f"    {_show(instruction, queue)}  # {count}{name}")
    if code.probes:
        lines.append("")
    for probe in code.probes:
        lines.append(
            f"probe {show_queue(probe.queue)} index={probe.index} tensor={show_name(probe.tensor)} "
            f"starts={show_integers(probe.starts)} view={show_view(probe.view, probe.queue)}"
        )
    return "\n".join(lines) + "\n"


def _show(instruction: Instruction, queue: Queue) -> str:
    words = [type(instruction).__name__.lower()]
    for at in FIELDS[type(instruction)]:
        value = getattr(instruction, at.name)
        if at.kind is Kind.FLAG:
            words += [at.name] if value else []
        elif value != _default(at):
            words.append(f"{at.name}={show_field(value, at, queue)}")
    if instruction.operation:
        words.append(f"operation={instruction.operation}")
    if instruction.waits:
        words.append(f"waits={show_waits(instruction.waits)}")
    return " ".join(words)


def assemble(text: str) -> Code:
    """The code of a text.

    Whether the machine can execute it is another question (`check_code`).

    Raises:
        CompileError: CODE_INVALID with the line that cannot be read.
    """
    assembler = _Assembler()
    for number, line in enumerate(text.split("\n"), 1):
        try:
            words = tuple(_words(line))
            if words:
                assembler.line(words)
        except UnreadableError as error:
            where = f"line {number}"
            raise invalid(error.message, where, got=error.got[:80], allowed=error.allowed) from None
    return assembler.code()


def _words(line: str) -> Iterator[str]:
    at, line = 0, line.rstrip()
    while at < len(line):
        found = _WORD.match(line, at)
        if found is None:
            raise UnreadableError("A quote has no end", line[at:], 'as "conv1"')
        at = found.end()
        if found[2] is not None:
            yield found[2]


class _Assembler:
    """What the lines up to now say."""

    def __init__(self) -> None:
        self._machine: str | None = None
        self._sizes: dict[Space, int] = {}
        self._operations: list[str] = []
        self._queue: Queue | None = None
        self._queues: dict[Queue, list[Instruction]] = {}
        self._probes: list[Probe] = []

    def code(self) -> Code:
        """All of them together."""
        if self._machine is None:
            raise invalid(
                "The machine is missing", "text", allowed='a line as machine "ax650-npu1"'
            )
        return Code(
            machine=self._machine,
            operations=tuple(self._operations),
            queues={queue: tuple(found) for queue, found in self._queues.items()},
            sizes=self._sizes,
            probes=tuple(self._probes),
        )

    def line(self, words: tuple[str, ...]) -> None:
        """One line, without its comment."""
        match words:
            case ("machine", name) if self._machine is None:
                self._machine = read_name(name)
            case ("size", memory, size):
                space = read_word(memory, tuple(Space), "memory")
                if space in self._sizes:
                    raise UnreadableError("The memory has a size", memory, "one line for each")
                self._sizes[space] = read_integer(size)
            case ("operation", name):
                self._operations.append(read_name(name))
            case ("queue", name):
                self._queue = read_queue(name)
                self._queues.setdefault(self._queue, [])
            case ("probe", name, *rest):
                self._probes.append(_read_probe(read_queue(name), _named(rest)))
            case (name, *rest) if name in MNEMONICS:
                if self._queue is None:
                    raise UnreadableError("The queue is missing", name, "a line queue before it")
                found = _read(MNEMONICS[name], self._queue, _named(rest))
                self._queues[self._queue].append(found)
            case _:
                allowed = f"machine NAME (once), size MEMORY N, {', '.join(MNEMONICS)}"
                allowed = f"{allowed}, operation NAME, queue QUEUE, probe QUEUE ..."
                raise UnreadableError("The line says nothing", " ".join(words), allowed)


def _named(words: list[str]) -> dict[str, str]:
    """Words NAME=VALUE by their names; flags have no value."""
    found: dict[str, str] = {}
    for word in words:
        name, _, value = word.partition("=")
        if name in found:
            raise UnreadableError("A field is there twice", word, "each once")
        found[name] = value
    return found


def _take(given: dict[str, str], name: str) -> str:
    if name not in given:
        raise UnreadableError("A field is missing", " ".join(given), f"{name}=...")
    return given.pop(name)


def _nothing_left(given: dict[str, str], fields: str) -> None:
    if given:
        raise UnreadableError("There is no such field", " ".join(given), fields)


def _read(record: type[Instruction], queue: Queue, given: dict[str, str]) -> Instruction:
    names = ", ".join(("operation", "waits", *(at.name for at in FIELDS[record])))
    operation = read_integer(given.pop("operation", "0"))
    waits = read_waits(given.pop("waits")) if "waits" in given else ()
    fields: dict[str, Any] = {}
    for at in FIELDS[record]:
        default = _default(at)
        if at.kind is Kind.FLAG:
            fields[at.name] = at.name in given
            if given.pop(at.name, ""):
                raise UnreadableError(
                    "A flag has no value", at.name, f"{at.name} alone, or nothing"
                )
        elif at.name in given or default is _REQUIRED:
            fields[at.name] = read_field(_take(given, at.name), at, queue)
        else:
            fields[at.name] = default
    _nothing_left(given, names)
    return record(operation=operation, waits=waits, **fields)


def _read_probe(queue: Queue, given: dict[str, str]) -> Probe:
    probe = Probe(
        queue=queue,
        index=read_integer(_take(given, "index")),
        tensor=read_name(_take(given, "tensor")),
        starts=read_integers(_take(given, "starts")),
        view=read_view(_take(given, "view"), queue),
    )
    _nothing_left(given, "index, tensor, starts, view")
    return probe
