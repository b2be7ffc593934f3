"""Execute code: instruction by instruction, over modelled memories."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from toolchain.accelerator.isa import instructions as isa
from toolchain.accelerator.isa.code import Code, Probe
from toolchain.accelerator.isa.operands import Space
from toolchain.accelerator.simulator.engines import (
    convolution,
    elementwise,
    matrix,
    movement,
    pooling,
    rows,
)
from toolchain.accelerator.simulator.engines.operands import Read
from toolchain.accelerator.simulator.memory import Memories
from toolchain.accelerator.simulator.order import Step, said
from toolchain.accelerator.simulator.refusal import refuse
from toolchain.accelerator.simulator.verify import verify
from toolchain.core.dtypes import Array
from toolchain.core.machine import Machine
from toolchain.errors import CompileError

Compute: TypeAlias = Callable[[Any, Read], Array]
"""The result of an instruction, of the shape of its target or broadcasting to it."""

ENGINES: Mapping[type[isa.Instruction], Compute] = MappingProxyType(
    {
        isa.Copy: movement.copy,
        isa.Fill: movement.fill,
        isa.Gather: movement.gather,
        isa.Lookup: movement.lookup,
        isa.Convolve: convolution.convolve,
        isa.BlockedConvolve: convolution.blocked_convolve,
        isa.Multiply: matrix.multiply,
        isa.Pool: pooling.pool,
        isa.Blend: pooling.blend,
        isa.Combine: elementwise.combine,
        isa.Scale: elementwise.scale,
        isa.Reduce: rows.reduce,
        isa.Extreme: rows.extreme,
        isa.Softmax: rows.softmax,
        isa.Normalize: rows.normalize,
    }
)
"""What executes an instruction."""

Watch: TypeAlias = Callable[[Probe, Array], None]
"""Called with parts of tensors as soon as they are there."""


class Simulator:
    """Code on a machine, prepared for any number of runs."""

    def __init__(self, code: Code, machine: Machine, constants: bytes) -> None:
        """Prepare.

        Args:
            code: What is executed.
            machine: What it was compiled for.
            constants: The region of constants.

        Raises:
            CompileError: Code that the machine cannot execute, or constants of another size.
        """
        size = code.sizes.get(Space.CONSTANTS, 0)
        if len(constants) < size:
            got, allowed = len(constants), f"{size} bytes"
            raise refuse("the region of constants is too short", got=got, allowed=allowed)
        self._code = code
        self._cores = machine.cores
        self._constants = constants
        self._order = verify(code, machine)
        self._probes: dict[Step, list[Probe]] = defaultdict(list)
        for probe in code.probes:
            self._probes[probe.queue, probe.index].append(probe)

    def run(
        self, inputs: bytes | NDArray[np.uint8], probe: Watch | None = None
    ) -> NDArray[np.uint8]:
        """Execute all instructions once.

        Args:
            inputs: The region of inputs.
            probe: Called for every probe of the code, with a copy of the elements.

        Returns:
            The region of outputs.

        Raises:
            CompileError: An instruction that cannot be executed on these data.
        """
        memories = Memories(self._code, self._cores, self._constants)
        content = np.frombuffer(inputs, np.uint8)
        size = self._code.sizes.get(Space.INPUT, 0)
        if len(content) != size:
            got, allowed = len(content), f"{size} bytes"
            raise refuse("the region of inputs has another size", got=got, allowed=allowed)
        if size:
            memories.fill(Space.INPUT, content)
        for step in self._order:
            self._execute(step, memories)
            if probe is not None:
                for at in self._probes.get(step, ()):
                    probe(at, memories.read(at.view).copy())
        return memories.regions.get((Space.OUTPUT, 0), np.zeros(0, np.uint8))

    def _execute(self, step: Step, memories: Memories) -> None:
        queue, index = step
        instruction = self._code.queues[queue][index]
        try:
            with np.errstate(divide="raise", invalid="raise", over="ignore"):
                result = ENGINES[type(instruction)](instruction, memories.read)
        except CompileError as error:
            raise self._at(step, error) from None
        except FloatingPointError:
            raise refuse("a result is no number", where=said(step, self._code.queues)) from None
        memories.write(instruction.target, result)

    def _at(self, step: Step, error: CompileError) -> CompileError:
        problem = error.problems[0]
        where = said(step, self._code.queues)
        return refuse(problem.message, where=where, got=problem.got, allowed=problem.allowed)
