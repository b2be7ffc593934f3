"""Orders in which engines can execute: each queue from its begin, waits kept."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import TypeAlias

from toolchain.accelerator.isa.instructions import Instruction
from toolchain.accelerator.isa.operands import Queue, Wait
from toolchain.accelerator.isa.text import show_queue
from toolchain.accelerator.simulator.refusal import refuse

Queues: TypeAlias = Mapping[Queue, tuple[Instruction, ...]]
"""Instructions of every engine."""

Step: TypeAlias = tuple[Queue, int]
"""An instruction: its queue, and its place there from 0."""


def said(step: Step, queues: Queues) -> str:
    """An instruction in words, as messages of the instruction set name it."""
    queue, index = step
    return f"{show_queue(queue)}[{index}] {type(queues[queue][index]).__name__.lower()}"


def execution_order(queues: Queues) -> list[Step]:
    """All instructions so that each comes behind all that it waits for.

    Args:
        queues: Of code whose waits count instructions that exist.

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
        f"{said((at, done[at]), queues)} waits for {path[at].count} of {show_queue(path[at].queue)}"
        for at in cycle
    )
    return refuse(
        "engines wait for each other for ever",
        where="; ".join(lines),
        got=f"{sum(done.values())} of {sum(map(len, queues.values()))} instructions executed",
        allowed="waits without a cycle",
    )
