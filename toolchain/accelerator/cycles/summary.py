"""How well a machine is used, and what keeps it from being faster.

All of it is said of the model of a machine; nothing was measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from types import MappingProxyType
from typing import TYPE_CHECKING

from toolchain.accelerator.cycles.operations import operation_times
from toolchain.accelerator.cycles.records import OperationTime, Timeline
from toolchain.accelerator.isa.operands import Engine
from toolchain.accelerator.rates import engine_counts
from toolchain.core.cost import Bound

if TYPE_CHECKING:
    from toolchain.accelerator.bounds import ProgramBound
    from toolchain.core.machine import Machine

MODEL_NOTE = "times of a model of the machine, not measurements of a chip"
"""What every report of cycles says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Roofline:
    """What the peaks of a machine allow for so many MACs and bytes.

    Attributes:
        macs: Multiply-accumulates.
        bytes: Bytes over the DDR.
        cycles: That they took.
        macs_per_cycle: Peak of all arrays, 8-bit operands.
        bytes_per_cycle: Bandwidth of the DDR.
    """

    macs: int
    bytes: int
    cycles: int
    macs_per_cycle: int
    bytes_per_cycle: Fraction

    @property
    def intensity(self) -> float | None:
        """MACs per byte; None without any byte."""
        return self.macs / self.bytes if self.bytes else None

    @property
    def ridge(self) -> float:
        """MACs per byte from which on the arrays limit, not the DDR."""
        return float(self.macs_per_cycle / self.bytes_per_cycle)

    @property
    def least_cycles(self) -> Fraction:
        """Fewest cycles: all MACs at their peak, and all bytes at theirs, beside each other."""
        return max(Fraction(self.macs, self.macs_per_cycle), self.bytes / self.bytes_per_cycle)

    @property
    def bound(self) -> Bound:
        """Which of both takes longer at its peak."""
        by_memory = self.bytes / self.bytes_per_cycle > Fraction(self.macs, self.macs_per_cycle)
        return Bound.MEMORY if by_memory else Bound.COMPUTE

    @property
    def reached(self) -> float:
        """The part of the roof that was reached, 0 to 1."""
        return float(self.least_cycles / self.cycles) if self.cycles else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineUse:
    """All engines of a kind; cycles are added over them.

    Attributes:
        engine: The kind.
        count: Engines of the machine, on all cores.
        available: Cycles of the run, times their number.
        busy: Cycles that they worked.
        shared: Of those, what others on the DDR cost.
        stalled: Cycles that they waited for another kind of engine, by that kind; for their own
            kind, too.
    """

    engine: Engine
    count: int
    available: int
    busy: int
    shared: int
    stalled: Mapping[Engine, int]

    def __post_init__(self) -> None:
        """Freeze the mapping."""
        object.__setattr__(self, "stalled", MappingProxyType(dict(self.stalled)))

    @property
    def utilisation(self) -> float:
        """The part of all cycles that they worked, 0 to 1."""
        return self.busy / self.available if self.available else 0.0

    @property
    def idle(self) -> int:
        """Cycles in which they had nothing to do, or nothing any more."""
        return self.available - self.busy - sum(self.stalled.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A program on the model of a machine, its segments one after the other.

    Attributes:
        machine: The model.
        batch: Samples that are computed at once.
        cycles: Of all segments; those of a CPU between them are not in it.
        traffic_read: Bytes from the DDR.
        traffic_written: Bytes to the DDR.
        engines: Every kind of engine that the machine has.
        operations: Every operation with an instruction, by segment.
        roofline: All MACs and bytes against the peaks.
        compute_bound: Cycles of computing that no schedule can beat; None where it was not given.
        transfer_bound: The same of transfers.
        note: That all of this is a model's.
    """

    machine: Machine
    batch: int
    cycles: int
    traffic_read: int
    traffic_written: int
    engines: tuple[EngineUse, ...]
    operations: tuple[OperationTime, ...]
    roofline: Roofline
    compute_bound: int | None = None
    transfer_bound: int | None = None
    note: str = MODEL_NOTE

    @property
    def latency_us(self) -> float:
        """Microseconds for the whole batch, at the clock of the model."""
        return self.cycles / self.machine.clock_mhz

    @property
    def frames_per_second(self) -> float:
        """Samples per second, one batch after the other; 0 where nothing is computed."""
        return self.batch * 1e6 / self.latency_us if self.cycles else 0.0

    @property
    def bound_cycles(self) -> int | None:
        """The larger bound; None where none was given."""
        if self.compute_bound is None or self.transfer_bound is None:
            return None
        return max(self.compute_bound, self.transfer_bound)

    @property
    def gap(self) -> float | None:
        """Cycles over the larger lower bound, 1 at best; None without a bound or with one of 0."""
        return self.cycles / self.bound_cycles if self.bound_cycles else None

    @property
    def macs_utilisation(self) -> float:
        """MACs over those of all arrays in all cycles, 0 to 1."""
        peak = self.roofline.macs_per_cycle * self.cycles
        return self.roofline.macs / peak if peak else 0.0


def summarise(
    segments: Sequence[Timeline], *, batch: int, bound: ProgramBound | None = None
) -> Summary:
    """Add up the segments of a program, of which there is at least one.

    Args:
        segments: Runs on one machine with one bandwidth, in their order.
        batch: Samples that the program computes at once.
        bound: Of the whole program, for that batch.
    """
    machine = segments[0].machine
    cycles = sum(each.cycles for each in segments)
    operations: list[OperationTime] = []
    start = 0
    for each in segments:
        operations += operation_times(each, start)
        start += each.cycles
    read = sum(each.traffic.read for each in segments)
    written = sum(each.traffic.written for each in segments)
    return Summary(
        machine=machine,
        batch=batch,
        cycles=cycles,
        traffic_read=read,
        traffic_written=written,
        engines=tuple(
            _use(engine, count * machine.cores, segments)
            for engine, count in engine_counts(machine).items()
            if count
        ),
        operations=tuple(operations),
        roofline=Roofline(
            macs=sum(each.macs for each in operations),
            bytes=read + written,
            cycles=cycles,
            macs_per_cycle=machine.macs_per_cycle,
            bytes_per_cycle=segments[0].ddr_bytes_per_cycle,
        ),
        compute_bound=None if bound is None else bound.compute_cycles,
        transfer_bound=None if bound is None else bound.transfer_cycles,
    )


def operation_roofline(operation: OperationTime, summary: Summary) -> Roofline:
    """One operation against the peaks, in the cycles that it would take if no engine ever waited.

    Those of the kind of engine that has most to do, spread over all of the kind, but not fewer than
    its bytes take over the DDR: what is far below the roof does not fit the engines, whatever the
    schedule.
    """
    counts = {use.engine: use.count for use in summary.engines}
    transferred = ceil(operation.traffic.bytes / summary.roofline.bytes_per_cycle)
    busy = (-(-operation.busy[engine] // count) for engine, count in counts.items())
    cycles = max(transferred, *busy)
    return Roofline(
        macs=operation.macs,
        bytes=operation.traffic.bytes,
        cycles=cycles,
        macs_per_cycle=summary.roofline.macs_per_cycle,
        bytes_per_cycle=summary.roofline.bytes_per_cycle,
    )


def _use(engine: Engine, count: int, segments: Sequence[Timeline]) -> EngineUse:
    steps = [step for each in segments for step in each.steps if step.queue.engine is engine]
    stalled: dict[Engine, int] = {}
    for step in steps:
        if step.cause is not None:
            kind = step.cause.queue.engine
            stalled[kind] = stalled.get(kind, 0) + step.stalled
    return EngineUse(
        engine=engine,
        count=count,
        available=count * sum(each.cycles for each in segments),
        busy=sum(step.cycles for step in steps),
        shared=sum(step.shared for step in steps),
        stalled={kind: stalled[kind] for kind in sorted(stalled)},
    )
