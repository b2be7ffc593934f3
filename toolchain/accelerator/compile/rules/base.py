"""What the compiler must know of an operation: what a part of its result needs and takes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from toolchain.accelerator.compile.boxes import Box, whole
from toolchain.accelerator.compile.views import merged_pair
from toolchain.accelerator.isa.instructions import Copy, Instruction
from toolchain.accelerator.isa.operands import Engine, Finish, Rounding, ToFloat, ToInteger, View
from toolchain.core.dtypes import DType
from toolchain.program.records import Requantize

if TYPE_CHECKING:
    from toolchain.accelerator.compile.views import Patch
    from toolchain.core.dtypes import Array
    from toolchain.program.records import Operation, Program
    from toolchain.program.records import ToFloat as FloatFinish

_ROUNDING = {
    "half_even": Rounding.HALF_EVEN,
    "half_up": Rounding.HALF_UP,
    "half_away": Rounding.HALF_AWAY,
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Parameter:
    """A constant of an operation, as its engine wants it.

    Attributes:
        role: What it is to the operation, as "weights".
        array: Its elements; C order is the order in memory.
        along: Axis of the result whose part says which of its rows are needed, one row of the
            first axis for `per` indices of the result; None: all of it, whatever the part.
        per: See `along`.
    """

    role: str
    array: Array
    along: int | None = None
    per: int = 1

    def rows(self, box: Box) -> tuple[int, int]:
        """First row that a part of the result needs, and the one behind the last."""
        if self.along is None:
            return 0, self.array.shape[0]
        start, stop = box[self.along]
        return start // self.per, -(-stop // self.per)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operands:
    """Where an operation finds what it needs for a part of its result.

    Attributes:
        box: The part.
        target: Where the part goes; its axes are those of the result.
        sources: What was asked for of every input, in the order of `Rule.inputs`; None where
            nothing was.
        parameters: The rows of every parameter, by role.
    """

    box: Box
    target: View
    sources: Sequence[Patch | None]
    parameters: Mapping[str, View]

    def source(self, index: int = 0) -> Patch:
        """What was asked for of an input, of which something was."""
        found = self.sources[index]
        if found is None:
            raise LookupError(index)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What rules need of the program around an operation.

    Attributes:
        program: The program.
        depthwise: Which engine computes depthwise convolutions.
        moving: Which engine moves elements on the chip.
    """

    program: Program
    depthwise: Engine
    moving: Engine

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of a tensor or constant."""
        constant = self.program.constants.get(name)
        return self.program.tensors[name].shape if constant is None else constant.shape

    def dtype(self, name: str) -> DType:
        """Stored type of a tensor."""
        return self.program.tensors[name].dtype

    def finish(self, finish: Requantize | FloatFinish) -> Finish:
        """How accumulators leave, in the machine's terms."""
        if isinstance(finish, Requantize):
            return self.to_integer(
                finish.zero_point, (finish.low, finish.high), guard_bits=finish.guard_bits
            )
        return ToFloat(guard_bits=finish.guard_bits, low=finish.low, high=finish.high)

    def to_integer(
        self, zero_point: int, bounds: tuple[int, int], *, guard_bits: int = 0
    ) -> ToInteger:
        """Rounded as the program does, within bounds."""
        return ToInteger(
            rounding=_ROUNDING[str(self.program.rounding)],
            exact=self.program.exact,
            guard_bits=guard_bits,
            zero_point=zero_point,
            low=bounds[0],
            high=bounds[1],
        )

    def stored(self, name: str, zero_point: int) -> ToInteger:
        """To all integers of a tensor's type."""
        dtype = self.dtype(name)
        return self.to_integer(zero_point, (dtype.qmin, dtype.qmax))

    def in_float(self, name: str, zero_point: int) -> ToInteger:
        """As `stored`, of what programs compute in float32, also those that requantize exactly."""
        return replace(self.stored(name, zero_point), exact=False)

    def channel(self, name: str, channels: int, dtype: type[np.generic]) -> Array:
        """A constant with one element per channel, repeated where it has one for all."""
        array = self.program.constants[name].astype(dtype)
        return np.ascontiguousarray(np.broadcast_to(array.reshape(-1), (channels,)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule(ABC):
    """How one result of one operation is computed, part by part.

    Attributes:
        facts: The program around it.
        name: Name of the operation.
        engine: What computes it.
        output: The tensor that it writes.
        inputs: The tensors that it reads.
        parameters: Its constants.
        cuts: Axes of the result along which parts may be cut, to the multiples at which they
            must be cut.
    """

    facts: Facts
    name: str
    output: str
    inputs: tuple[str, ...]
    engine: Engine = Engine.TENSOR
    parameters: tuple[Parameter, ...] = ()
    cuts: Mapping[int, int] = field(default_factory=dict)

    @abstractmethod
    def needs(self, box: Box) -> tuple[Box | None, ...]:
        """The part of every input that a part of the result needs; None for nothing."""

    @abstractmethod
    def instructions(self, at: Operands) -> tuple[Instruction, ...]:
        """What computes a part, one after the other; without waits and numbers of operations."""


class Elementwise(Rule):
    """What rules have in common whose results need the same part of every input.

    Inputs broadcast as in numpy.
    """

    __slots__ = ()

    def needs(self, box: Box) -> tuple[Box | None, ...]:
        """The same part, or all of an axis that is repeated."""
        return tuple(aligned(box, self.facts.shape(name)) for name in self.inputs)


def aligned(box: Box, shape: tuple[int, ...]) -> Box:
    """The part of an input that a part of a result needs, where shapes broadcast."""
    if not shape:
        return ()
    return tuple(
        (0, 1) if extent == 1 else bounds
        for extent, bounds in zip(shape, box[-len(shape) :], strict=True)
    )


def copied(target: View, source: View) -> Instruction:
    """Elements of one view to another of the same extents but for those of 1."""
    target, source = merged_pair(target, source)
    return Copy(operation=0, target=target, source=source)


def every_axis(shape: tuple[int, ...]) -> Mapping[int, int]:
    """Parts may be cut anywhere."""
    return dict.fromkeys(range(len(shape)), 1)


def single(number: float) -> float:
    """The float32 number nearest to one, as programs take their factors."""
    return float(np.float32(number))


def names(op: Operation, facts: Facts) -> tuple[str, ...]:
    """The inputs of an operation that are tensors."""
    return tuple(n for n in op.inputs if n and n not in facts.program.constants)


def all_of(facts: Facts, name: str) -> Box:
    """All of a tensor."""
    return whole(facts.shape(name))
