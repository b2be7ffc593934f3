"""Programs compiled for a machine, and run on its simulator."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from toolchain.accelerator.compile.image import ConstantImage
from toolchain.accelerator.compile.rules import unsupported
from toolchain.accelerator.compile.segment import compile_segment
from toolchain.accelerator.isa.code import Probe
from toolchain.accelerator.isa.operands import Space
from toolchain.accelerator.simulator.execute import Simulator
from toolchain.core.dtypes import Array
from toolchain.core.machine import Machine
from toolchain.program.records import Program


def refused(program: Program, machine: Machine) -> str | None:
    """Why a machine cannot run a program; None if it can."""
    found = (unsupported(op, program, machine) for op in program.operations)
    return next((reason for reason in found if reason is not None), None)


def run_on_machine(
    program: Program, feeds: Mapping[str, Array], machine: Machine
) -> dict[str, Array]:
    """Every tensor that operations of the program write, as the machine's simulator computes it.

    Raises:
        AssertionError: An output is not what the machine made of it on the chip.
    """
    image = ConstantImage()
    segment = compile_segment(program, machine, image)
    region = np.zeros(segment.code.sizes.get(Space.INPUT, 0), np.uint8)
    for port in segment.inputs:
        raw = np.ascontiguousarray(feeds[port.name].transpose(port.order)).reshape(-1)
        content = raw.view(np.uint8)
        region[port.offset : port.offset + content.size] = content
    found: dict[str, Array] = {}

    def watch(probe: Probe, part: Array) -> None:
        tensor = program.tensors[probe.tensor]
        into = found.setdefault(probe.tensor, np.zeros(tensor.shape, tensor.dtype.numpy))
        ends = (start + n for start, n in zip(probe.starts, part.shape, strict=True))
        into[tuple(slice(a, b) for a, b in zip(probe.starts, ends, strict=True))] = part

    outputs = Simulator(segment.code, machine, image.content()).run(region, watch)
    for port in segment.outputs:
        expected = np.ascontiguousarray(found[port.name].transpose(port.order))
        stored = outputs[port.offset : port.offset + expected.nbytes]
        if stored.tobytes() != expected.tobytes():
            raise AssertionError(f"{port.name} was not stored as it was made")
    return found
