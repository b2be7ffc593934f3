"""A compiled model on the model of its machine, as pages show it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from toolchain.accelerator.container.records import Variant
    from toolchain.accelerator.cycles.records import Timeline
    from toolchain.accelerator.cycles.summary import Summary
    from toolchain.accelerator.isa.code import Code
    from toolchain.core.machine import Machine


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A machine and a batch, to see how the time scales over both.

    Attributes:
        machine: A machine of the platform.
        batch: Samples at once.
        bound: Cycles that no schedule can beat; None where it is not known.
        cycles: For all of them; None where the program was not compiled for it.
        why: In that case, what kept it from being.
    """

    machine: Machine
    batch: int
    bound: int | None
    cycles: int | None = None
    why: str = ""

    @property
    def frames_per_second(self) -> float | None:
        """Samples per second, one batch after the other, at the clock of the model."""
        return self._rate(self.cycles)

    @property
    def bound_frames_per_second(self) -> float | None:
        """The most that the bound allows."""
        return self._rate(self.bound)

    def _rate(self, cycles: int | None) -> float | None:
        return self.batch * self.machine.clock_mhz * 1e6 / cycles if cycles else None


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineStudy:
    """A compiled model, timed.

    Attributes:
        name: The model.
        machine: What it was compiled for.
        variant: The batch that is shown in full.
        segments: Code of the machine and when it ran; empty where a CPU computes everything.
        shown: What that comes to; None without any.
        variants: All batches of the same input shapes, rising.
        constants: Bytes that all batches, groups and cores share.
        groups: Input shapes that were compiled.
        scaling: Machines of the platform and batches beside each other.
    """

    name: str
    machine: Machine
    variant: Variant
    segments: tuple[tuple[Code, Timeline], ...]
    shown: Summary | None
    variants: tuple[Summary, ...]
    constants: int
    groups: int
    scaling: tuple[Point, ...] = ()
