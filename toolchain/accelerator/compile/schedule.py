"""Which engine does what, and in which order: list scheduling on a simple model of time.

Every engine takes the first of the tasks that are ready, in the order of works. The order that
comes out is what the queues have; the cycle model says later how long it really takes.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from math import ceil
from typing import TYPE_CHECKING, TypeAlias

from toolchain.accelerator.isa.operands import Engine, Queue
from toolchain.accelerator.rates import ddr_bytes_per_cycle

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from toolchain.accelerator.compile.costs import Costs
    from toolchain.accelerator.compile.tasks import Task

_Kind: TypeAlias = tuple[int, Engine]
"""Core and kind of engine: those of a kind take tasks from each other's hands."""


def schedule(
    tasks: Sequence[Task], costs: Costs, seen: Mapping[Task, int] | None = None
) -> Mapping[Queue, tuple[Task, ...]]:
    """The tasks of every queue, in order; `before` of all tasks is known.

    Args:
        tasks: All tasks.
        costs: The machine.
        seen: Cycles that transfers took in an earlier order; without it, the bandwidth of the DDR
            is shared by those that run when one begins.
    """
    return _Scheduler(tasks, costs, seen or {}).run()


class _Scheduler:
    """The state of a simulation: what waits, what is ready, what runs."""

    def __init__(self, tasks: Sequence[Task], costs: Costs, seen: Mapping[Task, int]) -> None:
        machine = costs.machine
        self._latency = machine.ddr.latency_cycles
        self._sync = machine.sync_cycles
        self._ddr = float(ddr_bytes_per_cycle(machine, costs.modes.ddr_limit))
        self._width = float(machine.transfer.bytes_per_cycle)
        self._crossing = 0
        self._seen = seen
        self._missing = {task: len(task.before) for task in tasks}
        self._after: dict[Task, list[Task]] = defaultdict(list)
        for task in tasks:
            for other in task.before:
                self._after[other].append(task)
        # Heaps: when it becomes ready, or by place in the order of works; ties by position.
        self._coming = [(0, task.position, task) for task in tasks if not task.before]
        heapq.heapify(self._coming)
        self._ready: dict[_Kind, list[tuple[int, Task]]] = defaultdict(list)
        self._idle: dict[_Kind, list[int]] = {
            (core, kind): list(range(costs.engines(kind)))
            for core in range(machine.cores)
            for kind in Engine
        }
        self._running: list[tuple[int, int, Task, Queue]] = []
        self._queues: dict[Queue, list[Task]] = defaultdict(list)

    def run(self) -> Mapping[Queue, tuple[Task, ...]]:
        """Let time pass from event to event until everything is done."""
        now = 0
        while self._coming or self._running:
            now = min(heap[0][0] for heap in (self._coming, self._running) if heap)
            while self._running and self._running[0][0] <= now:
                end, _, task, queue = heapq.heappop(self._running)
                heapq.heappush(self._idle[(queue.core, queue.engine)], queue.index)
                self._complete(task, end)
            while self._coming and self._coming[0][0] <= now:
                _, position, task = heapq.heappop(self._coming)
                heapq.heappush(self._ready[(task.core, task.engine)], (position, task))
            for kind, waiting in self._ready.items():
                while waiting and self._idle[kind]:
                    self._begin(kind, heapq.heappop(waiting)[1], now)
        return {queue: tuple(found) for queue, found in sorted(self._queues.items())}

    def _begin(self, kind: _Kind, task: Task, now: int) -> None:
        queue = Queue(*kind, heapq.heappop(self._idle[kind]))
        self._queues[queue].append(task)
        cycles = task.cycles
        if task.crosses:
            self._crossing += 1
            alone = min(self._width, self._ddr)
            shared = ceil(cycles * alone / min(self._width, self._ddr / self._crossing))
            cycles = self._seen.get(task, shared)
        heapq.heappush(self._running, (now + cycles, task.position, task, queue))

    def _complete(self, task: Task, end: int) -> None:
        seen = end + self._sync
        if task.crosses:
            self._crossing -= 1
            seen += self._latency
        for other in self._after[task]:
            self._missing[other] -= 1
            if not self._missing[other]:
                heapq.heappush(self._coming, (seen, other.position, other))
