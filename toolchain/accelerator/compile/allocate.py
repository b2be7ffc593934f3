"""Addresses on the chip: what is made there first, then what is loaded, as early as it fits.

Time is the order of tasks. A buffer lives from the first task that writes it to the last one that
reads it; two buffers that live at one time lie apart. What is made on the chip lies at the bottom
of a memory. What is loaded lies above it, and its life begins as early as there is room, so that
it is there when it is needed.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

import numpy as np

from toolchain.accelerator.compile.tasks import Access
from toolchain.accelerator.isa.operands import Space

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from toolchain.accelerator.compile.tasks import Assignment, Buffer
    from toolchain.core.dtypes import Array
    from toolchain.core.machine import Machine

_ALIGNMENT = 64

_RESTS = (48, 24, 12, 6, 0)
"""Tasks for which memory rests before it is used again: the most for which all has room."""

_BUDGET = 0.5
"""Share of a memory within which it may rest; the other half is for what is loaded ahead."""


class DoesNotFitError(Exception):
    """Buffers that live at one time are larger than a memory; the plan has to be another one.

    Attributes:
        buffer: The first of them that finds no room.
        capacity: Bytes of the memory.
    """

    def __init__(self, buffer: Buffer, capacity: int) -> None:
        """Say what finds no room in so many bytes."""
        super().__init__(f"{buffer.name}: {buffer.size} bytes, of {capacity}")
        self.buffer, self.capacity = buffer, capacity


def allocate(assignment: Assignment, machine: Machine) -> Mapping[Space, int]:
    """Give every buffer an address; the bytes used of every memory.

    Raises:
        DoesNotFitError: There is no room.
    """
    _lives(assignment)
    spans = [(buffer.first, buffer.last) for buffer in assignment.buffers]
    for rest in _RESTS:
        try:
            return _place(assignment, machine, rest)
        except DoesNotFitError as error:
            # What was placed so that it rests may have left gaps that nothing fits into.
            failed = error
            for buffer, (first, last) in zip(assignment.buffers, spans, strict=True):
                buffer.first, buffer.last, buffer.offset = first, last, -1
    raise failed


def _place(assignment: Assignment, machine: Machine, rest: int) -> Mapping[Space, int]:
    """The same, memory resting for some tasks where there is room."""
    capacities = {Space.MEMORY: machine.memory.bytes}
    if machine.weight_buffer is not None:
        capacities[Space.WEIGHTS] = machine.weight_buffer.bytes
    used: dict[Space, int] = {}
    for space, capacity in capacities.items():
        buffers = [b for b in assignment.buffers if b.space is space and b.first >= 0]
        last = max((b.last for b in buffers), default=0)
        made = sorted((b for b in buffers if not b.loaded), key=lambda b: b.first)
        budget = 1.0 if machine.weight_buffer is not None else _BUDGET
        bottom = _Bottom(capacity, int(budget * capacity), rest, last + 1)
        for buffer in made:
            bottom.place(buffer)
        top = _Top(capacity, bottom.heights)
        for buffer in sorted((b for b in buffers if b.loaded), key=lambda b: b.first):
            top.place(buffer)
        ends = [b.offset + b.size for b in buffers]
        used[space] = min(_rounded(max(ends, default=0)), capacity)
    return {space: size for space, size in used.items() if size}


def _lives(assignment: Assignment) -> None:
    """First and last position of every buffer."""
    for buffer in assignment.buffers:
        buffer.first = buffer.last = -1
    for task in assignment.tasks:
        for access in task.accesses:
            if isinstance(access, Access):
                buffer = access.buffer
                if buffer.first < 0:
                    buffer.first = task.position
                buffer.last = task.position


class _Bottom:
    """Places what is made on the chip, low and yet not where something was used just before.

    Memory that is used again makes its new user wait for the last one. Up to `budget` bytes a
    buffer keeps its place for some tasks more.
    """

    def __init__(self, capacity: int, budget: int, rest: int, positions: int) -> None:
        self._capacity, self._budget, self._rest = capacity, budget, rest
        self._live: list[Buffer] = []
        self.heights = np.zeros(positions, np.int64)

    def place(self, buffer: Buffer) -> None:
        self._live = [b for b in self._live if b.last + self._rest >= buffer.first]
        buffer.offset = _gap(self._live, buffer.size)
        if buffer.offset + buffer.size > self._budget:
            busy = [b for b in self._live if b.last >= buffer.first]
            buffer.offset = _gap(busy, buffer.size)
        if buffer.offset + buffer.size > self._capacity:
            raise DoesNotFitError(buffer, self._capacity)
        self._live.append(buffer)
        part = self.heights[buffer.first : buffer.last + 1]
        np.maximum(part, buffer.offset + buffer.size, out=part)


def _gap(live: Sequence[Buffer], size: int) -> int:
    """The lowest address with `size` free bytes."""
    at = 0
    for buffer in sorted(live, key=lambda b: b.offset):
        if buffer.offset - at >= size:
            break
        at = max(at, _rounded(buffer.offset + buffer.size))
    return at


class _Top:
    """Places what is loaded: from the top, with a life that begins as early as possible."""

    def __init__(self, capacity: int, heights: Array) -> None:
        self._capacity = capacity
        self._heights = heights
        self._placed: list[Buffer] = []
        self._earliest = 0

    def place(self, buffer: Buffer) -> None:
        """The earliest beginning, not before that of the load before it, by bisection."""
        use = buffer.first
        starts = range(self._earliest, use + 1)
        at = bisect_left(starts, True, key=lambda start: self._room(buffer, start) >= 0)
        if at == len(starts):
            raise DoesNotFitError(buffer, self._capacity)
        buffer.first = starts[at]
        buffer.offset = self._room(buffer, buffer.first)
        self._earliest = buffer.first
        self._placed = [b for b in self._placed if b.last >= self._earliest]
        self._placed.append(buffer)

    def _room(self, buffer: Buffer, first: int) -> int:
        """The highest free address for a life from `first` on; -1 where there is none."""
        floor = int(self._heights[first : buffer.last + 1].max(initial=0))
        ceiling, needed = self._capacity, _rounded(buffer.size)
        others = [b for b in self._placed if b.last >= first and b.first <= buffer.last]
        for other in sorted(others, key=lambda b: -b.offset):
            if ceiling - (other.offset + _rounded(other.size)) >= needed:
                break
            ceiling = min(ceiling, other.offset)
        return ceiling - needed if ceiling - needed >= floor else -1


def _rounded(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT
