"""Whether queues, memories and operands of code are where the machine has them."""

from __future__ import annotations

from collections.abc import Iterator

from toolchain.accelerator.isa.code import Code
from toolchain.accelerator.isa.instructions import (
    ENGINES,
    Combine,
    Copy,
    Instruction,
    Lookup,
    Scale,
)
from toolchain.accelerator.isa.operands import EVERY_CORE, MAX_RANK, Engine, Queue, Space, View
from toolchain.accelerator.simulator.extents import common_byte, extent, overlaps_itself
from toolchain.accelerator.simulator.memory import MOST_ELEMENTS, places
from toolchain.accelerator.simulator.operands import named_sources
from toolchain.accelerator.simulator.order import named, said
from toolchain.accelerator.simulator.refusal import refusal
from toolchain.core.dtypes import DType
from toolchain.core.machine import Machine
from toolchain.errors import Problem

Finding = tuple[str, object, str]
"""What is wrong, what was found, what is allowed."""

_TYPES = (
    *(DType.INT8, DType.UINT8, DType.INT16, DType.UINT16),
    *(DType.INT32, DType.INT64, DType.FLOAT32, DType.BOOL),
)
_IN_PLACE = (Copy, Combine, Lookup, Scale)
"""Each element of the target needs only the element of a source at the same place."""


def placement_problems(code: Code, machine: Machine) -> Iterator[Problem]:
    """All that is outside of the machine or of its memories."""
    if code.machine != machine.name:
        yield refusal(
            "the code is for another machine",
            where=machine.name,
            got=code.machine,
            allowed=machine.name,
        )
        return
    yield from _memories(code, machine)
    for queue, instructions in code.queues.items():
        if not _has(queue, machine):
            yield refusal(
                "a queue of an engine that the machine lacks",
                where=named(queue),
                got=named(queue),
                allowed=f"{machine.cores} cores with the engines of {machine.name}",
            )
            continue
        for index, at in enumerate(instructions):
            for message, got, allowed in _instruction(at, queue, code, machine.cores):
                where = said((queue, index), code.queues)
                yield refusal(message, where=where, got=got, allowed=allowed)
    yield from _probes(code, machine.cores)


def _memories(code: Code, machine: Machine) -> Iterator[Problem]:
    on_chip = {
        Space.MEMORY: machine.memory,
        Space.WEIGHTS: machine.weight_buffer,
        Space.SHARED: machine.shared_memory,
    }
    for space, memory in on_chip.items():
        there, used = 0 if memory is None else memory.bytes, code.sizes.get(space, 0)
        if used > there:
            yield refusal(
                "the code needs more memory than the machine has",
                where=space.name,
                got=used,
                allowed=f"at most {there} bytes",
            )


def _has(queue: Queue, machine: Machine) -> bool:
    rearrangement = machine.rearrangement
    count = {
        Engine.CONVOLUTION: machine.convolution.count,
        Engine.TENSOR: machine.tensor.count,
        Engine.TRANSFER: machine.transfer.count,
        Engine.REARRANGEMENT: 0 if rearrangement is None else rearrangement.count,
    }[queue.engine]
    return 0 <= queue.core < machine.cores and 0 <= queue.index < count


def _probes(code: Code, cores: int) -> Iterator[Problem]:
    for probe in code.probes:
        where = f"probe of {probe.tensor} at {named(probe.queue)}, instruction {probe.index}"
        if not 0 <= probe.index < len(code.queues.get(probe.queue, ())):
            yield refusal(
                "a probe behind an instruction that does not exist",
                where=where,
                got=probe.index,
                allowed="an instruction of the code",
            )
        for message, got, allowed in _view("view", probe.view, code, cores):
            yield refusal(message, where=where, got=got, allowed=allowed)


def _instruction(at: Instruction, queue: Queue, code: Code, cores: int) -> Iterator[Finding]:
    engines = ENGINES[type(at)]
    if queue.engine not in engines:
        names = ", ".join(engine.name.lower() for engine in engines)
        yield "an instruction that its engine cannot execute", type(at).__name__, f"on {names}"
    views = [("target", at.target), *named_sources(at)]
    wrong = [found for name, view in views for found in _view(name, view, code, cores)]
    yield from wrong
    if not wrong:
        yield from _target(at, queue)
        yield from _overlaps(at, cores)


def _view(name: str, view: View, code: Code, cores: int) -> Iterator[Finding]:
    """What a view must keep to, wherever it is used."""
    rank = len(view.shape)
    if rank != len(view.strides) or rank > MAX_RANK or min(view.shape, default=1) < 1:
        got = f"shape {view.shape}, strides {view.strides}"
        yield f"{name} is no view", got, f"at most {MAX_RANK} extents from 1, with a stride each"
        return
    if view.dtype not in _TYPES:
        yield f"{name} has a type that no memory holds", view.dtype, ", ".join(_TYPES)
        return
    if view.elements > MOST_ELEMENTS:
        yield f"{name} has too many elements", view.elements, f"at most {MOST_ELEMENTS}"
        return
    if any(number % view.itemsize for number in (view.offset, *view.strides)):
        got = f"offset {view.offset}, strides {view.strides}"
        yield f"{name} is not aligned to its elements", got, f"multiples of {view.itemsize}"
    first, behind = view.span
    size = code.sizes.get(view.space, 0)
    if first < 0 or behind > size:
        got = f"bytes {first} to {behind - 1} of {view.space.name}"
        yield f"{name} is out of bounds", got, f"bytes 0 to {size - 1}"
    every = view.core == EVERY_CORE and name == "target"
    if view.space.per_core and not every and not 0 <= view.core < cores:
        yield f"{name} is in a core that does not exist", view.core, f"0 to {cores - 1}"
    if not view.space.per_core and view.core != 0:
        yield f"{name} has a core in a memory of all cores", view.core, "0"


def _target(at: Instruction, queue: Queue) -> Iterator[Finding]:
    target = at.target
    if target.space in (Space.CONSTANTS, Space.INPUT):
        yield "the target is read only", target.space.name, "another memory"
    if target.core == EVERY_CORE and queue.engine is not Engine.TRANSFER:
        yield "only transfers write into all cores", queue.engine.name.lower(), "transfer"
    if any(s == 0 and n > 1 for n, s in zip(target.shape, target.strides, strict=True)):
        yield "the target repeats elements", target.strides, "strides other than 0"
    elif overlaps_itself(target):
        yield "elements of the target overlap", target.strides, "elements beside each other"


def _overlaps(at: Instruction, cores: int) -> Iterator[Finding]:
    """A target over a source of the same instruction, unless each element replaces itself."""
    written = extent(at.target)
    for name, view in named_sources(at):
        if not set(places(view, cores)) & set(places(at.target, cores)):
            continue
        byte = common_byte(written, extent(view))
        if byte is None or (isinstance(at, _IN_PLACE) and _layout(view) == _layout(at.target)):
            continue
        got = f"byte {byte} of {view.space.name} is in {name} and target"
        yield "an instruction overwrites its own source", got, "a target beside its sources"


def _layout(view: View) -> object:
    steps = [(n, s) for n, s in zip(view.shape, view.strides, strict=True) if n > 1]
    return view.offset, view.itemsize, steps
