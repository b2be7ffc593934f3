"""A timeline by operations of the program."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from toolchain.accelerator.cycles.records import OperationTime, Step, Timeline
from toolchain.accelerator.isa.operands import Engine
from toolchain.accelerator.transfers import Traffic


def operation_times(found: Timeline, start: int = 0) -> tuple[OperationTime, ...]:
    """What every operation with an instruction took, in the order of their numbers.

    Args:
        found: A run.
        start: When it began, in cycles.
    """
    steps = sorted(found.steps, key=lambda step: (step.operation, step.queue, step.index))
    groups = [(number, tuple(of)) for number, of in groupby(steps, lambda step: step.operation)]
    shares = _shares({number: max(step.completed for step in of) for number, of in groups})
    return tuple(
        _operation(number, found.operations[number], of, shares[number], start)
        for number, of in groups
    )


def _operation(
    number: int, name: str, steps: Sequence[Step], cycles: int, start: int
) -> OperationTime:
    return OperationTime(
        number=number,
        name=name,
        begin=start + min(step.begin for step in steps),
        end=start + max(step.completed for step in steps),
        cycles=cycles,
        busy={
            engine: sum(step.cycles for step in steps if step.queue.engine is engine)
            for engine in Engine
        },
        macs=sum(step.macs for step in steps),
        traffic=Traffic(
            sum(step.traffic.read for step in steps), sum(step.traffic.written for step in steps)
        ),
    )


def _shares(ends: dict[int, int]) -> dict[int, int]:
    """By how much each puts off the end of those that end before it."""
    shares: dict[int, int] = {}
    before = 0
    for number, end in sorted(ends.items(), key=lambda item: (item[1], item[0])):
        shares[number] = end - before
        before = end
    return shares
