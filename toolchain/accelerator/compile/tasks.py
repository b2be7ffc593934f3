"""What engines do, before it is known where and when: tasks, and the buffers they work on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from toolchain.accelerator.compile.boxes import Box
from toolchain.accelerator.compile.rules.base import Rule
from toolchain.accelerator.compile.views import Order
from toolchain.accelerator.isa.operands import Engine, Space
from toolchain.core.dtypes import DType


@dataclass(slots=True, kw_only=True, eq=False)
class Buffer:
    """Something that lies on the chip for some time, at one address in the memories of all cores.

    Attributes:
        name: Of the tensor, or of the operation whose parameters it holds.
        size: Bytes.
        space: Which memory.
        boxes: The part of a tensor that each core has; empty for parameters.
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
    boxes: dict[int, Box] = field(default_factory=dict)
    dtype: DType = DType.UINT8
    order: Order = ()
    loaded: bool = False
    first: int = -1
    last: int = -1
    offset: int = -1


@dataclass(frozen=True, slots=True, eq=False)
class Access:
    """A part of a buffer in the memory of a core; without a box all of it."""

    buffer: Buffer
    core: int
    box: Box | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Outside:
    """A part of a tensor in a region of the DDR; without a box bytes from `offset` on."""

    space: Space
    offset: int
    dtype: DType
    shape: tuple[int, ...]
    order: Order
    box: Box | None = None
    tensor: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Compute:
    """A part of a result.

    Attributes:
        rule: How it is computed.
        box: The part.
        target: The buffer it goes to.
        sources: What is read of every input; None where nothing is.
        parameters: The buffer of the parameters, if there are any.
        rows: First row of every parameter that the buffer has, and the one behind the last.
        places: Where every parameter begins in the buffer.
    """

    rule: Rule
    box: Box
    target: Access
    sources: tuple[Access | None, ...]
    parameters: Access | None
    rows: tuple[tuple[int, int], ...]
    places: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Transfer:
    """A copy between DDR and chip, or between the memories of two cores.

    Attributes:
        source: From here.
        target: To there.
        place: Bytes from the beginning of a parameter buffer, where one end is one.
    """

    source: Access | Outside
    target: Access | Outside
    place: int = 0


Action: TypeAlias = Compute | Transfer


@dataclass(slots=True, kw_only=True, eq=False)
class Task:
    """Something that one engine does without a break.

    Attributes:
        action: What.
        step: The step that it belongs to.
        engine: Who does.
        core: Of which core.
        reads: What it reads on the chip or in regions that the program writes.
        writes: What it writes there.
        position: Its place in the order of works; a load has that of its first reader.
        cycles: How long it takes by itself.
        before: Tasks that have to be completed before it begins.
    """

    action: Action
    step: int
    engine: Engine
    core: int
    reads: tuple[Access, ...]
    writes: tuple[Access, ...]
    position: int
    cycles: int = 0
    before: list[Task] = field(default_factory=list)

    @property
    def crosses(self) -> bool:
        """True for transfers between chip and DDR."""
        return isinstance(self.action, Transfer) and (
            isinstance(self.action.source, Outside) or isinstance(self.action.target, Outside)
        )
