"""What is wrong with a model that was compiled for a machine, in words for the target's author."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from toolchain.accelerator.bounds import program_bound
from toolchain.accelerator.container.file import read_container
from toolchain.accelerator.container.records import SUFFIX, Container, MachineSegment, Variant
from toolchain.accelerator.cycles.model import timeline
from toolchain.accelerator.runtime import Runtime
from toolchain.errors import ToolchainError
from toolchain.plugin.machine_runner import machine_named
from toolchain.program.batched import batched
from toolchain.program.interpreter import Interpreter
from toolchain.testing.builds import BATCHES

if TYPE_CHECKING:
    from toolchain.core.dtypes import Array
    from toolchain.core.machine import Machine
    from toolchain.testing.builds import Bench, KitBuild


def machine_problems(bench: Bench, built: KitBuild) -> Iterator[str]:
    """Where the compiled model of a build is not what facts, reference and bounds say.

    It is for one of the chip's machines, has the batches that were asked for, is executed by the
    simulator to what the reference computes, and takes no fewer cycles than any schedule can.
    A chip without machines has nothing to be found.
    """
    (chip,) = bench.definition.spec.on(built.platform).platforms
    path = built.folder / f"{built.stem}{SUFFIX}"
    if not chip.machines:
        return
    if not path.is_file():
        yield f"the chip has machines, and the build wrote no {path.name}"
        return
    try:
        container = read_container(path)
        machine = machine_named(container.machine, chip.machines, path.name)
        yield from _left_out(bench, container)
        yield from _value_problems(built, container, machine)
        yield from _time_problems(built, container, machine)
    except ToolchainError as error:
        yield from map(str, error.problems)


def _left_out(bench: Bench, container: Container) -> Iterator[str]:
    """Batches that were asked for and are not there, and models that are left to a CPU."""
    asked = BATCHES if "static_batch_sizes" in bench.spec.machine_options else (1,)
    found = tuple(variant.batch for variant in container.variants)
    if found != asked:
        yield f"batches {found} were compiled, {asked} asked for"
    for variant in container.variants:
        if not _segments(variant):
            yield f"batch {variant.batch}: everything is left to a CPU"


def _value_problems(built: KitBuild, container: Container, machine: Machine) -> Iterator[str]:
    """Outputs of the simulated machine that are not the reference's, in every batch."""
    program = built.program()
    samples = np.load(built.samples)
    (name,) = program.inputs
    reference = Interpreter(program, threads=1)
    alone = [reference.run({name: sample[None]}, program.outputs) for sample in samples]
    runtime = Runtime(container, machine)
    for batch in runtime.batches:
        found = runtime.run({name: samples[:batch]})
        for output in program.outputs:
            expected = np.concatenate([values[output] for values in alone[:batch]])
            if not _equal(found[output], expected):
                yield f"{machine.name}, batch {batch}: {output} is not what the reference computes"


def _equal(found: Array, expected: Array) -> bool:
    return (
        found.shape == expected.shape
        and found.dtype == expected.dtype
        and found.tobytes() == expected.tobytes()
    )


def _time_problems(built: KitBuild, container: Container, machine: Machine) -> Iterator[str]:
    """Batches that take fewer cycles than any schedule can."""
    program = built.program()
    for variant in container.variants:
        several = program if variant.batch == 1 else batched(program, variant.batch)
        bound = program_bound(several, machine)
        cycles = sum(timeline(each.code, machine).cycles for each in _segments(variant))
        if cycles < bound.cycles:
            yield (
                f"{machine.name}, batch {variant.batch}: {cycles} cycles, "
                f"allowed: at least {bound.cycles} (computing {bound.compute_cycles}, "
                f"transfers {bound.transfer_cycles})"
            )


def _segments(variant: Variant) -> tuple[MachineSegment, ...]:
    return tuple(each for each in variant.segments if isinstance(each, MachineSegment))
