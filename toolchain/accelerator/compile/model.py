"""A whole model for a machine: variants for every group and batch, which share the constants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolchain.accelerator.batches import dynamic_batches
from toolchain.accelerator.compile.image import ConstantImage
from toolchain.accelerator.compile.modes import AUTOMATIC, Modes
from toolchain.accelerator.compile.rules import unsupported
from toolchain.accelerator.compile.segment import compile_segment
from toolchain.accelerator.container.records import (
    Container,
    HostSegment,
    MachineSegment,
    Segment,
    Variant,
)
from toolchain.accelerator.cycles.model import timeline
from toolchain.accelerator.partition import PartKind, divided, partition
from toolchain.program.batched import batched

if TYPE_CHECKING:
    from toolchain.accelerator.partition import Unsupported
    from toolchain.core.machine import Machine
    from toolchain.program.records import Operation, Program


@dataclass(frozen=True, slots=True, kw_only=True)
class Batches:
    """Which batches to compile.

    Attributes:
        sizes: Exactly these; empty for 1 alone, or what `maximum` says.
        maximum: 1, 2, 4 and so on up to it, while each takes fewer cycles per sample; 0 for none.
    """

    sizes: tuple[int, ...] = ()
    maximum: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Subgraph:
    """Operations that are compiled in a way of their own.

    Attributes:
        operations: Their names.
        modes: How they are compiled.
    """

    operations: frozenset[str]
    modes: Modes


def compile_model(
    programs: Sequence[Program],
    machine: Machine,
    *,
    name: str,
    batches: Batches,
    modes: Modes = AUTOMATIC,
    subgraphs: Sequence[Subgraph] = (),
    limits: Unsupported | None = None,
) -> Container:
    """The compiled model.

    Args:
        programs: The integer program of every group of input shapes.
        machine: What it is compiled for.
        name: Name of the model.
        batches: The batches of every group.
        modes: How it is compiled.
        subgraphs: Parts that are compiled in other ways.
        limits: What else the machine cannot do, beside what instructions there are.

    Raises:
        CompileError: A layer fits into no tile, or a program cannot be made for several samples.
    """
    builder = _Builder(machine, modes, subgraphs, limits)
    variants = tuple(
        variant
        for group, program in enumerate(programs)
        for variant in builder.variants(group, program, batches)
    )
    return Container(
        name=name, machine=machine.name, constants=builder.image.content(), variants=variants
    )


class _Builder:
    """Compiles variants into one region of constants."""

    def __init__(
        self,
        machine: Machine,
        modes: Modes,
        subgraphs: Sequence[Subgraph],
        limits: Unsupported | None,
    ) -> None:
        self._machine = machine
        self._modes = modes
        self._subgraphs = subgraphs
        self._limits = limits
        self.image = ConstantImage()

    def variants(self, group: int, program: Program, batches: Batches) -> list[Variant]:
        """Variants of one group."""
        if not batches.maximum:
            sizes = sorted(batches.sizes or (1,))
            return [self._variant(group, program, batch) for batch in sizes]
        made: dict[int, Variant] = {}

        def cycles(batch: int) -> int:
            made[batch] = self._variant(group, program, batch)
            return self._cycles(made[batch])

        return [made[batch] for batch in dynamic_batches(batches.maximum, cycles)]

    def _unsupported(self, op: Operation, program: Program) -> str | None:
        """Why an operation goes to a CPU."""
        found = unsupported(op, program, self._machine)
        return found if found or self._limits is None else self._limits(op, program)

    def _cycles(self, variant: Variant) -> int:
        """What the machine takes for all of its segments."""
        return sum(
            timeline(segment.code, self._machine, ddr_limit=self._modes.ddr_limit).cycles
            for segment in variant.segments
            if isinstance(segment, MachineSegment)
        )

    def _divided(self, program: Program) -> list[tuple[Program, Modes]]:
        """What the machine executes, with subgraphs of other modes as parts of their own."""
        found = [(program, self._modes)]
        for subgraph in self._subgraphs:
            found = [
                (part.program, subgraph.modes if part.kind is PartKind.MACHINE else modes)
                for whole, modes in found
                for part in divided(whole, subgraph.operations)
            ]
        return found

    def _variant(self, group: int, program: Program, batch: int) -> Variant:
        several = program if batch == 1 else batched(program, batch)
        segments: list[Segment] = []
        for part in partition(several, self._unsupported):
            if part.kind is PartKind.HOST:
                segments.append(HostSegment(program=part.program, reasons=part.reasons))
                continue
            for program_part, modes in self._divided(part.program):
                segments.append(compile_segment(program_part, self._machine, self.image, modes))
        return Variant(
            group=group,
            batch=batch,
            inputs=several.inputs,
            outputs=several.outputs,
            segments=tuple(segments),
        )
