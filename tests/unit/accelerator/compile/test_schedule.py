"""Schedules: every task once, on an engine of its kind, behind what it needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import pytest

from toolchain.accelerator.compile.allocate import allocate
from toolchain.accelerator.compile.costs import Costs
from toolchain.accelerator.compile.order import link
from toolchain.accelerator.compile.schedule import schedule
from toolchain.accelerator.compile.tasks import Access, Assignment, Buffer, Task, Transfer
from toolchain.accelerator.isa.operands import Engine, Queue
from toolchain.core.machine import Machine, OnChipMemory


def linked(assignment: Assignment, machine: Machine) -> Assignment:
    huge = OnChipMemory(bytes=4096, banks=1, ports=1)
    allocate(assignment, replace(machine, memory=huge, weight_buffer=huge))
    link(assignment)
    return assignment


def executed(queues: Mapping[Queue, Sequence[Task]]) -> list[Task]:
    """Work off all queues in order; what cannot be executed is left out."""
    done: dict[Task, None] = {}
    heads = dict.fromkeys(queues, 0)
    count = -1
    while count < len(done):
        count = len(done)
        for queue, tasks in queues.items():
            while heads[queue] < len(tasks) and set(tasks[heads[queue]].before) <= done.keys():
                done[tasks[heads[queue]]] = None
                heads[queue] += 1
    return list(done)


@pytest.mark.parametrize("seed", range(20))
def test_random_tasks(seed: int, random_tasks: Callable[[int], Assignment], costs: Costs) -> None:
    tasks = linked(random_tasks(seed), costs.machine).tasks
    queues = schedule(tasks, costs)
    found = executed(queues)
    assert len(found) == len(tasks)
    assert set(found) == set(tasks)
    for queue, entries in queues.items():
        assert {(task.core, task.engine) for task in entries} == {(queue.core, queue.engine)}
        assert queue.index < costs.engines(queue.engine)
    assert list(queues) == sorted(queues)


@pytest.mark.parametrize("seed", range(3))
def test_the_same_tasks_make_the_same_schedule(
    seed: int, random_tasks: Callable[[int], Assignment], costs: Costs
) -> None:
    one, two = (schedule(linked(random_tasks(seed), costs.machine).tasks, costs) for _ in range(2))
    positions = [
        {queue: [task.position for task in tasks] for queue, tasks in found.items()}
        for found in (one, two)
    ]
    assert positions[0] == positions[1]


@pytest.fixture
def task(bytes_of: Callable[..., Buffer]) -> Callable[..., Task]:
    def make(position: int, engine: Engine, cycles: int, *before: Task) -> Task:
        at = Access(bytes_of("b", 8), 0, ((0, 8),))
        return Task(
            action=Transfer(at, at),
            step=0,
            engine=engine,
            core=0,
            position=position,
            cycles=cycles,
            before=before,
        )

    return make


def test_engines_of_a_kind_share_the_work(task: Callable[..., Task], costs: Costs) -> None:
    # Two convolution engines: the first is free again at 10, the second at 30.
    tasks = [task(at, Engine.CONVOLUTION, cycles) for at, cycles in enumerate((10, 30, 10, 10))]
    queues = schedule(tasks, costs)
    assert [t.position for t in queues[Queue(0, Engine.CONVOLUTION, 0)]] == [0, 2, 3]
    assert [t.position for t in queues[Queue(0, Engine.CONVOLUTION, 1)]] == [1]


@pytest.mark.parametrize(("cycles", "expected"), [(7, [2, 3]), (8, [3, 2])])
def test_what_is_ready_goes_first(
    cycles: int, expected: list[int], task: Callable[..., Task], costs: Costs
) -> None:
    # 2 is ready 3 cycles of synchronisation behind `cycles`; its engine is free at 10.
    zero = task(0, Engine.TENSOR, cycles)
    one = task(2, Engine.REARRANGEMENT, 5, zero)
    two = task(3, Engine.REARRANGEMENT, 5)
    first = task(1, Engine.REARRANGEMENT, 10)
    queues = schedule([zero, first, one, two], costs)
    assert [t.position for t in queues[Queue(0, Engine.REARRANGEMENT, 0)]] == [1, *expected]
