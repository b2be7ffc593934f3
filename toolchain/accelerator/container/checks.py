"""Whether the parts of a container fit each other: what segments read is there, and lies inside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from toolchain.accelerator.container.flow import (
    Layout,
    input_layouts,
    output_layouts,
    port_bytes,
    reads,
    writes,
)
from toolchain.accelerator.container.records import (
    Container,
    HostSegment,
    MachineSegment,
    Port,
    Segment,
    Variant,
)
from toolchain.accelerator.isa.operands import MAX_RANK, Space
from toolchain.errors import Code, CompileError, Problem
from toolchain.program.validation import check_program

MAX_REGION_BYTES = 2**40
"""Largest region of the DDR that any code may ask for."""


def check_container(container: Container) -> None:
    """Raise CompileError with everything that is wrong with a container.

    Programs of the CPU are checked like any program. Code is held against the machine's name, the
    ports and the constants; what its instructions do is checked by who executes it.
    """
    problems = list(_variant_problems(container))
    if problems:
        raise CompileError.of(problems)
    for variant in container.variants:
        for segment in variant.segments:
            if isinstance(segment, HostSegment):
                check_program(segment.program)
    problems = [
        problem
        for variant in container.variants
        for problem in (*_segment_problems(container, variant), *_flow_problems(variant))
    ]
    problems = problems or list(_batch_problems(container))
    if problems:
        raise CompileError.of(problems)


def _problem(message: str, where: str, got: object = None, allowed: object = None) -> Problem:
    return Problem(
        code=Code.PACKAGE_INVALID,
        message=message,
        where=where,
        got=None if got is None else str(got),
        allowed=None if allowed is None else str(allowed),
    )


def _said(variant: Variant) -> str:
    return f"group {variant.group}, batch {variant.batch}"


def _variant_problems(container: Container) -> Iterator[Problem]:
    keys = [(variant.group, variant.batch) for variant in container.variants]
    if not keys:
        yield _problem("The container has no variant", container.name)
    if keys != sorted(set(keys)) or any(group < 0 or batch < 1 for group, batch in keys):
        allowed = "rising groups from 0, and within a group rising batches from 1"
        yield _problem("The variants are in no order", container.name, keys, allowed)


def _segment_problems(container: Container, variant: Variant) -> Iterator[Problem]:
    for number, segment in enumerate(variant.segments):
        where = f"{_said(variant)}, segment {number}"
        if isinstance(segment, HostSegment):
            yield from _reason_problems(segment, where)
            continue
        sizes = segment.code.sizes
        if segment.code.machine != container.machine:
            message = "Code is for another machine than the container"
            yield _problem(message, where, segment.code.machine, container.machine)
        for space, size in sizes.items():
            if not 0 <= size <= MAX_REGION_BYTES:
                yield _problem("A memory is too large", f"{where}, {space.name}", size)
        if sizes.get(Space.CONSTANTS, 0) > len(container.constants):
            message = "Code needs more constants than there are"
            yield _problem(message, where, sizes[Space.CONSTANTS], len(container.constants))
        yield from _port_problems(segment.inputs, sizes.get(Space.INPUT, 0), f"{where}, inputs")
        yield from _port_problems(segment.outputs, sizes.get(Space.OUTPUT, 0), f"{where}, outputs")


def _reason_problems(segment: HostSegment, where: str) -> Iterator[Problem]:
    names = {op.name for op in segment.program.operations}
    for name in sorted(set(segment.reasons) - names):
        yield _problem("There is a reason for an operation that there is not", where, name)


def _port_problems(ports: Sequence[Port], size: int, where: str) -> Iterator[Problem]:
    """Ports that no array can have, that leave the region, or that lie on each other."""
    sound = True
    for port in ports:
        at = f"{where}, {port.name}"
        if len(port.shape) > MAX_RANK or any(extent < 1 for extent in port.shape):
            sound = False
            yield _problem("A port has no such shape", at, port.shape)
        elif sorted(port.order) != list(range(len(port.shape))):
            sound = False
            yield _problem("The order of a port's axes does not have each once", at, port.order)
        elif port.offset < 0 or port.offset + port_bytes(port) > size:
            sound = False
            span = f"bytes {port.offset} to {port.offset + port_bytes(port)}"
            yield _problem("A port leaves its region", at, span, f"0 to {size}")
    if sound:
        end = 0
        for port in sorted(ports, key=lambda each: each.offset):
            if port.offset < end:
                yield _problem("Two ports overlap", f"{where}, {port.name}", port.offset, end)
            end = port.offset + port_bytes(port)


def _flow_problems(variant: Variant) -> Iterator[Problem]:
    """Tensors that nothing wrote, that are written twice, or that two sides see differently."""
    where = _said(variant)
    known: dict[str, Layout | None] = dict.fromkeys(variant.inputs)
    if len(known) != len(variant.inputs) or len(set(variant.outputs)) != len(variant.outputs):
        yield _problem("An input or output is listed twice", where)
    for number, segment in enumerate(variant.segments):
        at = f"{where}, segment {number}"
        yield from _name_problems(segment, at)
        for name, layout in reads(segment).items():
            if name not in known:
                yield _problem("A segment reads what nothing wrote before", at, name)
            elif (known[name] or layout) != layout:
                yield _problem(f"A segment reads {name!r} in another form", at, layout, known[name])
            known[name] = known.get(name) or layout
        for name, layout in writes(segment).items():
            if name in known:
                yield _problem("A segment writes what exists already", at, name)
            known[name] = layout
    for name in variant.outputs:
        if name not in known:
            yield _problem("Nothing writes an output", where, name)


def _name_problems(segment: Segment, where: str) -> Iterator[Problem]:
    if isinstance(segment, MachineSegment):
        for ports in (segment.inputs, segment.outputs):
            if len({port.name for port in ports}) != len(ports):
                yield _problem("Two ports have one name", where)


def _batch_problems(container: Container) -> Iterator[Problem]:
    """Variants of one group that do not take the same samples, more or fewer of them."""
    first: dict[int, Variant] = {}
    for variant in container.variants:
        other = first.setdefault(variant.group, variant)
        if (variant.inputs, variant.outputs) != (other.inputs, other.outputs):
            message = "Variants of one group have different inputs or outputs"
            yield _problem(message, _said(variant))
            continue
        for of in (input_layouts, output_layouts):
            yield from _sample_problems(variant, of(variant), other, of(other))


def _sample_problems(
    variant: Variant, mine: Mapping[str, Layout], other: Variant, theirs: Mapping[str, Layout]
) -> Iterator[Problem]:
    for name, layout in mine.items():
        sample = layout.sample(variant.batch)
        if sample is None:
            message = "The first axis cannot be divided into the samples of the batch"
            yield _problem(message, f"{_said(variant)}, {name}", layout)
        elif name not in theirs or sample != theirs[name].sample(other.batch):
            message = "Batches of one group have samples of different forms"
            yield _problem(message, f"{_said(variant)}, {name}", layout, theirs.get(name))
