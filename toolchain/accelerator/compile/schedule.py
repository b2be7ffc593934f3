"""Which engine does what, and in which order: list scheduling on a simple model of time.

Every engine takes the first of the tasks that are ready, in the order of works. The order that
comes out is what the queues have; the cycle model says later how long it really takes.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from typing import TYPE_CHECKING

from toolchain.accelerator.isa.operands import Engine, Queue

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from toolchain.accelerator.compile.costs import Costs
    from toolchain.accelerator.compile.tasks import Task


def schedule(tasks: Sequence[Task], costs: Costs) -> Mapping[Queue, tuple[Task, ...]]:
    """The tasks of every queue, in order."""
    return _Scheduler(tasks, costs).run()


class _Scheduler:
    """The state of a simulation."""

    def __init__(self, tasks: Sequence[Task], costs: Costs) -> None:
        self._costs = costs
        self._missing = {task: len(task.before) for task in tasks}
        self._after: dict[Task, list[Task]] = defaultdict(list)
        for task in tasks:
            for other in task.before:
                self._after[other].append(task)
        self._ready: dict[tuple[int, Engine], list[tuple[int, int, Task]]] = defaultdict(list)
        self._free: dict[tuple[int, Engine], list[tuple[int, int]]] = {}
        self._coming: list[tuple[int, int, Task]] = []
        self._queues: dict[Queue, list[Task]] = defaultdict(list)
        self._sync = costs.machine.sync_cycles
        self._place: dict[Task, Queue] = {}
        for task in tasks:
            if not task.before:
                heapq.heappush(self._coming, (0, task.position, task))

    def run(self) -> Mapping[Queue, tuple[Task, ...]]:
        events: list[tuple[int, int, Task | None]] = []
        now = 0
        done: list[tuple[int, int, Task]] = []
        while self._coming or done or any(self._ready.values()):
            while self._coming and self._coming[0][0] <= now:
                _, position, task = heapq.heappop(self._coming)
                heapq.heappush(self._ready[(task.core, task.engine)], (position, id(task), task))
            started = False
            for key, waiting in self._ready.items():
                engines = self._free.setdefault(
                    key, [(0, index) for index in range(self._costs.engines(key[1]))]
                )
                while waiting and engines and engines[0][0] <= now:
                    _, index = heapq.heappop(engines)
                    _, _, task = heapq.heappop(waiting)
                    end = now + task.cycles
                    heapq.heappush(engines, (end, index))
                    queue = Queue(key[0], key[1], index)
                    self._queues[queue].append(task)
                    self._place[task] = queue
                    heapq.heappush(done, (end, task.position, task))
                    started = True
            if started:
                continue
            times = [at for at, *_ in (self._coming[:1] + done[:1])]
            times += [
                engines[0][0]
                for key, engines in self._free.items()
                if self._ready[key] and engines[0][0] > now
            ]
            now = max(now, min(times)) if times else now
            while done and done[0][0] <= now:
                end, _, task = heapq.heappop(done)
                self._complete(task, end)
        del events
        return {queue: tuple(found) for queue, found in sorted(self._queues.items())}

    def _complete(self, task: Task, end: int) -> None:
        latency = self._sync
        if task.engine is Engine.TRANSFER and task.crosses:
            latency += self._costs.machine.ddr.latency_cycles
        for other in self._after[task]:
            self._missing[other] -= 1
            if not self._missing[other]:
                heapq.heappush(self._coming, (end + latency, other.position, other))
