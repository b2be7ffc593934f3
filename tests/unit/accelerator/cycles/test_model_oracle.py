"""Random programs against a machine that is stepped cycle by cycle, with fractions of bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toolchain.accelerator.cycles.model import timeline
from toolchain.accelerator.isa.instructions import Copy, Instruction
from toolchain.accelerator.isa.operands import Engine, Queue, Wait
from toolchain.core.machine import Machine

QUEUES = tuple(
    Queue(core, engine, 0) for core in range(2) for engine in (Engine.TENSOR, Engine.TRANSFER)
)
Ends = dict[tuple[Queue, int], tuple[int, int, int]]


def stepped(queues: Mapping[Queue, tuple[Instruction, ...]], machine: Machine) -> Ends:
    """Begin, end and completion of every instruction; stores only, which hold nobody up."""
    ends: Ends = {}
    left: dict[Queue, tuple[int, Fraction]] = {}
    at = dict.fromkeys(queues, 0)
    now = 0
    while any(at[queue] < len(found) for queue, found in queues.items()):
        for queue, found in queues.items():
            if queue in left or at[queue] == len(found):
                continue
            waits = found[at[queue]].waits
            if all(_met(w, queue, ends, now, machine.sync_cycles) for w in waits):
                left[queue] = now, _work(found[at[queue]])
        moving = sum(queue.engine is Engine.TRANSFER for queue in left)
        now += 1
        for queue, (begin, work) in tuple(left.items()):
            rate, latency = Fraction(1), 0
            if queue.engine is Engine.TRANSFER:
                # 2 bytes per cycle of the engine, 3 of the memory.
                rate, latency = min(Fraction(2), Fraction(3, moving)), machine.ddr.latency_cycles
            left[queue] = begin, work - rate
            if work <= rate:
                ends[queue, at[queue]] = begin, now, now + latency
                at[queue] += 1
                del left[queue]
    return ends


def _met(wait: Wait, queue: Queue, ends: Ends, now: int, sync: int) -> bool:
    late = 0 if wait.queue == queue else sync
    return all(
        (wait.queue, index) in ends and ends[wait.queue, index][2] + late <= now
        for index in range(wait.count)
    )


def _work(instruction: Instruction) -> Fraction:
    """Bytes of a transfer, all of them whole bursts; cycles of a fill on 5 lanes."""
    size = instruction.target.shape[0]
    return Fraction(size if isinstance(instruction, Copy) else size // 5)


@st.composite
def programs(draw: st.DrawFn) -> list[tuple[int, int, tuple[tuple[int, int], ...]]]:
    """(queue, length, waits) of instructions, which wait for earlier ones only."""
    drawn: list[tuple[int, int, tuple[tuple[int, int], ...]]] = []
    counts = [0] * len(QUEUES)
    for _ in range(draw(st.integers(1, 14))):
        queue = draw(st.integers(0, len(QUEUES) - 1))
        waits = tuple(
            (other, draw(st.integers(1, counts[other])))
            for other in draw(st.sets(st.integers(0, len(QUEUES) - 1), max_size=3))
            if counts[other]
        )
        drawn.append((queue, draw(st.integers(1, 4)), waits))
        counts[queue] += 1
    return drawn


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(drawn=programs(), latency=st.sampled_from((0, 50)), sync=st.sampled_from((0, 9)))
def test_every_cycle_is_that_of_the_oracle(
    toy: Machine, micro: Any, drawn: Any, latency: int, sync: int
) -> None:
    machine = replace(toy, ddr=replace(toy.ddr, latency_cycles=latency), sync_cycles=sync)
    queues: dict[Queue, tuple[Instruction, ...]] = {}
    for number, length, waits in drawn:
        queue = QUEUES[number]
        make = micro.store if queue.engine is Engine.TRANSFER else micro.fill
        made = make(length, *(Wait(QUEUES[other], count) for other, count in waits))
        queues[queue] = (*queues.get(queue, ()), made)
    found = timeline(micro.code(queues), machine)
    assert {
        (step.queue, step.index): (step.begin, step.end, step.completed) for step in found.steps
    } == stepped(queues, machine)
