"""What a program takes on a machine before anything is compiled: both bounds, and an estimate.

`estimate_cycles` is the one place where the estimate is made; docs/cost.md has its formula. All of
it speaks of models of machines.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from toolchain.accelerator.bounds import (
    Engine,
    OperationBound,
    ProgramBound,
    compute_cycles,
    program_bound,
    transfer_cycles,
)
from toolchain.core.cost import CostReport, OperationCost
from toolchain.core.machine import Machine
from toolchain.core.samples import InputSpec
from toolchain.errors import Problem
from toolchain.program.cost import program_costs
from toolchain.program.records import Dequantize, Operation, Program, Quantize

NOTES = (
    "These are models of machines and of chips, not measurements.",
    "A lower bound is what no schedule beats; an estimate may be too high or too low.",
    "Time of the CPU for operations that a machine cannot do is in no figure of the machine.",
)
"""What every report says of itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleEstimate:
    """Estimated cycles of a program on a machine.

    Attributes:
        method: How they were estimated, in a few words.
        cycles: Cycles of the whole.
        operations: Cycles of every operation in order, 0 for those of the host.
    """

    method: str
    cycles: int
    operations: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorEstimate:
    """One operation of a program on a machine.

    Attributes:
        name: Name of the operation.
        kind: What it is, as "Conv" or "float Softmax".
        engine: What computes it; the host does what the machine cannot.
        macs: Its multiply-accumulates.
        compute_cycles: Fewest cycles of computing, all engines at work on it; 0 on the host.
        transfer_bytes: Its part of what has to cross the DDR in any schedule.
        cycles: What it is estimated to take; 0 on the host.
    """

    name: str
    kind: str
    engine: Engine
    macs: int
    compute_cycles: int
    transfer_bytes: int
    cycles: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HostPart:
    """Operations of one kind that a CPU does, all for the same reason."""

    kind: str
    operations: int
    macs: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineEstimate:
    """A program on a model of a machine. Time of the host is in no figure.

    Attributes:
        machine: Name of the machine.
        summary: What it is a model of.
        platform: Chip that it is a machine of.
        cores: Its cores.
        clock_mhz: Their clock.
        operations: How many operations are the machine's.
        host: What is left to a CPU, and why.
        macs: Multiply-accumulates on the machine.
        transfer_bytes: What has to cross the DDR in any schedule.
        compute_cycles: Lower bound of computing.
        transfer_cycles: Lower bound of those transfers.
        bound_cycles: The larger of both: no schedule takes fewer cycles.
        method: How the estimate was made.
        cycles: Estimate.
        latency_us: The estimate in microseconds.
        frames_per_second: Programs of the estimate's length in a second, one after the other.
        most_frames_per_second: The same of the bound: no schedule is faster.
        operators: Every operation in order; empty unless asked for.
    """

    machine: str
    summary: str
    platform: str
    cores: int
    clock_mhz: int
    operations: int
    host: tuple[HostPart, ...]
    macs: int
    transfer_bytes: int
    compute_cycles: int
    transfer_cycles: int
    bound_cycles: int
    method: str
    cycles: int
    latency_us: float
    frames_per_second: float
    most_frames_per_second: float
    operators: tuple[OperatorEstimate, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramEstimate:
    """The program of one or more chips of a target, and what it takes on each.

    Attributes:
        target: The target.
        platforms: Chips that have this program.
        operations: Operations of the program.
        float_operations: Those of them that compute in float.
        macs: Multiply-accumulates of all.
        weight_bytes: All constants, each once.
        activation_bytes: Activations that operations read and write, as stored.
        machines: What it takes on every machine of the chips.
        models: What the cost model of a chip makes of it, by chip.
        operators: Counts of every operation in order; empty unless asked for.
    """

    target: str
    platforms: tuple[str, ...]
    operations: int
    float_operations: int
    macs: int
    weight_bytes: int
    activation_bytes: int
    machines: tuple[MachineEstimate, ...]
    models: Mapping[str, CostReport]
    operators: tuple[OperationCost, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Chips of a target that cannot have the model, or the settings, and why."""

    target: str
    platforms: tuple[str, ...]
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EstimateReport:
    """What a model takes on the chips of its targets.

    Attributes:
        model: The file.
        inputs: Its inputs, with the shapes that it was estimated for.
        programs: Estimates, by target and chip.
        refusals: Chips without one.
        notes: What holds for all of them.
    """

    model: Path
    inputs: tuple[InputSpec, ...]
    programs: tuple[ProgramEstimate, ...]
    refusals: tuple[Refusal, ...] = ()
    notes: tuple[str, ...] = NOTES


def estimate_machine(
    program: Program,
    machine: Machine,
    *,
    platform: str,
    reasons: Mapping[str, str],
    operators: bool = False,
) -> MachineEstimate:
    """What a valid program takes on a machine.

    Args:
        program: The program, whatever its numbers: only types and shapes count.
        machine: A machine whose description has no findings.
        platform: Chip that it is a machine of.
        reasons: Why operations run in float, by name.
        operators: True keeps every operation.
    """
    bound = program_bound(program, machine)
    found = estimate_cycles(program, bound)
    return MachineEstimate(
        machine=machine.name,
        summary=machine.summary,
        platform=platform,
        cores=machine.cores,
        clock_mhz=machine.clock_mhz,
        operations=len(bound.operations) - len(bound.host),
        host=_host(program, bound, reasons),
        macs=bound.macs,
        transfer_bytes=bound.transfer_bytes,
        compute_cycles=bound.compute_cycles,
        transfer_cycles=bound.transfer_cycles,
        bound_cycles=bound.cycles,
        method=found.method,
        cycles=found.cycles,
        latency_us=found.cycles / machine.clock_mhz,
        frames_per_second=_rate(found.cycles, machine),
        most_frames_per_second=_rate(bound.cycles, machine),
        operators=tuple(map(_operator, bound.operations, found.operations)) if operators else (),
    )


def estimate_cycles(program: Program, bound: ProgramBound) -> CycleEstimate:
    """Cycles of `program` on the machine of `bound`, one operation after the other.

    Each takes the longer of computing and of its transfers, and a synchronisation; where it
    transfers anything, the latency of the DDR, too. What it reads and writes stays on the chip
    where both fit into it, else it crosses the DDR with its constants.
    """
    costs = program_costs(program)
    operations = tuple(
        0
        if each.engine is Engine.HOST
        else operation_cycles(cost, bound.machine, compulsory=each.transfer_bytes)
        for each, cost in zip(bound.operations, costs, strict=True)
    )
    return CycleEstimate(
        method="one operation after the other", cycles=sum(operations), operations=operations
    )


def operation_cycles(cost: OperationCost, machine: Machine, *, compulsory: int) -> int:
    """Estimated cycles of one operation that the machine can do.

    Args:
        cost: The operation.
        machine: The model.
        compulsory: Its part of the bytes that cross the DDR in any schedule.
    """
    size = moved_bytes(cost, machine, compulsory=compulsory)
    busy = max(compute_cycles(cost, machine), transfer_cycles(size, machine))
    if not busy:
        return 0
    return busy + machine.sync_cycles + (machine.ddr.latency_cycles if size else 0)


def moved_bytes(cost: OperationCost, machine: Machine, *, compulsory: int) -> int:
    """Bytes over the DDR: more than the compulsory ones where input and output do not fit."""
    if cost.input_bytes + cost.output_bytes <= _on_chip(machine):
        return compulsory
    return max(compulsory, cost.weight_bytes + cost.input_bytes + cost.output_bytes)


def _on_chip(machine: Machine) -> int:
    """Bytes of activations that all cores together hold."""
    shared = 0 if machine.shared_memory is None else machine.shared_memory.bytes
    return machine.cores * machine.memory.bytes + shared


def _rate(cycles: int, machine: Machine) -> float:
    """Programs of so many cycles in a second; 0 where the machine has nothing to do."""
    return machine.clock_mhz * 1e6 / cycles if cycles else 0.0


def _host(
    program: Program, bound: ProgramBound, reasons: Mapping[str, str]
) -> tuple[HostPart, ...]:
    """Operations of the host by kind and reason, in the order in which these come up."""
    pairs = zip(program.operations, bound.operations, strict=True)
    found = [
        (each.kind, _reason(op, each, reasons), each.macs)
        for op, each in pairs
        if each.engine is Engine.HOST
    ]
    numbers = Counter((kind, reason) for kind, reason, _ in found)
    return tuple(
        HostPart(
            kind=kind,
            operations=number,
            macs=sum(macs for *key, macs in found if tuple(key) == (kind, reason)),
            reason=reason,
        )
        for (kind, reason), number in numbers.items()
    )


def _reason(op: Operation, bound: OperationBound, reasons: Mapping[str, str]) -> str:
    if isinstance(op, (Quantize, Dequantize)):
        return "between float and integers, as at inputs and outputs"
    if bound.name in reasons:
        return reasons[bound.name]
    if bound.kind.startswith("float "):
        return "what it reads or writes is float"
    return "an operand is wider than the convolution engine takes"


def _operator(bound: OperationBound, cycles: int) -> OperatorEstimate:
    return OperatorEstimate(
        name=bound.name,
        kind=bound.kind,
        engine=bound.engine,
        macs=bound.macs,
        compute_cycles=bound.compute_cycles,
        transfer_bytes=bound.transfer_bytes,
        cycles=cycles,
    )
