"""The evaluator's figures, from the times of the compiled model on the model of its machine.

Fields are those of the vendor's report; docs/cost.md says what each is here. Milliseconds at the
clock of the model; amounts in bytes, bursts whole; nothing here was measured on a chip.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from toolchain.accelerator.container.records import HostSegment, MachineSegment, Segment
from toolchain.accelerator.cycles.model import timeline
from toolchain.accelerator.cycles.operations import operation_times
from toolchain.accelerator.isa.operands import Engine
from toolchain.accelerator.transfers import loads_constants
from toolchain.api import DType
from toolchain.program.records import Dequantize, FloatOp, Quantize

if TYPE_CHECKING:
    from toolchain.accelerator.cycles.records import Step
    from toolchain.accelerator.isa.code import Code
    from toolchain.core.machine import Machine
    from toolchain.program.records import Operation, Program

_WINDOWS = frozenset({"Pool", "Reduce", "Extreme", "Blend"})
"""Instructions that step over windows; everything else of the tensor engine is by element."""
_CONVERSIONS = frozenset({Quantize.__name__, Dequantize.__name__})


class Unit(StrEnum):
    """What the vendor's report has a time of."""

    MAC = "MAC"
    CFUNC = "CFUNC"
    PFUNC = "PFUNC"
    RDMA = "RDMA"
    WDMA = "WDMA"
    GETW = "GETW"


class Kind(StrEnum):
    """Who computes a node."""

    NPU = "NPU"
    FUSED = "FUSED"
    """Part of what another node executes, or only another name of its input."""
    CPU = "CPU"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bandwidths of the evaluator, in Gbit/s; 0: what the machine has."""

    dma_bandwidth: float = 0.0
    weight_bandwidth: float = 0.0


@dataclass(slots=True, kw_only=True)
class NodeTime:
    """One operation of the program.

    Attributes:
        name: Its name.
        op_type: What it is, as "Conv" or "Slice".
        kind: Who computes it.
        bits: Of its first input, its first output and its weight; None without one.
        reason: Why a CPU does; empty for others.
        command: Number of its first instruction, of all of the model; None without any.
        cycles: Cycles that each unit worked for it.
        amounts: Bytes over the DDR: RDMA, WDMA, GETW.
        synchronised: By how many cycles it put off the end of the whole.
        macs: Multiply-accumulates.
    """

    name: str
    op_type: str
    kind: Kind
    bits: tuple[int | None, int | None, int | None]
    reason: str = ""
    command: int | None = None
    cycles: dict[Unit, int] = field(default_factory=lambda: dict.fromkeys(Unit, 0))
    amounts: dict[Unit, int] = field(
        default_factory=lambda: dict.fromkeys((Unit.RDMA, Unit.WDMA, Unit.GETW), 0)
    )
    synchronised: int = 0
    macs: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """A model on the model of a machine; segments of a CPU take no time.

    Attributes:
        machine: The machine.
        limits: Bandwidths that were asked for.
        cycles: All segments of the machine, one after the other.
        nodes: Every operation, in order.
    """

    machine: Machine
    limits: Limits
    cycles: int
    nodes: tuple[NodeTime, ...]

    @property
    def cpu_nodes(self) -> tuple[NodeTime, ...]:
        """What is left to a CPU, besides conversions between float and integers."""
        left = (node for node in self.nodes if node.kind is Kind.CPU)
        return tuple(node for node in left if node.op_type not in _CONVERSIONS)

    @property
    def theoretical_cycles(self) -> float:
        """All MACs at the peak of the array."""
        return sum(node.macs for node in self.nodes) / self.machine.macs_per_cycle

    def busy(self, unit: Unit) -> int:
        """Cycles that a unit worked."""
        return sum(node.cycles[unit] for node in self.nodes)

    def amount(self, unit: Unit) -> int:
        """Bytes of RDMA, WDMA or GETW."""
        return sum(node.amounts[unit] for node in self.nodes)

    def milliseconds(self, cycles: float) -> float:
        """Cycles at the clock of the machine."""
        return cycles / self.machine.clock_mhz / 1000

    def bandwidth(self, size: int) -> float:
        """GB/s of so many bytes over the whole time; 0 where the machine has nothing to do."""
        return size * self.machine.clock_mhz / self.cycles / 1000 if self.cycles else 0.0


def evaluate(
    segments: Sequence[Segment], program: Program, machine: Machine, limits: Limits
) -> Evaluation:
    """Time compiled segments of a program, one after the other.

    Raises:
        CompileError: Code that the machine cannot execute.
    """
    operations = {op.name: op for op in program.operations}

    def node(name: str, kind: Kind, reason: str = "") -> NodeTime:
        op = operations[name]
        kind_of = op.op_type if isinstance(op, FloatOp) else type(op).__name__
        bits = _bits(op, program)
        return NodeTime(name=name, op_type=kind_of, kind=kind, bits=bits, reason=reason)

    nodes: list[NodeTime] = []
    cycles = instructions = 0
    for segment in segments:
        if isinstance(segment, HostSegment):
            nodes += [node(name, Kind.CPU, reason) for name, reason in segment.reasons.items()]
        else:
            found = [node(name, Kind.FUSED) for name in segment.code.operations]
            cycles += _count_segment(found, segment, machine, limits, instructions)
            nodes += found
            instructions += sum(map(len, segment.code.queues.values()))
    return Evaluation(machine=machine, limits=limits, cycles=cycles, nodes=tuple(nodes))


def _count_segment(
    nodes: Sequence[NodeTime],
    segment: MachineSegment,
    machine: Machine,
    limits: Limits,
    before: int,
) -> int:
    """Add the instructions of a segment to its nodes; its cycles."""
    code = segment.code
    found = timeline(
        code,
        machine,
        ddr_limit=_bytes_per_second(limits.dma_bandwidth),
        weight_limit=_bytes_per_second(limits.weight_bandwidth),
    )
    for number, step in enumerate(found.steps, before):
        _count(nodes[step.operation], step, code, number)
    for each in operation_times(found):
        nodes[each.number].synchronised = each.cycles
        nodes[each.number].macs = each.macs
    return found.cycles


def _count(node: NodeTime, step: Step, code: Code, number: int) -> None:
    """Add an instruction to its node."""
    node.kind = Kind.NPU
    node.command = number if node.command is None else min(node.command, number)
    unit = _unit(step, code)
    node.cycles[unit] += step.cycles
    node.amounts[Unit.GETW if unit is Unit.GETW else Unit.RDMA] += step.traffic.read
    node.amounts[Unit.WDMA] += step.traffic.written


def _unit(step: Step, code: Code) -> Unit:
    """Who works; transfers that write to the DDR are WDMA, also if they read there."""
    match step.queue.engine:
        case Engine.CONVOLUTION:
            return Unit.MAC
        case Engine.TRANSFER if loads_constants(code.queues[step.queue][step.index]):
            return Unit.GETW
        case Engine.TRANSFER:
            return Unit.WDMA if step.traffic.written else Unit.RDMA
    return Unit.PFUNC if step.kind in _WINDOWS else Unit.CFUNC


def _bytes_per_second(gigabits: float) -> int | None:
    return round(gigabits * 10**9 / 8) or None


def _bits(op: Operation, program: Program) -> tuple[int | None, int | None, int | None]:
    """Bits of the first input, the first output and the weight."""
    weight = getattr(op, "weight", None) or getattr(op, "b", None)
    stored = [program.tensors.get(name) for name in (*op.inputs[:1], *op.outputs[:1])]
    read, written = (None if each is None else each.dtype.bits for each in stored)
    return (
        read,
        written,
        None if weight is None else DType(program.constants[weight].dtype.name).bits,
    )
