"""What is known to be completed when an instruction begins: vector clocks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from toolchain.accelerator.isa.operands import Queue
from toolchain.accelerator.simulator.order import Queues, Step

Clocks: TypeAlias = dict[Queue, NDArray[np.int32]]
"""Of every queue (instructions, queues): completed instructions of all, in the order of queues."""


def clocks(queues: Queues, order: Sequence[Step]) -> Clocks:
    """Clocks of all instructions, from queues and waits alone."""
    column = {queue: at for at, queue in enumerate(queues)}
    found: Clocks = {q: np.zeros((len(many), len(queues)), np.int32) for q, many in queues.items()}
    for queue, index in order:
        here = found[queue][index]
        if index:
            here[:] = found[queue][index - 1]
            here[column[queue]] = index
        for wait in queues[queue][index].waits:
            if wait.count > 0:
                np.maximum(here, found[wait.queue][wait.count - 1], out=here)
                here[column[wait.queue]] = max(here[column[wait.queue]], wait.count)
    return found


def concurrent(
    known: Clocks, first: tuple[Queue, int], second: tuple[Queue, int]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """What one queue can execute beside each instruction of another one.

    Args:
        known: The clocks.
        first: A queue and its place among queues.
        second: Another one.

    Returns:
        For every instruction of the first queue: the first instruction of the second one that is
        not known to be completed before it, and the first that knows it to be completed.
    """
    (one, one_at), (other, other_at) = first, second
    begin = known[one][:, other_at].astype(np.int64)
    end = np.searchsorted(known[other][:, one_at], np.arange(len(begin)), side="right")
    return begin, np.maximum(begin, end)
