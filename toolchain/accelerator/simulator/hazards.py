"""Accesses that no order of queues and waits keeps apart, and reads of what nobody wrote."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, combinations
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from toolchain.accelerator.isa.code import Code
from toolchain.accelerator.isa.instructions import Instruction
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
        extent: Which bytes.
        writes: It writes them.
    """

    index: int
    place: Place
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


Accesses: TypeAlias = dict[Queue, list[tuple[Access, ...]]]
"""What every instruction of a queue reads, then what it writes."""


def accesses(code: Code, cores: int) -> Accesses:
    """What the instructions of every queue read and write."""
    known: dict[View, Extent] = {}

    def listed(index: int, at: Instruction) -> Iterator[Access]:
        for view, writes in (*((v, False) for v in sources(at)), (at.target, True)):
            if view not in known:
                known[view] = extent(view)
            for place in places(view, cores):
                yield Access(index, place, known[view], writes)

    return {
        queue: [tuple(listed(index, at)) for index, at in enumerate(instructions)]
        for queue, instructions in code.queues.items()
    }


@dataclass(frozen=True)
class _Lane:
    """Accesses of one queue to one memory, all of them reads or all of them writes.

    Attributes:
        all: In the order of instructions.
        rows: int64 (3, accesses): instruction, first byte, byte behind.
    """

    all: list[Access]
    rows: NDArray[np.int64]


def _lanes(instructions: list[tuple[Access, ...]]) -> dict[tuple[Place, bool], _Lane]:
    sorted_out: dict[tuple[Place, bool], list[Access]] = defaultdict(list)
    for access in chain.from_iterable(instructions):
        sorted_out[access.place, access.writes].append(access)
    return {
        key: _Lane(
            many, np.asarray([(a.index, a.extent.first, a.extent.behind) for a in many]).T.copy()
        )
        for key, many in sorted_out.items()
    }


def races(code: Code, known: Clocks, found: Accesses) -> Iterator[Problem]:
    """Pairs of accesses to one byte, one of which writes, in no order."""
    lanes = {queue: _lanes(found[queue]) for queue in code.queues}
    for (i, one), (j, other) in combinations(enumerate(code.queues), 2):
        bounds = concurrent(known, (one, i), (other, j))
        for (place, writes), lane in lanes[one].items():
            for also in (True, False) if writes else (True,):
                beside = lanes[other].get((place, also))
                if beside is None:
                    continue
                for a, b in _meeting(lane, beside, bounds):
                    byte = common_byte(a.extent, b.extent)
                    if byte is not None:
                        yield _race((one, a), (other, b), byte, code)


def _race(one: tuple[Queue, Access], other: tuple[Queue, Access], byte: int, code: Code) -> Problem:
    (here, a), (there, b) = one, other
    return refusal(
        "two instructions touch the same byte in no order",
        where=said((here, a.index), code.queues),
        got=f"it {a}; {said((there, b.index), code.queues)}, {b}; both byte {byte}",
        allowed="a wait between them, or other bytes",
    )


def _meeting(
    one: _Lane, other: _Lane, bounds: tuple[NDArray[np.int64], NDArray[np.int64]]
) -> Iterator[tuple[Access, Access]]:
    """Concurrent accesses of two queues whose spans overlap."""
    begin, end = (bound[one.rows[0]] for bound in bounds)
    low, high = (np.searchsorted(other.rows[0], bound) for bound in (begin, end))
    total = np.concatenate([[0], np.cumsum(high - low)])
    start = 0
    while start < len(low):
        behind = max(start + 1, int(np.searchsorted(total, total[start] + _PAIRS, "right")) - 1)
        counts = (high - low)[start:behind]
        a = np.repeat(np.arange(start, behind), counts)
        b = np.arange(len(a)) + np.repeat((low - total[:-1])[start:behind] + total[start], counts)
        _, first, last = one.rows
        _, other_first, other_last = other.rows
        meets = (first[a] < other_last[b]) & (other_first[b] < last[a])
        for at in np.flatnonzero(meets):
            yield one.all[a[at]], other.all[b[at]]
        start = behind


def unwritten(code: Code, order: Sequence[Step], found: Accesses, cores: int) -> Iterator[Problem]:
    """Reads of bytes that no instruction before wrote, of code without races."""
    flags: dict[Place, NDArray[np.bool_]] = {}
    for space, size in code.sizes.items():
        for core in range(cores if space.per_core else 1):
            flags[space, core] = np.zeros(size, np.bool_)
    for step in order:
        queue, index = step
        for access in found[queue][index]:
            if access.place[0] in (Space.CONSTANTS, Space.INPUT):
                continue
            written = access.extent.of(flags[access.place])
            if access.writes:
                written[...] = True
            elif not written.all():
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
