"""Waits against sets of completed tasks: enough for everything, and none too many."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from toolchain.accelerator.compile.allocate import allocate
from toolchain.accelerator.compile.costs import Costs
from toolchain.accelerator.compile.order import link
from toolchain.accelerator.compile.schedule import schedule
from toolchain.accelerator.compile.tasks import Assignment, Task
from toolchain.accelerator.compile.waits import waits_of
from toolchain.accelerator.isa.instructions import Fill
from toolchain.accelerator.isa.operands import Queue, Space, View, Wait
from toolchain.core.dtypes import DType
from toolchain.core.machine import OnChipMemory

FILL = Fill(
    operation=0,
    target=View(space=Space.MEMORY, offset=0, dtype=DType.INT8, shape=(1,), strides=(1,)),
    value=0,
)


class Completed:
    """Which tasks are completed when a task begins, by the definition of queues and waits."""

    def __init__(
        self, queues: Mapping[Queue, tuple[Task, ...]], waits: Mapping[Task, tuple[Wait, ...]]
    ) -> None:
        self.queues, self.waits = queues, waits
        self.place = {
            task: (queue, at) for queue, found in queues.items() for at, task in enumerate(found)
        }
        self.known: dict[Task, frozenset[Task]] = {}

    def before(self, task: Task, waits: tuple[Wait, ...] | None = None) -> frozenset[Task]:
        if waits is None:
            if task not in self.known:
                self.known[task] = self.before(task, self.waits[task])
            return self.known[task]
        queue, at = self.place[task]
        direct = [*self.queues[queue][:at]]
        for wait in waits:
            count = 0
            for other in self.queues[wait.queue]:
                count += len(other.instructions)
                if count <= wait.count:
                    direct.append(other)
        return frozenset(direct).union(*(self.before(other) for other in direct))


@pytest.mark.parametrize("seed", range(25))
def test_waits_are_enough_and_none_is_too_much(
    seed: int, random_tasks: Callable[[int], Assignment], costs: Costs
) -> None:
    assignment = random_tasks(seed)
    memory = OnChipMemory(bytes=1600, banks=1, ports=1)
    allocate(assignment, replace(costs.machine, memory=memory, weight_buffer=memory))
    link(assignment)
    for task in assignment.tasks:
        task.instructions = (FILL,) * (1 + task.position % 3)
    queues = schedule(assignment.tasks, costs)
    waits = waits_of(queues)
    completed = Completed(queues, waits)
    assert set(waits) == set(assignment.tasks)
    assert any(waits.values())
    for task, own in waits.items():
        assert set(task.before) <= completed.before(task)
        assert list(own) == sorted(own, key=lambda wait: wait.queue)
        for wait in own:
            fewer = tuple(each for each in own if each != wait)
            assert not set(task.before) <= completed.before(task, fewer), "a wait too many"
