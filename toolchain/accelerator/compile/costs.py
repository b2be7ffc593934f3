"""Cycles of parts of operations, before anything has an address."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from toolchain.accelerator.compile.boxes import Box, extents
from toolchain.accelerator.compile.modes import AUTOMATIC, Modes
from toolchain.accelerator.compile.rules.base import Facts, Operands, Rule
from toolchain.accelerator.compile.views import Order, Patch, dense_strides, place
from toolchain.accelerator.isa.operands import Engine, Queue, Space, View
from toolchain.accelerator.rates import busy_cycles
from toolchain.core.dtypes import DType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolchain.accelerator.isa.instructions import Instruction
    from toolchain.core.dtypes import Array
    from toolchain.core.machine import Machine

_PIECE = 1 << 15
_LEAST_PIECE = 1 << 10
_LEAST_PASS = 1 << 12
_SHARED_PIECES = 1 << 10
"""About so many transfers bring all constants where cores exchange results in between."""


def stored_type(dtype: DType) -> DType:
    """The type in which elements lie in memory; those of 4 bits lie in bytes."""
    return DType(dtype.numpy.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Knobs:
    """What a search tries.

    Attributes:
        passes: Into about so many parts the parameters of the program are cut, so that a step
            begins when the first of its own are there.
        chunks: Most parts into which one engine's work on a step is cut.
        run: Most steps in a row that cores do without an exchange.
        exchange: How dear an exchange is, in times of what it should be.
    """

    passes: int = 8
    chunks: int = 4
    run: int = 8
    exchange: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Costs:
    """What a machine takes.

    Attributes:
        facts: The program.
        machine: The machine.
        orders: Order of the axes of every tensor.
        knobs: What the search tries.
        modes: What users have a say in.
    """

    facts: Facts
    machine: Machine
    orders: Mapping[str, Order]
    knobs: Knobs = Knobs()
    modes: Modes = AUTOMATIC
    _known: dict[tuple[str, tuple[int, ...]], int] = field(default_factory=dict)

    def engines(self, kind: Engine) -> int:
        """Engines of a kind on one core."""
        machine = self.machine
        match kind:
            case Engine.CONVOLUTION:
                return machine.convolution.count
            case Engine.TENSOR:
                return machine.tensor.count
            case Engine.TRANSFER:
                return machine.transfer.count
            case Engine.REARRANGEMENT:
                return 0 if machine.rearrangement is None else machine.rearrangement.count

    @property
    def parameter_space(self) -> Space:
        """Where parameters lie."""
        return Space.MEMORY if self.machine.weight_buffer is None else Space.WEIGHTS

    @property
    def parameter_memory(self) -> int:
        """Bytes of the memory that parameters lie in."""
        return (self.machine.weight_buffer or self.machine.memory).bytes

    @cached_property
    def piece_bytes(self) -> int:
        """Bytes of one transfer of parameters: few enough for exchanges to come between."""
        if self.machine.interconnect is None:
            return _PIECE
        part = self._constant_bytes // _SHARED_PIECES
        return min(max(1 << part.bit_length(), _LEAST_PIECE), _PIECE)

    @cached_property
    def _constant_bytes(self) -> int:
        return sum(array.nbytes for array in self.facts.program.constants.values())

    @cached_property
    def pass_bytes(self) -> int:
        """Most bytes of parameters that are loaded as one: those of wider steps come in passes."""
        part = self._constant_bytes // self.knobs.passes
        most = min(self.parameter_memory // 16, part)
        return min(max(most, _LEAST_PASS), self.parameter_memory // 4)

    def cycles(self, rule: Rule, box: Box) -> int:
        """What one engine takes for a part of a result."""
        key = (rule.output, extents(box))
        if key not in self._known:
            queue = Queue(0, rule.engine, 0)
            self._known[key] = sum(
                busy_cycles(instruction, queue, self.machine)
                for instruction in self.instructions(rule, box)
            )
        return self._known[key]

    def instructions(self, rule: Rule, box: Box) -> tuple[Instruction, ...]:
        """The instructions of a part, everything at address 0 of its own memory."""
        sources = []
        for name, need in zip(rule.inputs, rule.needs(box), strict=True):
            sources.append(None if need is None else self._patch(name, need))
        parameters = {
            parameter.role: parameter_view(parameter.array, Space.MEMORY, 0, 0, parameter.rows(box))
            for parameter in rule.parameters
        }
        target = self._patch(rule.output, box).view
        at = Operands(box=box, target=target, sources=sources, parameters=parameters)
        return rule.instructions(at)

    def _patch(self, name: str, box: Box) -> Patch:
        dtype = stored_type(self.facts.dtype(name))
        return place(
            space=Space.MEMORY, core=0, offset=0, dtype=dtype, box=box, order=self.orders[name]
        )


def parameter_view(
    array: Array, space: Space, core: int, offset: int, rows: tuple[int, int]
) -> View:
    """A view of some rows of an array that lies in C order, the first of them at `offset`."""
    shape = (rows[1] - rows[0], *array.shape[1:])
    strides = dense_strides(shape, tuple(range(len(shape))), array.dtype.itemsize)
    dtype = DType(array.dtype.name)
    return View(space=space, core=core, offset=offset, dtype=dtype, shape=shape, strides=strides)
