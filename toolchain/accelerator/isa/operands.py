"""What instructions work on: queues, waits, views of memories, and how results leave."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from math import prod
from typing import TypeAlias

from toolchain.core.dtypes import DType

MAX_RANK = 8
"""Axes of a view."""

EVERY_CORE = 255
"""As the core of a target: what a transfer writes is written into the memories of all cores."""


class Space(IntEnum):
    """Where bytes lie. The first four are regions of the DDR, which all cores share."""

    CONSTANTS = 0
    """Weights and tables; read only."""
    INPUT = 1
    """Inputs of the program; read only."""
    OUTPUT = 2
    """Outputs of the program."""
    WORK = 3
    """What does not stay on the chip."""
    MEMORY = 4
    """On-chip memory of a core."""
    WEIGHTS = 5
    """Weight buffer of a core, where the machine has one."""
    SHARED = 6
    """On-chip memory of all cores, where the machine has one."""

    @property
    def on_chip(self) -> bool:
        """True for memories of the chip."""
        return self >= Space.MEMORY

    @property
    def per_core(self) -> bool:
        """True where every core has its own."""
        return self in (Space.MEMORY, Space.WEIGHTS)


class Engine(IntEnum):
    """Kinds of engines; each engine works off its own queue, in order."""

    CONVOLUTION = 0
    TENSOR = 1
    TRANSFER = 2
    REARRANGEMENT = 3


@dataclass(frozen=True, slots=True, order=True)
class Queue:
    """The instructions of one engine.

    Attributes:
        core: From 0.
        engine: Its kind.
        index: Of the engines of that kind on the core, from 0.
    """

    core: int
    engine: Engine
    index: int


@dataclass(frozen=True, slots=True)
class Wait:
    """Not to begin before another queue has completed its first `count` instructions."""

    queue: Queue
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Elements of a memory: the one with indices i lies at offset + sum of i * strides.

    Attributes:
        space: The memory.
        core: Whose memory, for memories that every core has; else 0.
        offset: Byte of the first element, a multiple of the element's size.
        dtype: Type of the elements: int8, uint8, int16, uint16, int32, int64, float32 or bool.
        shape: Extents, each at least 1; no more than `MAX_RANK`.
        strides: Bytes from one index to the next; 0 repeats elements, in sources only.
    """

    space: Space
    core: int = 0
    offset: int
    dtype: DType
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def elements(self) -> int:
        """Number of elements, repeated ones counted as often as they are used."""
        return prod(self.shape)

    @property
    def itemsize(self) -> int:
        """Bytes of an element."""
        return self.dtype.numpy.itemsize

    @property
    def span(self) -> tuple[int, int]:
        """First byte, and the one behind the last."""
        steps = [(n - 1) * s for n, s in zip(self.shape, self.strides, strict=True)]
        first = self.offset + sum(s for s in steps if s < 0)
        return first, self.offset + sum(s for s in steps if s > 0) + self.itemsize


class Rounding(IntEnum):
    """To the nearest integer; what becomes of ties."""

    HALF_EVEN = 0
    HALF_UP = 1
    HALF_AWAY = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ToInteger:
    """Saturate(round(acc * factor) + zero_point) within [low, high].

    Attributes:
        rounding: What `round` does with ties.
        exact: The product is exact; else it is the float32 product of float32(acc) and the factor.
        guard_bits: The bias lies so many bits below the steps of the sum of products:
            acc = (sum << guard_bits) + bias.
        zero_point: Added behind rounding.
        low: Smallest result.
        high: Largest result.
    """

    rounding: Rounding
    exact: bool
    guard_bits: int
    zero_point: int
    low: int
    high: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ToFloat:
    """float32(acc) * factor, clamped to [low, high].

    Attributes:
        guard_bits: As of `ToInteger`.
        low: float32, -inf without a bound.
        high: float32, inf without a bound.
    """

    guard_bits: int
    low: float
    high: float


Finish: TypeAlias = ToInteger | ToFloat
"""How an accumulator becomes the result."""
