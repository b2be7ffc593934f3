"""What has to be completed before a task begins: its operands, and users of what it overwrites."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, TypeAlias

from toolchain.accelerator.compile.boxes import Box, overlap
from toolchain.accelerator.compile.tasks import Access, Buffer, Outside, Place
from toolchain.accelerator.isa.operands import Space

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from toolchain.accelerator.compile.tasks import Assignment, Task

_Where: TypeAlias = tuple[Buffer | Place, int]
"""A tensor in the memory of one core, or in the DDR."""


def link(assignment: Assignment) -> None:
    """Fill in `Task.before`, of tasks whose buffers have their addresses."""
    before: dict[Task, dict[Task, None]] = {task: {} for task in assignment.tasks}
    _operands(assignment.tasks, before)
    _reuse(assignment, before)
    for task, others in before.items():
        task.before = tuple(others)


def _operands(tasks: Sequence[Task], before: Mapping[Task, dict[Task, None]]) -> None:
    """Reads behind writes, and writes behind both, of parts of one tensor that overlap."""
    writes: dict[_Where, list[tuple[Box, Task]]] = defaultdict(list)
    reads: dict[_Where, list[tuple[Box, Task]]] = defaultdict(list)
    for task in tasks:
        found = before[task]
        for access in task.action.reads:
            for where in _places(access):
                found.update(_meeting(access.box, writes[where]))
                reads[where].append((access.box, task))
        target = task.action.target
        for where in _places(target):
            # What is loaded is loaded once, in parts that share nothing, before it is read.
            if isinstance(target, Outside) or not target.buffer.loaded:
                found.update(_meeting(target.box, writes[where]))
                found.update(_meeting(target.box, reads[where]))
            writes[where].append((target.box, task))
        found.pop(task, None)


def _places(access: Access | Outside) -> Iterator[_Where]:
    if isinstance(access, Outside):
        yield access.place, 0
    else:
        for core in access.cores:
            yield access.buffer, core


def _meeting(box: Box, others: Sequence[tuple[Box, Task]]) -> dict[Task, None]:
    return {task: None for other, task in others if overlap(box, other)}


def _reuse(assignment: Assignment, before: Mapping[Task, dict[Task, None]]) -> None:
    """What writes a buffer, behind everything that touched what lay there before."""
    touching: dict[Buffer, dict[Task, None]] = defaultdict(dict)
    writing: dict[Buffer, list[Task]] = defaultdict(list)
    for task in assignment.tasks:
        for access in task.accesses:
            if isinstance(access, Access):
                touching[access.buffer][task] = None
        if isinstance(task.action.target, Access):
            writing[task.action.target.buffer].append(task)
    for space in (Space.MEMORY, Space.WEIGHTS):
        live: list[tuple[int, int, Buffer]] = []
        placed = [b for b in assignment.buffers if b.space is space and b.offset >= 0]
        for buffer in sorted(placed, key=lambda b: b.first):
            begin, end = buffer.offset, buffer.offset + buffer.size
            below = [other for start, stop, other in live if start < end and stop > begin]
            for other in below:
                for task in writing[buffer]:
                    before[task].update(touching[other])
            if below:
                # What is wholly covered cannot be met again.
                live = [each for each in live if each[0] < begin or each[1] > end]
            live.append((begin, end, buffer))
