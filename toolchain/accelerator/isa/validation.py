"""Whether a machine can execute a code at all: every rule of docs/isa.md that needs no data.

What only shows when it runs is left to the simulator: reads of what nobody wrote, races,
deadlocks, and indices in memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice

from toolchain.accelerator.isa.code import Code
from toolchain.accelerator.isa.fields import DTYPES, FIELDS
from toolchain.accelerator.isa.instruction_rules import Findings, instruction_findings
from toolchain.accelerator.isa.instructions import (
    ENGINES,
    BlockedConvolve,
    Convolve,
    Copy,
    Instruction,
    Multiply,
)
from toolchain.accelerator.isa.operands import (
    EVERY_CORE,
    MAX_RANK,
    Engine,
    Queue,
    Space,
    View,
    Wait,
)
from toolchain.accelerator.isa.text import show_queue, show_word
from toolchain.core.machine import Machine
from toolchain.errors import Code as ErrorCode
from toolchain.errors import CompileError, Problem

MAX_REGION = 1 << 32
"""Bytes of a region of the DDR."""

MOST_SHOWN = 20
"""Findings of one error."""


def check_code(code: Code, machine: Machine) -> None:
    """Refuse a code that breaks a rule on the machine.

    Raises:
        CompileError: CODE_INVALID with the first findings, each with its queue, its instruction
            from 0, and its field.
    """
    problems = [
        Problem(
            code=ErrorCode.CODE_INVALID,
            message="The machine cannot execute the code",
            where=where,
            got=str(got),
            allowed=allowed,
        )
        for where, got, allowed in islice(code_findings(code, machine), MOST_SHOWN)
    ]
    if problems:
        raise CompileError.of(problems)


def code_findings(code: Code, machine: Machine) -> Findings:
    """All rules that a code breaks on a machine.

    Where queues or sizes are not those of the machine, instructions are not looked at.
    """
    wrong = tuple(_frame(code, machine))
    yield from wrong
    if wrong:
        return
    for queue, instructions in code.queues.items():
        for index, instruction in enumerate(instructions):
            where = f"{show_queue(queue)}[{index}] {type(instruction).__name__.lower()}"
            for field, got, allowed in _instruction(code, machine, queue, instruction):
                yield f"{where}.{field}", got, allowed
    for number, probe in enumerate(code.probes):
        where = f"probe {number}"
        length = len(code.queues.get(probe.queue, ()))
        if not 0 <= probe.index < length:
            got = f"{show_queue(probe.queue)}[{probe.index}]"
            yield f"{where}.index", got, f"one of {length} instructions"
        if len(probe.starts) != len(probe.view.shape) or any(s < 0 for s in probe.starts):
            yield f"{where}.starts", probe.starts, "an index for each axis of the view"
        for got, allowed in _view(probe.view, code.sizes):
            yield f"{where}.view", got, allowed


def _frame(code: Code, machine: Machine) -> Findings:
    """Machine, sizes and queues."""
    if code.machine != machine.name:
        yield "machine", code.machine, machine.name
    memories = {
        Space.MEMORY: machine.memory,
        Space.WEIGHTS: machine.weight_buffer,
        Space.SHARED: machine.shared_memory,
    }
    for space, size in code.sizes.items():
        memory = memories.get(space)
        most = MAX_REGION if memory is None else memory.bytes
        if space.on_chip and memory is None:
            yield f"size {show_word(space)}", size, "no such memory on this machine"
        elif not 0 <= size <= most:
            yield f"size {show_word(space)}", size, f"0 to {most}"
    for queue in code.queues:
        count = engines(machine, queue.engine)
        if not (0 <= queue.core < machine.cores and 0 <= queue.index < count):
            allowed = f"{machine.cores} cores with {count} {show_word(queue.engine)} engines each"
            yield f"queue {show_queue(queue)}", "no such engine", allowed


def engines(machine: Machine, engine: Engine) -> int:
    """Engines of a kind on each core of a machine."""
    rearrangement = machine.rearrangement
    counts = {
        Engine.CONVOLUTION: machine.convolution.count,
        Engine.TENSOR: machine.tensor.count,
        Engine.TRANSFER: machine.transfer.count,
        Engine.REARRANGEMENT: 0 if rearrangement is None else rearrangement.count,
    }
    return counts[engine]


def _instruction(code: Code, machine: Machine, queue: Queue, it: Instruction) -> Findings:
    if not 0 <= it.operation < max(len(code.operations), 1):
        yield "operation", it.operation, f"one of {len(code.operations)} operations, from 0"
    for wait in it.waits:
        yield from _wait(code, queue, wait)
    yield from _engine(machine, queue, it)
    wrong = False
    for name, view in _views(it):
        for got, allowed in _view(view, code.sizes):
            wrong = True
            yield name, got, allowed
        for got, allowed in _access(machine, queue, it, name, view):
            yield name, got, allowed
    if wrong:
        return
    # Extents say nothing of how much there is where elements lie on each other.
    targets = tuple(_target(it.target))
    yield from (("target", *finding) for finding in targets)
    if not targets:
        yield from instruction_findings(it)


def _wait(code: Code, queue: Queue, wait: Wait) -> Findings:
    length = len(code.queues.get(wait.queue, ()))
    if wait.queue == queue:
        yield "waits", show_queue(wait.queue), "another queue; its own is in order"
    elif not 1 <= wait.count <= length:
        got = f"{show_queue(wait.queue)}:{wait.count}"
        yield "waits", got, f"1 to {length}, instructions of that queue"


def _engine(machine: Machine, queue: Queue, it: Instruction) -> Findings:
    engine = show_word(queue.engine)
    if queue.engine not in ENGINES[type(it)]:
        allowed = ", ".join(map(show_word, ENGINES[type(it)]))
        yield "queue", engine, f"an engine that executes it: {allowed}"
    elif isinstance(it, Convolve) and queue.engine is Engine.TENSOR:
        if it.weights.shape[3:] != (1,):
            yield "weights", f"groups of {it.weights.shape[3:]} channels", "1 on a tensor engine"
        if machine.tensor.depthwise is None:
            yield "queue", engine, "convolution: tensor engines of this machine have no array"
    elif isinstance(it, Convolve | BlockedConvolve | Multiply):
        operands = (it.a, it.b) if isinstance(it, Multiply) else (it.source, it.weights)
        bits = max(view.dtype.bits for view in operands)
        if bits not in machine.convolution.passes:
            widths = ", ".join(map(str, sorted(machine.convolution.passes)))
            yield "queue", f"operands of {bits} bits", f"{widths} bits on this machine"


def _views(it: Instruction) -> Iterator[tuple[str, View]]:
    for at in FIELDS[type(it)]:
        view = getattr(it, at.name)
        if at.is_view and view is not None:
            yield at.name, view


def _view(view: View, sizes: Mapping[Space, int]) -> Iterator[tuple[object, str]]:
    """Whether a view is one, and lies within its memory."""
    if view.dtype not in DTYPES:
        yield view.dtype.value, ", ".join(DTYPES)
    elif len(view.shape) > MAX_RANK or len(view.strides) != len(view.shape):
        got = f"{len(view.shape)} extents, {len(view.strides)} strides"
        yield got, f"as many of both, at most {MAX_RANK}"
    elif any(extent < 1 for extent in view.shape):
        yield view.shape, "extents of 1 or more"
    elif any(step % view.itemsize for step in (view.offset, *view.strides)):
        got = f"offset {view.offset}, strides {view.strides}"
        yield got, f"multiples of {view.itemsize}, the bytes of an element"
    elif view.space not in sizes:
        yield show_word(view.space), f"one of {', '.join(map(show_word, sizes))}"
    else:
        first, end = view.span
        if first < 0 or end > sizes[view.space]:
            allowed = f"0 to {sizes[view.space]}, the {show_word(view.space)} that the code has"
            yield f"bytes {first} to {end}", allowed


def _access(
    machine: Machine, queue: Queue, it: Instruction, name: str, view: View
) -> Iterator[tuple[object, str]]:
    """Whether the engine reaches the view."""
    memory = show_word(view.space)
    transfer = isinstance(it, Copy) and queue.engine is Engine.TRANSFER
    if not view.space.on_chip and not transfer:
        yield memory, "memories of the chip; only a copy on a transfer engine reaches the DDR"
    if name == "target" and view.space in (Space.CONSTANTS, Space.INPUT):
        yield memory, "a memory that is not read only"
    if not view.space.per_core:
        if view.core != 0:
            yield f"{memory} of core {view.core}", "core 0: all cores share it"
    elif transfer:
        every = name == "target" and view.core == EVERY_CORE
        if not (every or 0 <= view.core < machine.cores):
            yield f"{memory} of core {view.core}", f"one of {machine.cores} cores, from 0"
        elif view.core != queue.core and machine.cores > 1 and machine.interconnect is None:
            yield (
                f"{memory} of core {view.core}",
                f"that of core {queue.core}: no way between cores",
            )
    elif view.core != queue.core:
        yield f"{memory} of core {view.core}", f"that of core {queue.core}"


def _target(view: View) -> Iterator[tuple[object, str]]:
    """Whether every element of a target has bytes of its own."""
    axes = [(abs(s), n) for n, s in zip(view.shape, view.strides, strict=True) if n > 1]
    if any(step == 0 for step, _ in axes):
        yield f"strides {view.strides}", "no stride of 0: each element once"
        return
    reach = view.itemsize
    for step, extent in sorted(axes):
        if step < reach:
            yield f"extents {view.shape}, strides {view.strides}", "elements that do not overlap"
            return
        reach += (extent - 1) * step
