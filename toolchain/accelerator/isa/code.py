"""A program of a machine: instructions of every queue, and the sizes of its memories."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from toolchain.accelerator.isa.instructions import Instruction
from toolchain.accelerator.isa.operands import Queue, Space, View


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """Where a part of a tensor can be seen: as soon as an instruction is completed.

    Attributes:
        queue: Queue of the instruction.
        index: Its place in the queue, from 0.
        tensor: Name of the tensor.
        starts: First index of the part on every axis of the tensor.
        view: The part, with the axes of the tensor in their order.
    """

    queue: Queue
    index: int
    tensor: str
    starts: tuple[int, ...]
    view: View


@dataclass(frozen=True, kw_only=True, eq=False)
class Code:
    """What a machine executes.

    Attributes:
        machine: Name of the machine that it was compiled for.
        operations: Names of the program's operations, which instructions have by number.
        queues: Instructions of every engine that has any, in the order of queues.
        sizes: Bytes of every memory that is used; on-chip ones of one core.
        probes: Where tensors can be seen, for checks of every layer; machines need none.
    """

    machine: str
    operations: tuple[str, ...]
    queues: Mapping[Queue, tuple[Instruction, ...]]
    sizes: Mapping[Space, int]
    probes: tuple[Probe, ...] = ()

    def __post_init__(self) -> None:
        """Sort and freeze the mappings."""
        for name in ("queues", "sizes"):
            found = getattr(self, name)
            object.__setattr__(self, name, MappingProxyType({k: found[k] for k in sorted(found)}))
