"""Two lower bounds of a program on a machine: what must be computed, and what must be transferred.

Computing: every operation on its engine at the rate that its shape allows, all engines of a kind
on all cores busy, and engines of different kinds beside each other. Transferring: what the machine
cannot keep on the chip, whatever its size: constants once, inputs once, outputs once, at the full
bandwidth. No schedule is faster than the larger of both; docs/machines.md has the formulas.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from toolchain.accelerator.rates import is_depthwise, product_cycles
from toolchain.core.cost import OperationCost
from toolchain.core.machine import Machine
from toolchain.program.cost import program_costs
from toolchain.program.records import Dequantize, Move, MoveKind, Operation, Program, Quantize
from toolchain.program.validation import constant_names

_CONVERSIONS = frozenset({Quantize.__name__, Dequantize.__name__})
"""Kinds of operations between float and integers."""


class Engine(StrEnum):
    """What computes an operation."""

    CONVOLUTION = "convolution"
    TENSOR = "tensor"
    MOVEMENT = "movement"
    """Elements change their place only: a bound of 0, for a schedule may hide it in transfers."""
    HOST = "host"
    """The machine cannot: a CPU does, whose time is not in the bounds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationBound:
    """Bounds of one operation by itself.

    Attributes:
        name: Name of the operation.
        kind: What it is, as in its cost.
        engine: What computes it.
        macs: Its multiply-accumulates.
        busy_cycles: Cycles of one engine that it takes, whatever their number.
        compute_cycles: Fewest cycles of computing, all engines of the machine at work on it.
        transfer_bytes: Its part of what has to cross the DDR; the parts add up to the program's.
    """

    name: str
    kind: str
    engine: Engine
    macs: int
    busy_cycles: int
    compute_cycles: int
    transfer_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramBound:
    """Bounds of a whole program, of those of its operations that the machine can do.

    Attributes:
        machine: The model of a machine that they hold for.
        operations: All operations in their order, those of the host included.
        compute_cycles: Fewest cycles of computing.
        transfer_cycles: Fewest cycles of compulsory transfers.
        transfer_bytes: Those transfers.
    """

    machine: Machine
    operations: tuple[OperationBound, ...]
    compute_cycles: int
    transfer_cycles: int
    transfer_bytes: int

    @property
    def cycles(self) -> int:
        """The larger bound: no schedule takes fewer cycles."""
        return max(self.compute_cycles, self.transfer_cycles)

    @property
    def latency_us(self) -> float:
        """The larger bound in microseconds."""
        return self.cycles / self.machine.clock_mhz

    @property
    def macs(self) -> int:
        """Multiply-accumulates on the machine."""
        return sum(each.macs for each in self.operations if each.engine is not Engine.HOST)

    @property
    def host(self) -> tuple[OperationBound, ...]:
        """Operations that the machine leaves to a CPU."""
        return tuple(each for each in self.operations if each.engine is Engine.HOST)


def program_bound(program: Program, machine: Machine) -> ProgramBound:
    """Both bounds of a valid program on a machine whose description has no findings."""
    costs = program_costs(program)
    engines = tuple(engine_of(cost, machine) for cost in costs)
    transferred = _compulsory(program, costs, engines)
    operations = tuple(
        _operation_bound(cost, engine, size, machine)
        for cost, engine, size in zip(costs, engines, transferred, strict=True)
    )
    total = sum(transferred)
    return ProgramBound(
        machine=machine,
        operations=operations,
        compute_cycles=max(
            _shared(_busy(operations, engine), engine, machine)
            for engine in (Engine.CONVOLUTION, Engine.TENSOR)
        ),
        transfer_cycles=transfer_cycles(total, machine),
        transfer_bytes=total,
    )


def transfer_cycles(size: int, machine: Machine) -> int:
    """Cycles that `size` bytes take between DDR and chip, bursts whole and latency hidden."""
    channels = machine.cores * machine.transfer.count * machine.transfer.bytes_per_cycle
    rate = min(Fraction(machine.ddr.megabytes_per_second, machine.clock_mhz), Fraction(channels))
    return math.ceil(size / rate)


def engine_of(cost: OperationCost, machine: Machine) -> Engine:
    """Who computes an operation: what has float operands or results is left to the host."""
    if cost.kind.startswith("float ") or cost.kind in _CONVERSIONS:
        return Engine.HOST
    if cost.products is None:
        return Engine.TENSOR if cost.element_steps else Engine.MOVEMENT
    if cost.dtype.bits not in machine.convolution.passes:
        return Engine.HOST
    if is_depthwise(cost.products) and machine.convolution.depthwise is None:
        return Engine.TENSOR
    return Engine.CONVOLUTION


def compute_cycles(cost: OperationCost, machine: Machine) -> int:
    """Fewest cycles of computing one operation, all engines of the machine at work on it."""
    engine = engine_of(cost, machine)
    return _shared(_busy_cycles(cost, engine, machine), engine, machine)


def _operation_bound(
    cost: OperationCost, engine: Engine, transfer_bytes: int, machine: Machine
) -> OperationBound:
    busy = _busy_cycles(cost, engine, machine)
    return OperationBound(
        name=cost.name,
        kind=cost.kind,
        engine=engine,
        macs=cost.macs,
        busy_cycles=busy,
        compute_cycles=_shared(busy, engine, machine),
        transfer_bytes=transfer_bytes,
    )


def _busy_cycles(cost: OperationCost, engine: Engine, machine: Machine) -> int:
    """Cycles of one engine."""
    if engine not in (Engine.CONVOLUTION, Engine.TENSOR):
        return 0
    if cost.products is None:
        return -(-cost.element_steps // machine.tensor.lanes)
    return product_cycles(cost.products, cost.dtype.bits, machine)


def _busy(operations: Iterable[OperationBound], engine: Engine) -> int:
    return sum(each.busy_cycles for each in operations if each.engine is engine)


def _shared(busy: int, engine: Engine, machine: Machine) -> int:
    """Cycles of one engine, spread over all engines of its kind on all cores."""
    kind = machine.tensor if engine is Engine.TENSOR else machine.convolution
    return -(-busy // (kind.count * machine.cores))


def _compulsory(
    program: Program, costs: Iterable[OperationCost], engines: Iterable[Engine]
) -> list[int]:
    """Bytes of every operation that cross the DDR in any schedule.

    Constants count where they are used first, what comes from outside or from the host where it is
    read first, and what goes there where it is made. A reshape is its input under another name.
    """
    roots = _roots(program)
    steps = tuple(zip(program.operations, costs, engines, strict=True))
    inside = [(op, cost) for op, cost, engine in steps if engine is not Engine.HOST]
    kept = {name for op, _ in inside for name in op.outputs if name and roots[name] == name}
    leaving = {roots[name] for op, _, e in steps if e is Engine.HOST for name in op.inputs if name}
    leaving |= {roots.get(name, name) for name in program.outputs}
    reads = _reads(inside, roots)
    counted: set[str] = set()
    sizes: list[int] = []
    for op, _, engine in steps:
        size = 0
        for name in () if engine is Engine.HOST else _touched(op, program):
            root = roots.get(name, name)
            if root in counted:
                continue
            if name in program.constants:
                size += program.constants[name].nbytes
            elif root not in kept:
                size += min(_bytes(name, program), reads.get(root, 0))
            elif name in op.outputs and root in leaving:
                size += _bytes(name, program)
            else:
                continue
            counted.add(root)
        sizes.append(size)
    return sizes


def _touched(op: Operation, program: Program) -> list[str]:
    """Constants, inputs and outputs of an operation, each once."""
    constants = [name for name in constant_names(op) if name in program.constants]
    return list(dict.fromkeys([*constants, *filter(None, (*op.inputs, *op.outputs))]))


def _reads(
    inside: Iterable[tuple[Operation, OperationCost]], roots: Mapping[str, str]
) -> Mapping[str, int]:
    """The most that operations of the machine read of a tensor: a slice reads a part."""
    reads: dict[str, int] = {}
    for op, cost in inside:
        for name in {*filter(None, op.inputs)} & roots.keys():
            reads[roots[name]] = reads.get(roots[name], 0) + cost.input_bytes
    return reads


def _roots(program: Program) -> dict[str, str]:
    """Every tensor to itself, or to the tensor that it is a reshape of."""
    roots = {name: name for name in program.tensors}
    for op in program.operations:
        if isinstance(op, Move) and op.kind is MoveKind.RESHAPE:
            roots[op.outputs[0]] = roots[op.inputs[0]]
    return roots


def _bytes(name: str, program: Program) -> int:
    tensor = program.tensors[name]
    return math.prod(tensor.shape) * tensor.dtype.numpy.itemsize
