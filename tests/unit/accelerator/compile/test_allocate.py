"""Addresses: nothing that lives at one time shares a byte, and loads come early."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import combinations

import pytest

from toolchain.accelerator.compile.allocate import DoesNotFitError, allocate
from toolchain.accelerator.compile.tasks import (
    Access,
    Assignment,
    Buffer,
    Outside,
    Place,
    Task,
    Transfer,
)
from toolchain.accelerator.isa.operands import Engine, Space
from toolchain.core.dtypes import DType
from toolchain.core.machine import Machine, OnChipMemory

IMAGE = Place(space=Space.CONSTANTS, offset=0, dtype=DType.UINT8, shape=(4096,), order=(0,))


def roomy(toy: Machine, memory: int = 8192, weights: int | None = 4096) -> Machine:
    return replace(
        toy,
        memory=OnChipMemory(bytes=memory, banks=1, ports=1),
        weight_buffer=None if weights is None else OnChipMemory(bytes=weights, banks=1, ports=1),
    )


def touched(assignment: Assignment, buffer: Buffer) -> list[int]:
    return [
        task.position
        for task in assignment.tasks
        for at in (task.action.reads[0], task.action.target)
        if isinstance(at, Access) and at.buffer is buffer
    ]


@pytest.mark.parametrize("seed", range(30))
def test_what_lives_at_one_time_lies_apart(
    seed: int, random_tasks: Callable[[int], Assignment], toy: Machine
) -> None:
    assignment = random_tasks(seed)
    used = allocate(assignment, roomy(toy))
    for buffer in assignment.buffers:
        positions = touched(assignment, buffer)
        assert buffer.last == max(positions)
        assert buffer.first <= min(positions)
        assert buffer.loaded or buffer.first == min(positions)
        assert buffer.offset >= 0
        assert buffer.offset % 64 == 0
    for a, b in combinations(assignment.buffers, 2):
        if a.space is b.space and a.first <= b.last and b.first <= a.last:
            apart = a.offset + a.size <= b.offset or b.offset + b.size <= a.offset
            assert apart, f"{a.name} and {b.name}"
    for space, capacity in ((Space.MEMORY, 8192), (Space.WEIGHTS, 4096)):
        ends = [b.offset + b.size for b in assignment.buffers if b.space is space]
        assert max(ends, default=0) <= used.get(space, 0) <= capacity


def sequence(*moves: tuple[Buffer | None, Buffer]) -> Assignment:
    """Copies from one buffer, or from the DDR, to another."""
    tasks = []
    buffers: dict[Buffer, None] = {}
    for position, (source, target) in enumerate(moves):
        box = ((0, target.size),)
        read = Outside(IMAGE, box) if source is None else Access(source, 0, ((0, source.size),))
        tasks.append(
            Task(
                action=Transfer(read, Access(target, 0, box)),
                step=0,
                engine=Engine.TRANSFER,
                core=0,
                position=position,
            )
        )
        buffers.update({b: None for b in (source, target) if b is not None})
    return Assignment(tasks=tuple(tasks), buffers=tuple(buffers))


@pytest.mark.parametrize(("memory", "first", "offset"), [(256, 2, 128), (384, 0, 128)])
def test_loads_begin_as_early_as_there_is_room(
    memory: int, first: int, offset: int, toy: Machine, bytes_of: Callable[..., Buffer]
) -> None:
    # x lies at 0 from 1 to 3, y at 64 in 3; p above, at the top, in 0 and 1. Beside all of
    # them q finds room from the beginning on in 384 bytes, but not in 256.
    p, q = bytes_of("p", 128, loaded=True), bytes_of("q", 128, loaded=True)
    x, y = bytes_of("x", 64), bytes_of("y", 64)
    assignment = sequence((None, p), (p, x), (None, q), (q, y), (x, y))
    allocate(assignment, roomy(toy, memory, None))
    assert (x.offset, y.offset, p.offset) == (0, 64, memory - 128)
    assert (p.first, q.first, q.last) == (0, first, 3)
    assert q.offset == offset


def test_what_is_made_rests_before_its_memory_is_used_again(
    toy: Machine, bytes_of: Callable[..., Buffer]
) -> None:
    a, b, c, d = (bytes_of(name, 64) for name in "abcd")
    assignment = sequence((a, b), (b, c), (c, d))
    # Half of the memory is for what is made: three of them; the fourth takes the place of a.
    assert allocate(assignment, roomy(toy, 6 * 64, None)) == {Space.MEMORY: 3 * 64}
    assert [buffer.offset for buffer in (a, b, c, d)] == [0, 64, 128, 0]


@pytest.mark.parametrize("loaded", [True, False])
def test_what_does_not_fit(loaded: bool, toy: Machine, bytes_of: Callable[..., Buffer]) -> None:
    small, large = bytes_of("small", 100), bytes_of("large", 193, loaded=loaded)
    assignment = sequence((None, small), (small, large))
    with pytest.raises(DoesNotFitError) as caught:
        allocate(assignment, roomy(toy, 256, None))
    assert caught.value.buffer is large


def test_buffers_that_nobody_uses_take_no_room(
    toy: Machine, bytes_of: Callable[..., Buffer]
) -> None:
    assignment = Assignment(tasks=(), buffers=(bytes_of("never", 100000),))
    assert allocate(assignment, toy) == {}
