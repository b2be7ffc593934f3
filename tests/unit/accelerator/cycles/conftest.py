"""Instructions of known length for the machine of the folder above, and code made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from toolchain.accelerator.isa.code import Code
from toolchain.accelerator.isa.instructions import Copy, Fill, Instruction
from toolchain.accelerator.isa.operands import Queue, Space, View, Wait
from toolchain.core.dtypes import DType


class Micro:
    """Builds programs of a few instructions."""

    def row(self, size: int, space: Space = Space.MEMORY) -> View:
        return View(space=space, offset=0, dtype=DType.INT8, shape=(size,), strides=(1,))

    def fill(self, cycles: int, *waits: Wait, operation: int = 0) -> Fill:
        """So many cycles of the tensor engine, which has 5 lanes."""
        return Fill(operation=operation, waits=waits, target=self.row(5 * cycles), value=0)

    def load(self, bursts: int, *waits: Wait, operation: int = 0) -> Copy:
        """Bursts of 64 bytes from the DDR: 32 cycles each at 2 bytes per cycle."""
        target, source = self.row(64 * bursts), self.row(64 * bursts, Space.INPUT)
        return Copy(operation=operation, waits=waits, target=target, source=source)

    def store(self, bursts: int, *waits: Wait, operation: int = 0) -> Copy:
        """The same to the DDR."""
        target, source = self.row(64 * bursts, Space.OUTPUT), self.row(64 * bursts)
        return Copy(operation=operation, waits=waits, target=target, source=source)

    def code(self, queues: Mapping[Queue, Sequence[Instruction]]) -> Code:
        return Code(
            machine="toy-2",
            operations=("first", "second", "third"),
            queues={at: tuple(found) for at, found in queues.items()},
            sizes={Space.MEMORY: 4096},
        )


@pytest.fixture
def micro() -> Micro:
    return Micro()
