"""The fewest waits that order tasks: what another wait, or the own queue, implies needs none.

Every task knows how many instructions of each queue are completed when it begins (a vector
clock): what the task before it in its queue knew, and what those knew that it waits for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolchain.accelerator.isa.operands import Queue, Wait

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from toolchain.accelerator.compile.tasks import Task


def waits_of(queues: Mapping[Queue, Sequence[Task]]) -> Mapping[Task, tuple[Wait, ...]]:
    """The waits of every task, by queue."""
    clocks = _Clocks(queues)
    return {task: clocks.waits[task] for tasks in queues.values() for task in tasks}


class _Clocks:
    """What tasks know; queues are numbered, and a clock is a list with a count for each."""

    def __init__(self, queues: Mapping[Queue, Sequence[Task]]) -> None:
        self._queues = sorted(queues)
        self._ends: dict[Task, tuple[int, int]] = {}
        self._clocks: dict[Task, list[int]] = {}
        self.waits: dict[Task, tuple[Wait, ...]] = {}
        for number, queue in enumerate(self._queues):
            count = 0
            for task in queues[queue]:
                count += len(task.instructions)
                self._ends[task] = (number, count)
        places = [0] * len(self._queues)
        progress = True
        while progress:
            progress = False
            for number, queue in enumerate(self._queues):
                begin = places[number]
                places[number] = self._go_on(queues[queue], begin)
                progress |= places[number] > begin

    def _go_on(self, tasks: Sequence[Task], place: int) -> int:
        """Find the waits of tasks of a queue until one comes after what is not known yet."""
        while place < len(tasks):
            task = tasks[place]
            if any(other not in self._clocks for other in task.before):
                break
            clock = self._behind(tasks[place - 1]) if place else [0] * len(self._queues)
            self.waits[task] = self._find(task, clock)
            self._clocks[task] = clock
            place += 1
        return place

    def _behind(self, task: Task) -> list[int]:
        """What is known when a task is completed."""
        clock = self._clocks[task].copy()
        number, count = self._ends[task]
        clock[number] = count
        return clock

    def _find(self, task: Task, clock: list[int]) -> tuple[Wait, ...]:
        """The waits of one task; what they tell it is added to what it knows."""
        last: dict[int, tuple[int, Task]] = {}
        for other in task.before:
            number, count = self._ends[other]
            if count > clock[number] and (number not in last or count > last[number][0]):
                last[number] = (count, other)
        found: list[Wait] = []
        # Whoever implies another knows more than it, and comes first.
        for number, (count, other) in sorted(
            last.items(), key=lambda item: -sum(self._clocks[item[1][1]])
        ):
            if clock[number] < count:
                found.append(Wait(self._queues[number], count))
                clock[:] = map(max, clock, self._behind(other))
        return tuple(sorted(found, key=lambda wait: wait.queue))
