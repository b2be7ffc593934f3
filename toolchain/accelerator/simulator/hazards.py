"""Accesses that no order of queues and waits keeps apart, and reads of what nobody wrote."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from toolchain.accelerator.isa.code import Code
from toolchain.accelerator.isa.operands import Queue, Space, View
from toolchain.accelerator.simulator.clocks import Clocks, concurrent
from toolchain.accelerator.simulator.extents import Extent, common_byte, extent
from toolchain.accelerator.simulator.memory import Place, places
from toolchain.accelerator.simulator.operands import sources
from toolchain.accelerator.simulator.order import Step, said
from toolchain.accelerator.simulator.refusal import refusal
from toolchain.errors import Problem

_PAIRS = 1 << 20
"""Pairs of accesses that are looked at together."""


@dataclass(frozen=True, slots=True)
class Access:
    """Bytes that an instruction reads or writes.

    Attributes:
        index: Its place in its queue.
        place: The memory.
        view: Its operand.
        extent: The bytes of the view.
        writes: It writes them.
    """

    index: int
    place: Place
    view: View
    extent: Extent
    writes: bool

    def __str__(self) -> str:
        verb = "writes" if self.writes else "reads"
        return f"{verb} {said_bytes(self.place, self.extent)}"


def said_bytes(place: Place, at: Extent) -> str:
    """Bytes in words."""
    space, core = place
    owner = f" of core {core}" if space.per_core else ""
    return f"bytes {at.first} to {at.behind - 1} of {space.name}{owner}"


@dataclass(frozen=True)
class Accesses:
    """All accesses of a queue, and what is compared of them first, as arrays.

    Attributes:
        all: In the order of instructions.
        first: For every instruction its first access, then their number.
        rows: int64 (accesses, 5): instruction, place, first byte, byte behind, writes.
    """

    all: tuple[Access, ...]
    first: NDArray[np.int64]
    rows: NDArray[np.int64]


def accesses(code: Code, cores: int) -> dict[Queue, Accesses]:
    """What the instructions of every queue read and write."""
    numbers: dict[Place, int] = {}
    known: dict[View, Extent] = {}
    found = {}
    for queue, instructions in code.queues.items():
        listed: list[Access] = []
        first = [0]
        for index, at in enumerate(instructions):
            for view, writes in (*((v, False) for v in sources(at)), (at.target, True)):
                covered = known.setdefault(view, extent(view))
                for place in places(view, cores):
                    numbers.setdefault(place, len(numbers))
                    listed.append(Access(index, place, view, covered, writes))
            first.append(len(listed))
        rows = [
            (a.index, numbers[a.place], a.extent.first, a.extent.behind, a.writes) for a in listed
        ]
        found[queue] = Accesses(
            tuple(listed),
            np.asarray(first, np.int64),
            np.asarray(rows, np.int64).reshape(-1, 5),
        )
    return found


def races(code: Code, known: Clocks, found: dict[Queue, Accesses]) -> Iterator[Problem]:
    """Pairs of accesses to one byte, one of which writes, in no order."""
    for (i, one), (j, other) in combinations(enumerate(code.queues), 2):
        begin, end = concurrent(known, (one, i), (other, j))
        for a, b in _candidates(found[one], found[other], begin, end):
            byte = common_byte(a.extent, b.extent)
            if byte is not None:
                yield refusal(
                    "two instructions touch the same byte in no order",
                    where=said((one, a.index), code.queues),
                    got=f"it {a}; {said((other, b.index), code.queues)}, {b}; both byte {byte}",
                    allowed="a wait between them, or other bytes",
                )


def _candidates(
    one: Accesses, other: Accesses, begin: NDArray[np.int64], end: NDArray[np.int64]
) -> Iterator[tuple[Access, Access]]:
    """Concurrent accesses of two queues to overlapping spans, one of which writes."""
    index = one.rows[:, 0]
    low, high = other.first[begin[index]], other.first[end[index]]
    total = np.concatenate([[0], np.cumsum(high - low)])
    start = 0
    while start < len(index):
        behind = max(start + 1, int(np.searchsorted(total, total[start] + _PAIRS, "right")) - 1)
        counts = (high - low)[start:behind]
        a = np.repeat(np.arange(start, behind), counts)
        b = np.arange(len(a)) - np.repeat(total[start:behind] - total[start], counts)
        b += np.repeat(low[start:behind], counts)
        x, y = one.rows[a], other.rows[b]
        meets = (x[:, 1] == y[:, 1]) & ((x[:, 4] | y[:, 4]) != 0)
        meets &= (x[:, 2] < y[:, 3]) & (y[:, 2] < x[:, 3])
        for at in np.flatnonzero(meets):
            yield one.all[a[at]], other.all[b[at]]
        start = behind


def unwritten(
    code: Code, order: Sequence[Step], found: dict[Queue, Accesses], cores: int
) -> Iterator[Problem]:
    """Reads of bytes that no instruction before wrote, of code without races."""
    flags: dict[Place, NDArray[np.bool_]] = {}
    for space, size in code.sizes.items():
        for core in range(cores if space.per_core else 1):
            flags[space, core] = np.full(size, space in (Space.CONSTANTS, Space.INPUT))
    for step in order:
        queue, index = step
        at = found[queue]
        for access in at.all[at.first[index] : at.first[index + 1]]:
            written = access.extent.of(flags[access.place])
            if access.writes:
                written[...] = True
            elif access.place[0] not in (Space.CONSTANTS, Space.INPUT) and not written.all():
                missing = np.flatnonzero(~written.ravel())
                byte = _byte(access.extent, int(missing[0]))
                yield refusal(
                    "an instruction reads bytes that nobody wrote",
                    where=said(step, code.queues),
                    got=f"it {access}; byte {byte} and {len(missing) - 1} more are not written",
                    allowed="bytes that an instruction before it wrote",
                )


def _byte(at: Extent, flat: int) -> int:
    """Address of a byte by its number among all of an extent."""
    index = np.unravel_index(flat, (*(n for _, n in at.axes), at.run))
    steps = (*(step for step, _ in at.axes), 1)
    return at.first + sum(int(i) * step for i, step in zip(index, steps, strict=True))
