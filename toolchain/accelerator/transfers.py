"""Bytes that copies move: runs of neighbours, in whole bursts of the DDR or pieces on the chip."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import gcd, prod

from toolchain.accelerator.isa.instructions import Copy, Fill, Instruction
from toolchain.accelerator.isa.operands import Space, View
from toolchain.core.machine import TransferEngine


@dataclass(frozen=True, slots=True)
class Traffic:
    """Bytes that cross the DDR, bursts whole.

    Attributes:
        read: From the DDR.
        written: To the DDR.
    """

    read: int
    written: int

    @property
    def bytes(self) -> int:
        """Both directions; they share the bandwidth."""
        return self.read + self.written


NO_TRAFFIC = Traffic(0, 0)
"""Of everything that stays on the chip."""


def ddr_traffic(instruction: Instruction, transfer: TransferEngine) -> Traffic:
    """What a copy or a fill reads from and writes to the DDR; nothing for all other instructions.

    Only transfer engines reach the DDR. A copy within the DDR reads and writes.
    """
    if not isinstance(instruction, (Copy, Fill)):
        return NO_TRAFFIC
    read = written = 0
    if isinstance(instruction, Copy) and not instruction.source.space.on_chip:
        read = piece_bytes(instruction.source, transfer.burst_bytes)
    if not instruction.target.space.on_chip:
        written = piece_bytes(instruction.target, transfer.burst_bytes)
    return Traffic(read, written) if read or written else NO_TRAFFIC


def loads_constants(instruction: Instruction) -> bool:
    """True for copies of weights and tables from the DDR."""
    return isinstance(instruction, Copy) and instruction.source.space is Space.CONSTANTS


def chip_bytes(instruction: Instruction, transfer: TransferEngine) -> int:
    """Bytes that a transfer engine moves within the chip: the more of what it reads and writes.

    Pieces are of its alignment. What is written to all cores is moved once.
    """
    moved = piece_bytes(instruction.target, transfer.alignment)
    if isinstance(instruction, Copy):
        moved = max(moved, piece_bytes(instruction.source, transfer.alignment))
    return moved


def piece_bytes(view: View, piece: int) -> int:
    """Bytes of a view in whole, aligned pieces of `piece` bytes, counted for every run by itself.

    Runs are neighbours in the order of addresses, whatever the order of axes. Repeated elements
    are moved again every time.
    """
    first, run, outer = _runs(view)
    return piece * _pieces(first % piece, run, outer, piece)


def _runs(view: View) -> tuple[int, int, tuple[tuple[int, int], ...]]:
    """First byte, bytes of a run, and (extent, stride) of the axes that lead from run to run."""
    run = view.itemsize
    first = view.offset
    outer: list[tuple[int, int]] = []
    axes = sorted((abs(s), n, s) for n, s in zip(view.shape, view.strides, strict=True) if n > 1)
    for step, extent, stride in axes:
        first += min(0, (extent - 1) * stride)
        if step == run:
            run *= extent
        else:
            outer.append((extent, step))
    return first, run, tuple(outer)


@lru_cache(maxsize=4096)
def _pieces(phase: int, run: int, outer: tuple[tuple[int, int], ...], piece: int) -> int:
    """Pieces that all runs touch, the first of which begins `phase` bytes into a piece.

    Where a run begins within a piece decides how many it touches, so runs are counted by that.
    """
    counts = {phase: 1}
    for extent, stride in outer:
        period = piece // gcd(stride, piece)
        often, rest = divmod(extent, period)
        moved: dict[int, int] = {}
        for at, count in counts.items():
            for index in range(min(period, extent)):
                place = (at + index * stride) % piece
                moved[place] = moved.get(place, 0) + count * (often + (index < rest))
        counts = moved
    return sum(count * -(-(at + run) // piece) for at, count in counts.items())


def elements_bytes(view: View) -> int:
    """Bytes of the elements of a view, repeated ones as often as they are used."""
    return prod(view.shape) * view.itemsize
