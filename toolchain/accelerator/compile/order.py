"""What has to be completed before a task begins: its operands, and the memory that it overwrites."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from toolchain.accelerator.compile.boxes import common
from toolchain.accelerator.isa.operands import Space

if TYPE_CHECKING:
    from collections.abc import Iterable

    from toolchain.accelerator.compile.assign import Assignment
    from toolchain.accelerator.compile.tasks import Access, Buffer, Task


def link(assignment: Assignment) -> None:
    """Fill in `Task.before`, of tasks whose buffers have their addresses."""
    _operands(assignment.tasks)
    _reuse(assignment)
    for task in assignment.tasks:
        task.before = list(dict.fromkeys(each for each in task.before if each is not task))


def _operands(tasks: Iterable[Task]) -> None:
    """Reads behind writes, and writes behind both, of parts of one buffer that overlap."""
    writes: dict[tuple[Buffer, int], list[tuple[Access, Task]]] = defaultdict(list)
    reads: dict[tuple[Buffer, int], list[tuple[Access, Task]]] = defaultdict(list)
    for task in tasks:
        for access in task.reads:
            key = (access.buffer, access.core)
            task.before += [other for at, other in writes[key] if _overlap(access, at)]
            reads[key].append((access, task))
        for access in task.writes:
            key = (access.buffer, access.core)
            if access.box is not None:
                task.before += [other for at, other in writes[key] if _overlap(access, at)]
                task.before += [other for at, other in reads[key] if _overlap(access, at)]
            writes[key].append((access, task))


def _overlap(a: Access, b: Access) -> bool:
    return a.box is None or b.box is None or common(a.box, b.box) is not None


def _reuse(assignment: Assignment) -> None:
    """Everything that touches a buffer, behind everything that touched what lay there before."""
    touching: dict[Buffer, list[Task]] = defaultdict(list)
    for task in assignment.tasks:
        for buffer in {access.buffer for access in (*task.reads, *task.writes)}:
            touching[buffer].append(task)
    for space in (Space.MEMORY, Space.WEIGHTS):
        live: list[Buffer] = []
        placed = [b for b in assignment.buffers if b.space is space and b.offset >= 0]
        for buffer in sorted(placed, key=lambda b: b.first):
            overlapping = [
                other
                for other in live
                if other.offset < buffer.offset + buffer.size
                and buffer.offset < other.offset + other.size
            ]
            if overlapping:
                earlier = [task for other in overlapping for task in touching[other]]
                for task in touching[buffer]:
                    if any(access.buffer is buffer for access in task.writes):
                        task.before += earlier
            # What is wholly covered cannot be met again.
            live = [
                other
                for other in live
                if not (
                    buffer.offset <= other.offset
                    and other.offset + other.size <= buffer.offset + buffer.size
                )
            ]
            live.append(buffer)
