"""Splits an integer program into parts for a machine and for the CPU beside it: few and large."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import TypeAlias

from toolchain.program.records import Dequantize, FloatOp, Move, Operation, Program, Quantize
from toolchain.program.validation import constant_names


class PartKind(StrEnum):
    """Who executes a part."""

    MACHINE = "machine"
    HOST = "host"


Unsupported: TypeAlias = Callable[[Operation, Program], str | None]
"""Why a machine cannot execute an operation of a program; None if it can."""

BESIDE = "only moves data, beside operations of the CPU"
"""Reason of movements that the machine could do, but that are not worth going there for."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """Operations that one executor runs before the other takes over.

    Attributes:
        kind: Who executes it.
        program: The operations with what they read and write. Inputs come from the whole program's
            inputs or from earlier parts; outputs are what later parts or the user read.
        reasons: Why the machine does not, by operation; empty for parts of the machine.
    """

    kind: PartKind
    program: Program
    reasons: Mapping[str, str]


def divided(program: Program, names: Collection[str]) -> tuple[Part, ...]:
    """A program of a machine in parts: those of operations with these names as `MACHINE`.

    The others, which the machine executes too, are called `HOST` here.
    """
    if not any(op.name in names for op in program.operations):
        return (Part(kind=PartKind.HOST, program=program, reasons={}),)
    return partition(program, lambda op, _: None if op.name in names else "in no subgraph")


def partition(program: Program, unsupported: Unsupported) -> tuple[Part, ...]:
    """The fewest parts in order of execution, machine and CPU in turn.

    Every operation goes into the first part that comes after all that it reads and that can execute
    it, which gives the fewest parts for a given first executor; both are tried, and with equally
    many parts the machine begins. Float operators, `Quantize` and `Dequantize` belong to the CPU.
    Movements can go to either side: with what they read, or, if that is the CPU and only a later
    part reads them, with the machine before that part. A part of the machine that only moves data
    goes to the CPU.

    Args:
        program: A valid program.
        unsupported: Asked about every operation that is not the CPU's anyway.
    """
    reasons = {op.name: _reason(op, program, unsupported) for op in program.operations}
    while True:
        first, phases = _phases(program, reasons)
        idle = _only_moving(program, first, phases)
        if not idle:
            break
        reasons.update(dict.fromkeys(idle, BESIDE))
    members: dict[int, list[Operation]] = {}
    for op in program.operations:
        members.setdefault(phases[op.name], []).append(op)
    return tuple(
        _part(program, _kind(first, phase), members[phase], number, reasons)
        for number, phase in enumerate(sorted(members))
    )


def _reason(op: Operation, program: Program, unsupported: Unsupported) -> str | None:
    """Why an operation belongs to the CPU, or None."""
    if isinstance(op, FloatOp):
        return f"{op.op_type} is computed in float"
    if isinstance(op, Quantize):
        return "turns float numbers into integers"
    if isinstance(op, Dequantize):
        return "turns integers into float numbers"
    if isinstance(op, Move) and any(_is_float(name, program) for name in op.outputs):
        return "moves float numbers"
    return unsupported(op, program)


def _is_float(name: str, program: Program) -> bool:
    return program.tensors[name].dtype.is_float


def _kind(first: PartKind, phase: int) -> PartKind:
    """Executor of a phase, of phases that take turns."""
    other = PartKind.HOST if first is PartKind.MACHINE else PartKind.MACHINE
    return other if phase % 2 else first


def _phases(program: Program, reasons: Mapping[str, str | None]) -> tuple[PartKind, dict[str, int]]:
    """The first executor and the phase of every operation, with the fewest phases in use."""
    found = [(first, _phases_from(first, program, reasons)) for first in PartKind]
    return min(found, key=lambda item: len(set(item[1].values())))


def _phases_from(
    first: PartKind, program: Program, reasons: Mapping[str, str | None]
) -> dict[str, int]:
    """Phase of every operation, of phases that take turns from `first` on."""
    phases: dict[str, int] = {}
    written: dict[str, int] = {}
    for op in program.operations:
        phase = max((written.get(name, 0) for name in op.inputs), default=0)
        reason = reasons[op.name]
        if reason is not None or not isinstance(op, Move):
            kind = PartKind.MACHINE if reason is None else PartKind.HOST
            phase += _kind(first, phase) is not kind
        phases[op.name] = phase
        written.update(dict.fromkeys(op.outputs, phase))
    _move_to_machine(first, program, reasons, phases)
    return phases


def _move_to_machine(
    first: PartKind,
    program: Program,
    reasons: Mapping[str, str | None],
    phases: dict[str, int],
) -> None:
    """Move movements that only later parts read from the CPU to the machine before these parts."""
    read: dict[str, int] = {}
    for op in reversed(program.operations):
        phase = phases[op.name]
        if isinstance(op, Move) and reasons[op.name] is None:
            last = min((read[name] for name in op.outputs if name in read), default=phase)
            later = last - (_kind(first, last) is PartKind.HOST)
            if _kind(first, phase) is PartKind.HOST and later > phase:
                phase = later
        phases[op.name] = phase
        for name in op.inputs:
            read[name] = min(phase, read.get(name, phase))


def _only_moving(program: Program, first: PartKind, phases: Mapping[str, int]) -> list[str]:
    """Operations of phases of the machine in which nothing but data movement happens."""
    working = {phases[op.name] for op in program.operations if not isinstance(op, Move)}
    return [
        op.name
        for op in program.operations
        if phases[op.name] not in working and _kind(first, phases[op.name]) is PartKind.MACHINE
    ]


def _part(
    program: Program,
    kind: PartKind,
    operations: Sequence[Operation],
    number: int,
    reasons: Mapping[str, str | None],
) -> Part:
    host = operations if kind is PartKind.HOST else ()
    return Part(
        kind=kind,
        program=_subprogram(program, operations, f"{program.name}.{number}"),
        reasons=MappingProxyType({op.name: reasons[op.name] or BESIDE for op in host}),
    )


def _subprogram(program: Program, operations: Sequence[Operation], name: str) -> Program:
    """Some operations as a program; tensors in the order in which the whole program has them."""
    inside = {op.name for op in operations}
    written = dict.fromkeys(each for op in operations for each in op.outputs if each)
    read = {each for op in operations for each in op.inputs}
    wanted = {*program.outputs, *_read_outside(program, inside)}
    order = (*program.inputs, *program.written)
    constants = {each for op in operations for each in constant_names(op)} | read
    inputs = tuple(each for each in order if each in read and each not in written)
    return replace(
        program,
        name=name,
        inputs=inputs,
        outputs=tuple(each for each in written if each in wanted),
        tensors={each: program.tensors[each] for each in (*inputs, *written)},
        constants={key: array for key, array in program.constants.items() if key in constants},
        operations=tuple(operations),
    )


def _read_outside(program: Program, inside: set[str]) -> Iterator[str]:
    return (name for op in program.operations if op.name not in inside for name in op.inputs)
