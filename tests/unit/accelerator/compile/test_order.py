"""Order of tasks: whoever touches a byte that another writes comes before or behind it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import combinations

import pytest

from toolchain.accelerator.compile.allocate import allocate
from toolchain.accelerator.compile.order import link
from toolchain.accelerator.compile.tasks import Access, Assignment, Outside, Task
from toolchain.accelerator.isa.operands import EVERY_CORE, Space
from toolchain.core.machine import Machine, OnChipMemory


def touched(at: Access | Outside) -> set[tuple[Space, int, int]]:
    """Every byte, by memory, core and address."""
    ((start, stop),) = at.box
    if isinstance(at, Outside):
        return {(at.place.space, 0, at.place.offset + each) for each in range(start, stop)}
    cores = (0, 1) if at.core == EVERY_CORE else (at.core,)
    return {
        (at.buffer.space, core, at.buffer.offset + each)
        for core in cores
        for each in range(start, stop)
    }


def conflict(a: Task, b: Task) -> bool:
    reads = [touched(task.action.reads[0]) for task in (a, b)]
    writes = [touched(task.action.target) for task in (a, b)]
    return bool(writes[0] & writes[1] or writes[0] & reads[1] or reads[0] & writes[1])


@pytest.mark.parametrize("memory", [1600, 4096])
@pytest.mark.parametrize("seed", range(15))
def test_all_conflicts_are_ordered(
    seed: int, memory: int, random_tasks: Callable[[int], Assignment], toy: Machine
) -> None:
    assignment = random_tasks(seed)
    tight = OnChipMemory(bytes=memory, banks=1, ports=1)
    allocate(assignment, replace(toy, memory=tight, weight_buffer=tight))
    link(assignment)
    behind: dict[Task, set[Task]] = {}
    for task in assignment.tasks:
        assert all(other.position < task.position for other in task.before)
        assert len(set(task.before)) == len(task.before)
        behind[task] = {*task.before}.union(*(behind[other] for other in task.before))
    for first, second in combinations(assignment.tasks, 2):
        if conflict(first, second):
            assert first in behind[second], f"{first.position} and {second.position}"


@pytest.mark.parametrize("seed", range(5))
def test_where_there_is_room_nothing_waits_but_for_what_it_reads_or_overwrites(
    seed: int, random_tasks: Callable[[int], Assignment], toy: Machine
) -> None:
    assignment = random_tasks(seed)
    huge = OnChipMemory(bytes=1 << 20, banks=1, ports=1)
    allocate(assignment, replace(toy, memory=huge, weight_buffer=huge))
    link(assignment)
    for task in assignment.tasks:
        for other in task.before:
            same = {at.buffer for at in task.accesses if isinstance(at, Access)} & {
                at.buffer for at in other.accesses if isinstance(at, Access)
            }
            assert conflict(other, task) or not same
