"""Orders in which engines can execute: each queue from its begin, waits kept."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import TypeAlias

from toolchain.accelerator.isa.instructions import Instruction
from toolchain.accelerator.isa.operands import Queue, Wait
from toolchain.accelerator.simulator.refusal import refuse

Queues: TypeAlias = Mapping[Queue, tuple[Instruction, ...]]
"""Instructions of every engine."""

Step: TypeAlias = tuple[Queue, int]
"""An instruction: its queue, and its place there from 0."""


def named(queue: Queue) -> str:
    """A queue in words."""
    return f"core {queue.core} {queue.engine.name.lower()} {queue.index}"


def said(step: Step, queues: Queues) -> str:
    """An instruction in words."""
    queue, index = step
    return f"{named(queue)}, instruction {index} ({type(queues[queue][index]).__name__})"


def execution_order(queues: Queues) -> list[Step]:
    """All instructions so that each comes behind all that it waits for.

    Raises:
        CompileError: Waits that are never met.
    """
    done = dict.fromkeys(queues, 0)
    sleeping: dict[Queue, list[tuple[int, Queue]]] = {queue: [] for queue in queues}
    steps: list[Step] = []
    ready = deque(queues)
    while ready:
        queue = ready.popleft()
        while done[queue] < len(queues[queue]):
            unmet = _unmet(queues[queue][done[queue]], done)
            if unmet is not None:
                if unmet.queue not in done or unmet.count > len(queues[unmet.queue]):
                    raise _never(unmet, (queue, done[queue]), queues)
                sleeping[unmet.queue].append((unmet.count, queue))
                break
            steps.append((queue, done[queue]))
            done[queue] += 1
            woken = [(n, q) for n, q in sleeping[queue] if n <= done[queue]]
            if woken:
                sleeping[queue] = [(n, q) for n, q in sleeping[queue] if n > done[queue]]
                ready.extend(q for _, q in woken)
    if len(steps) < sum(map(len, queues.values())):
        raise _deadlock(done, queues)
    return steps


def _unmet(instruction: Instruction, done: Mapping[Queue, int]) -> Wait | None:
    return next((w for w in instruction.waits if done.get(w.queue, 0) < w.count), None)


def _never(wait: Wait, step: Step, queues: Queues) -> Exception:
    there = len(queues.get(wait.queue, ()))
    return refuse(
        "an instruction waits for more than there is",
        where=said(step, queues),
        got=f"{wait.count} instructions of {named(wait.queue)}",
        allowed=f"at most {there}",
    )


def _deadlock(done: Mapping[Queue, int], queues: Queues) -> Exception:
    """Follow waits from a queue that stands still until one comes again."""
    queue = next(q for q in queues if done[q] < len(queues[q]))
    path: dict[Queue, Wait] = {}
    while queue not in path:
        waits = queues[queue][done[queue]].waits
        path[queue] = next(wait for wait in waits if done[wait.queue] < wait.count)
        queue = path[queue].queue
    cycle = list(path)[list(path).index(queue) :]
    lines = (
        f"{said((at, done[at]), queues)} waits for {path[at].count} of {named(path[at].queue)}"
        for at in cycle
    )
    return refuse(
        "engines wait for each other for ever",
        where="; ".join(lines),
        got=f"{sum(done.values())} of {sum(map(len, queues.values()))} instructions executed",
        allowed="waits without a cycle",
    )
