"""The fewest waits that order tasks: what another wait, or the own queue, implies needs none.

Every task knows how many instructions of each queue are completed when it begins (a vector
clock): what the task before it in its queue knew, and what those knew that it waits for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolchain.accelerator.isa.operands import Queue, Wait

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from toolchain.accelerator.compile.tasks import Task


@dataclass(frozen=True, slots=True)
class End:
    """A task is completed when so many instructions of its queue are."""

    queue: Queue
    count: int


def waits_of(queues: Mapping[Queue, Sequence[Task]]) -> Mapping[Task, tuple[Wait, ...]]:
    """The waits of every task, by queue."""
    ends = _ends(queues)
    found: dict[Task, tuple[Wait, ...]] = {}
    known: dict[Task, dict[Queue, int]] = {}
    places = dict.fromkeys(queues, 0)
    progress = True
    while progress:
        progress = False
        for queue, tasks in queues.items():
            while places[queue] < len(tasks):
                task = tasks[places[queue]]
                if any(other not in known for other in task.before):
                    break
                known[task] = _after(
                    tasks[places[queue] - 1] if places[queue] else None, known, ends
                )
                found[task] = _waits(task, known, ends)
                places[queue] += 1
                progress = True
    return found


def _ends(queues: Mapping[Queue, Sequence[Task]]) -> Mapping[Task, End]:
    ends: dict[Task, End] = {}
    for queue, tasks in queues.items():
        count = 0
        for task in tasks:
            count += len(task.instructions)
            ends[task] = End(queue, count)
    return ends


def _after(
    before: Task | None, known: Mapping[Task, dict[Queue, int]], ends: Mapping[Task, End]
) -> dict[Queue, int]:
    """What is known behind the task before in a queue."""
    if before is None:
        return {}
    return known[before] | {ends[before].queue: ends[before].count}


def _waits(
    task: Task, known: Mapping[Task, dict[Queue, int]], ends: Mapping[Task, End]
) -> tuple[Wait, ...]:
    """The waits of one task; what they tell it is added to what it knows."""
    own, counts = ends[task].queue, known[task]
    last: dict[Queue, Task] = {}
    for other in task.before:
        end = ends[other]
        if end.queue != own and (end.queue not in last or ends[last[end.queue]].count < end.count):
            last[end.queue] = other
    found: list[Wait] = []
    # Whoever implies another knows more than it, and comes first.
    for other in sorted(last.values(), key=lambda each: -sum(known[each].values())):
        end = ends[other]
        if counts.get(end.queue, 0) >= end.count:
            continue
        found.append(Wait(end.queue, end.count))
        for queue, count in (*known[other].items(), (end.queue, end.count)):
            counts[queue] = max(counts.get(queue, 0), count)
    return tuple(sorted(found, key=lambda wait: wait.queue))
