"""A compiled model, timed on the model of its machine, for pages and traces."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING

from toolchain.accelerator.bounds import program_bound
from toolchain.accelerator.compile.model import Batches, compile_model
from toolchain.accelerator.compile.modes import Modes
from toolchain.accelerator.container.file import read_container
from toolchain.accelerator.container.records import SUFFIX, Container, MachineSegment, Variant
from toolchain.accelerator.cycles.model import timeline
from toolchain.accelerator.cycles.summary import Summary, summarise
from toolchain.accelerator.simulator.verify import verify
from toolchain.errors import CompileError
from toolchain.plugin.machine_runner import machine_named
from toolchain.program.batched import batched
from toolchain.program.serialize import load_program
from toolchain.render.machine.records import MachineStudy, Point

if TYPE_CHECKING:
    from toolchain.accelerator.cycles.records import Timeline
    from toolchain.accelerator.isa.code import Code
    from toolchain.core.machine import Machine
    from toolchain.pipeline.context import BuildContext, BuildState
    from toolchain.program.records import Program

    Runs = Sequence[tuple[Code, Timeline]]

SMALL, ROOMY = 200, 1.5
"""A program is compiled for other machines as well, within about a second, if it has no more
operations, all samples together, and its constants and its largest tensor are not so many times a
core's memory: looking for a plan takes long where little fits."""


def build_study(context: BuildContext, state: BuildState) -> MachineStudy | None:
    """What a build compiled for a machine, timed, beside the other machines of the platform.

    None where the target's files have no compiled model.

    Raises:
        CompileError: The machine is none of the platform's, or cannot execute the code.
    """
    compiled = state.compiled
    names = () if compiled is None else sorted(n for n in compiled.files if n.endswith(SUFFIX))
    if compiled is None or not names:
        return None
    path = compiled.folder / names[0]
    container = read_container(path)
    # The target's own facts have the machine alone that its options chose.
    spec = context.manager.targets()[context.target.name].spec
    (chip,) = spec.on(context.options.platform).platforms
    return machine_study(
        container,
        load_program(compiled.folder, compiled.program),
        machine_named(container.machine, chip.machines, str(path)),
        ddr_limit=round(context.options.compile.ddr_bw_limit * 1e9) or None,
        machines=chip.machines,
    )


def machine_study(
    container: Container,
    program: Program,
    machine: Machine,
    *,
    group: int = 0,
    batch: int | None = None,
    ddr_limit: int | None = None,
    machines: Sequence[Machine] = (),
) -> MachineStudy:
    """Time every batch of a group, and show one of them.

    Args:
        container: The compiled model.
        program: The integer program of its first group, for one sample.
        machine: What it was compiled for.
        group: Number of the input shapes; bounds are known for the first alone.
        batch: Samples at once, one of those that were compiled; None: the fewest.
        ddr_limit: Bytes per second that transfers may use of the DDR; None: all that it has.
        machines: Other machines to compile the program for, in the same batches.

    Raises:
        CompileError: The machine cannot execute the code.
    """
    found = [each for each in container.variants if each.group == group]
    variants = {each.batch: each for each in sorted(found, key=lambda each: each.batch)}
    chosen = min(variants) if batch is None else batch
    runs = {size: _runs(each, machine, ddr_limit) for size, each in variants.items()}
    programs = {size: batched(program, size) for size in variants} if group == 0 else {}
    limited = _limited(machine, ddr_limit)
    bounds = {size: program_bound(each, limited) for size, each in programs.items()}
    summaries = {
        size: summarise([line for _, line in run], batch=size, bound=bounds.get(size))
        for size, run in runs.items()
        if run
    }
    own = [_point(each) for each in summaries.values()]
    others = [each for each in machines if each.name != machine.name]
    return MachineStudy(
        name=container.name,
        machine=machine,
        variant=variants[chosen],
        segments=tuple(runs[chosen]),
        shown=summaries.get(chosen),
        variants=tuple(summaries.values()),
        constants=len(container.constants),
        groups=len({each.group for each in container.variants}),
        scaling=_ordered((*_elsewhere(programs, others, ddr_limit), *own)) if own else (),
    )


def _runs(variant: Variant, machine: Machine, ddr_limit: int | None) -> Runs:
    """Every segment of the machine, and its times."""
    found = [each.code for each in variant.segments if isinstance(each, MachineSegment)]
    for code in found:
        verify(code, machine)
    return [(code, timeline(code, machine, ddr_limit=ddr_limit)) for code in found]


def _limited(machine: Machine, ddr_limit: int | None) -> Machine:
    """The machine with as much bandwidth as it may use, rounded up: its bound is a bound still."""
    if ddr_limit is None:
        return machine
    granted = min(machine.ddr.megabytes_per_second, -(-ddr_limit // 10**6))
    return replace(machine, ddr=replace(machine.ddr, megabytes_per_second=granted))


def _elsewhere(
    programs: Mapping[int, Program], machines: Sequence[Machine], ddr_limit: int | None
) -> Iterator[Point]:
    """The program of every batch on other machines, where that takes no time."""
    for machine in machines:
        for batch, program in programs.items():
            bound = program_bound(program, _limited(machine, ddr_limit)).cycles
            cycles, why = None, "not compiled"
            if _quick(program, batch, machine):
                cycles, why = _compiled(program, machine, ddr_limit)
            yield Point(machine=machine, batch=batch, bound=bound, cycles=cycles, why=why)


def _compiled(program: Program, machine: Machine, ddr_limit: int | None) -> tuple[int | None, str]:
    """Cycles, or why there are none."""
    modes = Modes(ddr_limit=ddr_limit)
    try:
        container = compile_model(
            (program,), machine, name=program.name, batches=Batches(), modes=modes
        )
    except CompileError:
        return None, "does not fit"
    runs = _runs(container.variants[0], machine, ddr_limit)
    return (sum(found.cycles for _, found in runs), "") if runs else (None, "all on the CPU")


def _quick(program: Program, batch: int, machine: Machine) -> bool:
    memories = (machine.memory, machine.weight_buffer, machine.shared_memory)
    room = sum(memory.bytes for memory in memories if memory is not None)
    tensors = (prod(t.shape) * t.dtype.numpy.itemsize for t in program.tensors.values())
    constants = sum(array.nbytes for array in program.constants.values())
    size = constants + max(tensors, default=0) // batch
    return len(program.operations) * batch <= SMALL and size <= ROOMY * room


def _point(found: Summary) -> Point:
    return Point(
        machine=found.machine, batch=found.batch, cycles=found.cycles, bound=found.bound_cycles
    )


def _ordered(points: Sequence[Point]) -> tuple[Point, ...]:
    """By cores, then batch; machines of equally many cores in the order of their names."""
    return tuple(
        sorted(points, key=lambda each: (each.machine.cores, each.machine.name, each.batch))
    )
