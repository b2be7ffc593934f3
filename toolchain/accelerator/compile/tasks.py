"""What engines do, before it is known where and when: tasks, and the buffers they work on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from toolchain.accelerator.compile.boxes import Box
from toolchain.accelerator.compile.rules.base import Rule
from toolchain.accelerator.compile.views import Order
from toolchain.accelerator.isa.instructions import Instruction
from toolchain.accelerator.isa.operands import EVERY_CORE, Engine, Space
from toolchain.core.dtypes import DType


@dataclass(slots=True, kw_only=True, eq=False)
class Buffer:
    """Something that lies on the chip for some time, at one address in the memories of its cores.

    Parameters of a step are a tensor of bytes with one axis. Allocation fills in the last three.

    Attributes:
        name: Of the tensor, or of the operation whose parameters it holds.
        size: Bytes.
        space: Which memory.
        boxes: The part of the tensor that each core has.
        dtype: Type of the tensor's elements.
        order: Order of its axes.
        loaded: Filled from DDR: it may be filled long before it is used.
        first: Position of the first task that writes it.
        last: Position of the last task that reads it.
        offset: Its address.
    """

    name: str
    size: int
    space: Space
    boxes: Mapping[int, Box]
    dtype: DType
    order: Order
    loaded: bool
    first: int = -1
    last: int = -1
    offset: int = -1


@dataclass(frozen=True, slots=True, eq=False)
class Access:
    """A part of a buffer in the memory of a core, or of every core that has one."""

    buffer: Buffer
    core: int
    box: Box

    @property
    def cores(self) -> tuple[int, ...]:
        """In whose memories."""
        return tuple(self.buffer.boxes) if self.core == EVERY_CORE else (self.core,)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Place:
    """Where a tensor lies in the DDR, all of it and without gaps.

    Attributes:
        space: The region.
        offset: Its first byte there.
        dtype: Type of the elements.
        shape: Extents.
        order: Order of the axes.
    """

    space: Space
    offset: int
    dtype: DType
    shape: tuple[int, ...]
    order: Order


@dataclass(frozen=True, slots=True, eq=False)
class Outside:
    """A part of a tensor in the DDR."""

    place: Place
    box: Box


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Compute:
    """A part of a result.

    Attributes:
        rule: How it is computed.
        target: Where the part goes.
        sources: What is read of every input; None where nothing is.
        parameters: The buffer of the parameters, if there are any.
        rows: First row of every parameter that the buffer has, and the one behind the last.
        offsets: Where every parameter begins in the buffer.
    """

    rule: Rule
    target: Access
    sources: tuple[Access | None, ...]
    parameters: Access | None
    rows: tuple[tuple[int, int], ...]
    offsets: tuple[int, ...]

    @property
    def reads(self) -> tuple[Access, ...]:
        """All that it reads."""
        return tuple(at for at in (*self.sources, self.parameters) if at is not None)


@dataclass(frozen=True, slots=True, eq=False)
class Transfer:
    """A copy between DDR and chip, or between the memories of two cores."""

    source: Access | Outside
    target: Access | Outside

    @property
    def reads(self) -> tuple[Access | Outside, ...]:
        """All that it reads."""
        return (self.source,)


Action: TypeAlias = Compute | Transfer


@dataclass(slots=True, kw_only=True, eq=False)
class Task:
    """Something that one engine does without a break. Later stages fill in the last three.

    Attributes:
        action: What.
        step: The step that it belongs to.
        engine: Who does.
        core: Of which core.
        position: Its place among all tasks: work by work, loads before what reads them.
        instructions: Those that do it, without waits.
        cycles: How long it takes by itself.
        before: Tasks that have to be completed before it begins.
    """

    action: Action
    step: int
    engine: Engine
    core: int
    position: int
    instructions: tuple[Instruction, ...] = ()
    cycles: int = 0
    before: tuple[Task, ...] = ()

    @property
    def accesses(self) -> tuple[Access | Outside, ...]:
        """All that it reads and writes."""
        return (*self.action.reads, self.action.target)

    @property
    def crosses(self) -> bool:
        """True for transfers between chip and DDR."""
        return isinstance(self.action, Transfer) and (
            isinstance(self.action.source, Outside) or isinstance(self.action.target, Outside)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """All tasks in the order of their positions, and all buffers."""

    tasks: tuple[Task, ...]
    buffers: tuple[Buffer, ...]
