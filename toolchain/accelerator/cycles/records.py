"""What the cycle model finds: when every instruction ran, and what it waited for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType

from toolchain.accelerator.isa.operands import Engine, Queue, Wait
from toolchain.accelerator.transfers import Traffic
from toolchain.core.machine import Machine


@dataclass(frozen=True, slots=True)
class Step:
    """One instruction on its engine; times in cycles since the code began.

    Attributes:
        queue: Its queue.
        index: Its place there, from 0.
        operation: Number of its operation.
        kind: What it is, as "Convolve".
        free: When its engine was done with the instruction before it.
        begin: When it began.
        end: When its engine was free for the next one.
        completed: When what it wrote could be seen: `end`, behind the DDR later.
        waits: What it had to wait for.
        cause: The one that put off its beginning; None where it began as soon as it was free. Of
            its own queue without being one of them: a transfer that was still under way.
        traffic: Bytes that it moved over the DDR.
        alone: Cycles from `begin` to `end`, had it had the bandwidth of the DDR for itself.
        macs: Multiply-accumulates of its products.
    """

    queue: Queue
    index: int
    operation: int
    kind: str
    free: int
    begin: int
    end: int
    completed: int
    waits: tuple[Wait, ...]
    cause: Wait | None
    traffic: Traffic
    alone: int
    macs: int

    @property
    def stalled(self) -> int:
        """Cycles that its engine waited before it."""
        return self.begin - self.free

    @property
    def cycles(self) -> int:
        """Cycles that it kept its engine busy."""
        return self.end - self.begin

    @property
    def shared(self) -> int:
        """Cycles that it took longer, for others used the DDR as well."""
        return self.cycles - self.alone


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationTime:
    """One operation of the program.

    Attributes:
        number: Of the operation, in the code.
        name: Its name.
        begin: When its first instruction began.
        end: When its last one was completed.
        cycles: By how much it put off the end of the whole, operations taken in the order in which
            they end: those of all operations add up to the total.
        busy: Cycles of all engines of a kind.
        macs: Multiply-accumulates; what several tiles compute of one output counts for each.
        traffic: Bytes over the DDR.
    """

    number: int
    name: str
    begin: int
    end: int
    cycles: int
    busy: Mapping[Engine, int]
    macs: int
    traffic: Traffic

    def __post_init__(self) -> None:
        """Freeze the mapping."""
        object.__setattr__(self, "busy", MappingProxyType(dict(self.busy)))


@dataclass(frozen=True, kw_only=True, eq=False)
class Timeline:
    """A run of code on the model of a machine.

    Attributes:
        machine: The model.
        operations: Names of the operations, which steps have by number.
        steps: All instructions, by queue and place.
        cycles: Until the last one was completed.
        traffic: Bytes over the DDR.
        busy: Cycles that each queue's engine worked.
        ddr_bytes_per_cycle: Bandwidth of the DDR that was granted.
    """

    machine: Machine
    operations: tuple[str, ...]
    steps: tuple[Step, ...]
    cycles: int
    traffic: Traffic
    busy: Mapping[Queue, int]
    ddr_bytes_per_cycle: Fraction

    def __post_init__(self) -> None:
        """Freeze the mapping."""
        object.__setattr__(self, "busy", MappingProxyType(dict(self.busy)))

    @property
    def latency_us(self) -> float:
        """All cycles in microseconds, at the clock of the model."""
        return self.cycles / self.machine.clock_mhz


def queue_name(queue: Queue) -> str:
    """A queue in words, as "core 0 tensor 1"."""
    return f"core {queue.core} {queue.engine.name.lower()} {queue.index}"
