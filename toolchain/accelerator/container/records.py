"""The compiled model: variants for groups and batches, of segments for the machine and a CPU."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from toolchain.core.dtypes import DType

if TYPE_CHECKING:
    from toolchain.accelerator.isa.code import Code
    from toolchain.program.records import Program


SUFFIX = ".tcm"
"""End of the name of a compiled model's file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """An input or output of a machine segment.

    Attributes:
        name: The tensor of the integer program.
        dtype: Its stored type.
        shape: Its shape there.
        order: Its axes as they lie in the region, slowest first.
        offset: First byte in the region of inputs or outputs.
    """

    name: str
    dtype: DType
    shape: tuple[int, ...]
    order: tuple[int, ...]
    offset: int


@dataclass(frozen=True, kw_only=True, eq=False)
class MachineSegment:
    """Operations that the machine executes, one after the other without coming back.

    Attributes:
        code: What it executes.
        inputs: What it reads, from inputs of the program or earlier segments.
        outputs: What later segments or the user read.
    """

    code: Code
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class HostSegment:
    """Operations that a CPU executes.

    Attributes:
        program: They as a program of their own.
        reasons: Why the machine does not, by operation.
    """

    program: Program
    reasons: Mapping[str, str]


Segment: TypeAlias = MachineSegment | HostSegment
"""A part of a model, for one executor."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Variant:
    """The model for one batch of one group of input shapes.

    Attributes:
        group: Number of the group, 0 for the shapes of the model itself.
        batch: Samples that are executed at once.
        inputs: Names of the program's inputs, in its order.
        outputs: Names of its outputs.
        segments: In the order of execution.
    """

    group: int
    batch: int
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    segments: tuple[Segment, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Container:
    """Everything that a runtime needs.

    Attributes:
        name: The model.
        machine: Name of the machine that it was compiled for.
        constants: Region of constants, which all variants and cores share.
        variants: By group, then batch, both rising.
    """

    name: str
    machine: str
    constants: bytes
    variants: tuple[Variant, ...]
