"""Every way in which hand-written code can fail on a machine, each next to one that does not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from toolchain.accelerator.isa.code import Code
from toolchain.accelerator.isa.instructions import Combine, CombineKind, Copy, Fill, Instruction
from toolchain.accelerator.isa.operands import (
    EVERY_CORE,
    Engine,
    Queue,
    Rounding,
    Space,
    ToInteger,
    View,
    Wait,
)
from toolchain.accelerator.simulator.verify import verify
from toolchain.core.dtypes import DType
from toolchain.core.machine import Interconnect, Machine
from toolchain.errors import Code as ErrorCode
from toolchain.errors import CompileError, Problem

IN = Queue(0, Engine.TRANSFER, 0)
FAR = Queue(1, Engine.TRANSFER, 0)
TENSOR = Queue(0, Engine.TENSOR, 0)
SECOND = Queue(0, Engine.TENSOR, 1)
THIRD = Queue(0, Engine.TENSOR, 2)
HOW = ToInteger(
    rounding=Rounding.HALF_EVEN, exact=False, guard_bits=0, zero_point=0, low=-128, high=127
)
SIZES = {
    Space.INPUT: 256,
    Space.OUTPUT: 256,
    Space.WORK: 256,
    Space.MEMORY: 512,
    Space.SHARED: 128,
}


def row(space: Space, offset: int, count: int = 16, step: int = 1, core: int = 0) -> View:
    return View(
        space=space, core=core, offset=offset, dtype=DType.INT8, shape=(count,), strides=(step,)
    )


def chip(offset: int, count: int = 16, step: int = 1, core: int = 0) -> View:
    return row(Space.MEMORY, offset, count, step, core)


def copy(target: View, source: View, *waits: tuple[Queue, int]) -> Copy:
    return Copy(operation=0, target=target, source=source, waits=tuple(Wait(*w) for w in waits))


def fill(target: View, *waits: tuple[Queue, int]) -> Fill:
    return Fill(operation=0, target=target, value=1, waits=tuple(Wait(*w) for w in waits))


def add(target: View, a: View, b: View) -> Combine:
    return Combine(
        operation=0,
        target=target,
        a=a,
        b=b,
        kind=CombineKind.ADD,
        a_zero=0,
        b_zero=0,
        a_factor=1.0,
        b_factor=1.0,
        finish=HOW,
    )


def code_of(queues: Mapping[Queue, list[Instruction]]) -> Code:
    return Code(
        machine="toy-2",
        operations=("it",),
        queues={queue: tuple(many) for queue, many in queues.items()},
        sizes=SIZES,
    )


def refused(queues: Mapping[Queue, list[Instruction]], machine: Machine) -> tuple[Problem, ...]:
    with pytest.raises(CompileError) as caught:
        verify(code_of(queues), machine)
    return caught.value.problems


def test_an_order_in_which_all_is_met(toy: Machine) -> None:
    queues: dict[Queue, list[Instruction]] = {
        IN: [
            copy(chip(0), row(Space.INPUT, 0)),
            copy(row(Space.OUTPUT, 0), chip(32), (TENSOR, 1)),
        ],
        TENSOR: [copy(chip(32), chip(0), (IN, 1))],
    }
    assert verify(code_of(queues), toy) == [(IN, 0), (TENSOR, 0), (IN, 1)]


# Deadlocks.


def test_a_cycle_of_waits(toy: Machine) -> None:
    (problem,) = refused(
        {
            IN: [fill(chip(0))],
            TENSOR: [fill(chip(32)), fill(chip(64), (SECOND, 2))],
            SECOND: [fill(chip(96), (TENSOR, 1)), fill(chip(128), (THIRD, 1))],
            THIRD: [fill(chip(160), (TENSOR, 2))],
        },
        toy,
    )
    assert problem.code is ErrorCode.MACHINE_CODE_INVALID
    assert problem.message == "engines wait for each other for ever"
    assert problem.where is not None
    lines = problem.where.split("; ")
    assert len(lines) == 3
    for queue, index, awaited in (("0", 1, "1"), ("1", 1, "2"), ("2", 0, "0")):
        (line,) = [at for at in lines if f"tensor.{queue}[{index}] fill" in at]
        assert f"tensor.{awaited}" in line.split("waits for")[1]
    assert problem.got == "3 of 6 instructions executed"


# Races.


def conflict(
    toy: Machine, first: list[Instruction], second: list[Instruction], queue: Queue = SECOND
) -> tuple[Problem, ...]:
    return refused({TENSOR: first, queue: second}, toy)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (fill(chip(0)), fill(chip(15))),
        (fill(chip(0)), copy(chip(64), chip(8))),
        (copy(chip(64), chip(8)), fill(chip(0))),
        # Every third byte and every fourth: they meet at 12.
        (fill(chip(0, 5, 3)), fill(chip(4, 3, 4))),
        # From the end to the begin.
        (fill(chip(40, 8, -5)), fill(chip(5, 1))),
    ],
)
def test_races(toy: Machine, first: Instruction, second: Instruction) -> None:
    # What is read here was written before by an instruction that both wait for.
    start = [fill(chip(0, 64))]
    first, second = (replace(at, waits=(Wait(THIRD, 1),)) for at in (first, second))
    queues: dict[Queue, list[Instruction]] = {THIRD: start, TENSOR: [first], SECOND: [second]}
    (problem,) = refused(queues, toy)
    assert problem.message == "two instructions touch the same byte in no order"
    assert problem.where is not None
    assert "tensor.0[0]" in problem.where
    assert problem.got is not None
    assert "tensor.1[0]" in problem.got
    verify(code_of({**queues, SECOND: [replace(second, waits=(Wait(TENSOR, 1),))]}), toy)


def test_a_race_says_which_byte(toy: Machine) -> None:
    (problem,) = conflict(toy, [fill(chip(0, 5, 3))], [fill(chip(4, 3, 4))])
    assert problem.got is not None
    assert "bytes 0 to 12" in problem.got
    assert "bytes 4 to 12" in problem.got
    assert problem.got.endswith("byte 12")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        # Beside each other; between each other; the same read twice.
        (fill(chip(0)), fill(chip(16))),
        (fill(chip(0, 8, 2)), fill(chip(1, 8, 2))),
        (fill(chip(0, 4, 6)), fill(chip(3, 4, 6))),
        (fill(chip(1, 5, 3)), fill(chip(0, 4, 5))),
        (fill(chip(0)), fill(row(Space.SHARED, 0))),
    ],
)
def test_no_race(toy: Machine, first: Instruction, second: Instruction) -> None:
    # Bytes 1, 4, 7, 10, 13 and 0, 5, 10, 15 meet, and nothing else does.
    queues: dict[Queue, list[Instruction]] = {TENSOR: [first], SECOND: [second]}
    if first.target.strides == (3,):
        refused(queues, toy)
        second = replace(second, target=chip(0, 2, 5))
    verify(code_of({TENSOR: [first], SECOND: [second]}), toy)


def test_boxes_between_each_other(toy: Machine) -> None:
    # 4 rows of 8 bytes, the left and the right half of each; and 2 columns of either.
    left = View(space=Space.MEMORY, offset=0, dtype=DType.INT8, shape=(4, 4), strides=(8, 1))
    right = replace(left, offset=4)
    verify(code_of({TENSOR: [fill(left)], SECOND: [fill(right)]}), toy)
    wider = replace(left, shape=(4, 5))
    (problem,) = conflict(toy, [fill(wider)], [fill(right)])
    assert problem.got is not None
    assert problem.got.endswith("byte 4")


def test_a_box_that_begins_where_a_run_of_another_ends(toy: Machine) -> None:
    # Bytes 0 to 3 and 8 to 11, and 4 to 8: no byte of the first run, but one of the second.
    rows = View(space=Space.MEMORY, offset=0, dtype=DType.INT8, shape=(2, 4), strides=(8, 1))
    verify(code_of({TENSOR: [fill(chip(4, 4))], SECOND: [fill(rows)]}), toy)
    for first, second in ((chip(4, 5), rows), (rows, chip(4, 5))):
        (problem,) = conflict(toy, [fill(first)], [fill(second)])
        assert problem.got is not None
        assert problem.got.endswith("byte 8")


def test_two_readers_are_no_race(toy: Machine) -> None:
    queues: dict[Queue, list[Instruction]] = {
        THIRD: [fill(chip(0))],
        TENSOR: [copy(chip(64), chip(0), (THIRD, 1))],
        SECOND: [copy(chip(128), chip(0), (THIRD, 1))],
    }
    verify(code_of(queues), toy)


def test_order_goes_through_other_queues(toy: Machine) -> None:
    # SECOND waits for THIRD, which waits for TENSOR.
    queues: dict[Queue, list[Instruction]] = {
        TENSOR: [fill(chip(0))],
        THIRD: [fill(chip(64), (TENSOR, 1))],
        SECOND: [fill(chip(128), (THIRD, 1)), fill(chip(0))],
    }
    verify(code_of(queues), toy)
    queues[THIRD] = [fill(chip(64)), fill(chip(200), (TENSOR, 1))]
    assert len(refused(queues, toy)) == 1


def test_a_wait_covers_only_what_it_counts(toy: Machine) -> None:
    queues: dict[Queue, list[Instruction]] = {
        TENSOR: [fill(chip(0)), fill(chip(32))],
        SECOND: [fill(chip(0), (TENSOR, 1)), fill(chip(32))],
    }
    (problem,) = refused(queues, toy)
    assert problem.where is not None
    assert "tensor.0[1]" in problem.where


def test_later_instructions_of_a_queue_race_with_earlier_ones(toy: Machine) -> None:
    # The second buffer is written again while the other engine may still read it.
    def code(wait: tuple[Queue, int] | None) -> dict[Queue, list[Instruction]]:
        again = fill(chip(0), *([wait] if wait else []))
        return {
            TENSOR: [fill(chip(0)), again],
            SECOND: [copy(chip(64), chip(0), (TENSOR, 1))],
        }

    assert len(refused(code(None), toy)) == 1
    verify(code_of(code((SECOND, 1))), toy)


def test_memories_of_two_cores_are_two(toy: Machine) -> None:
    far = Queue(1, Engine.TENSOR, 0)
    verify(code_of({TENSOR: [fill(chip(0))], far: [fill(chip(0, core=1))]}), toy)


def test_a_target_of_all_cores_is_in_each_of_them(toy: Machine) -> None:
    toy = replace(toy, interconnect=Interconnect(bytes_per_cycle=2))
    far = Queue(1, Engine.TENSOR, 0)
    everywhere = copy(chip(0, core=EVERY_CORE), row(Space.INPUT, 0))
    (problem,) = refused({IN: [everywhere], far: [fill(chip(8, core=1))]}, toy)
    assert problem.got is not None
    assert "core 1" in problem.got
    assert "byte 8" in problem.got
    reading = copy(row(Space.OUTPUT, 0), chip(0, core=1), (IN, 1))
    verify(code_of({IN: [everywhere], FAR: [reading]}), toy)


def test_cores_share_the_ddr(toy: Machine) -> None:
    queues: dict[Queue, list[Instruction]] = {
        IN: [copy(row(Space.WORK, 0), row(Space.INPUT, 0))],
        FAR: [copy(row(Space.WORK, 15), row(Space.INPUT, 0))],
    }
    assert len(refused(queues, toy)) == 1


def test_no_more_problems_than_anyone_reads(toy: Machine) -> None:
    many: list[Instruction] = [fill(chip(0)) for _ in range(50)]
    assert len(conflict(toy, many, many)) == 10


# Reads of what nobody wrote.


def test_reading_what_nobody_wrote(toy: Machine) -> None:
    queues: dict[Queue, list[Instruction]] = {
        TENSOR: [fill(chip(0, 8, 2)), fill(chip(1, 7, 2)), copy(chip(64), chip(0))]
    }
    (problem,) = refused(queues, toy)
    assert problem.message == "an instruction reads bytes that nobody wrote"
    assert problem.where is not None
    assert "tensor.0[2] copy" in problem.where
    assert problem.got is not None
    assert "byte 15 and 0 more" in problem.got
    queues[TENSOR][1] = fill(chip(1, 8, 2))
    verify(code_of(queues), toy)


def test_the_byte_that_nobody_wrote_in_a_box(toy: Machine) -> None:
    # Rows of 8 bytes; written are 4 of each, read are 5 of rows 1 and 2: bytes 12 and 20.
    box = View(space=Space.MEMORY, offset=0, dtype=DType.INT8, shape=(4, 4), strides=(8, 1))
    source = replace(box, offset=8, shape=(2, 5))
    target = replace(source, offset=64)
    (problem,) = refused({TENSOR: [fill(box), copy(target, source)]}, toy)
    assert problem.got is not None
    assert "byte 12 and 1 more" in problem.got


def test_what_is_written_later_was_not_written(toy: Machine) -> None:
    queues: dict[Queue, list[Instruction]] = {TENSOR: [copy(chip(64), chip(0)), fill(chip(0))]}
    (problem,) = refused(queues, toy)
    assert problem.where is not None
    assert "tensor.0[0]" in problem.where


def test_outputs_are_not_written_at_first_but_inputs_are(toy: Machine) -> None:
    verify(code_of({IN: [copy(chip(0), row(Space.INPUT, 0))]}), toy)
    assert len(refused({IN: [copy(chip(0), row(Space.OUTPUT, 0))]}, toy)) == 1


# An instruction and its own operands.


def test_a_target_over_its_own_source(toy: Machine) -> None:
    start = fill(chip(0, 64))
    (problem,) = refused({TENSOR: [start, copy(chip(8), chip(0))]}, toy)
    assert problem.message == "an instruction overwrites its own source"
    assert problem.got == "byte 8 of MEMORY is in source and target"
    verify(code_of({TENSOR: [start, copy(chip(16), chip(0))]}), toy)


def test_elements_may_replace_themselves(toy: Machine) -> None:
    start = fill(chip(0, 64))
    verify(code_of({TENSOR: [start, add(chip(0), chip(0), chip(32))]}), toy)
    (problem,) = refused({TENSOR: [start, add(chip(0), chip(0), chip(15, step=-1))]}, toy)
    assert problem.got is not None
    assert "in b and target" in problem.got


def test_views_that_no_instruction_can_need(toy: Machine) -> None:
    endless = View(
        space=Space.MEMORY,
        offset=0,
        dtype=DType.INT8,
        shape=(1 << 15, 1 << 15),
        strides=(0, 0),
    )
    target = replace(endless, strides=(1, 1 << 15))
    code = replace(code_of({TENSOR: [copy(target, endless)]}), sizes={Space.MEMORY: 1 << 30})
    memory = replace(toy.memory, bytes=1 << 30)
    with pytest.raises(CompileError, match="too many elements"):
        verify(code, replace(toy, memory=memory))


def test_random_boxes_meet_as_their_bytes_do(toy: Machine) -> None:
    draw = np.random.default_rng(0)
    found = set()
    for _ in range(300):
        boxes = []
        for _ in range(2):
            steps = sorted(int(s) for s in draw.integers(1, 40, 2))
            shape = (int(draw.integers(1, 4)), int(draw.integers(1, 4)))
            box = View(
                space=Space.MEMORY,
                offset=int(draw.integers(0, 60)),
                dtype=DType.INT8,
                shape=shape,
                strides=(steps[1] + shape[1] * steps[0], steps[0]),
            )
            boxes.append(box)
        cells = [
            {b.offset + i * b.strides[0] + j * b.strides[1] for i, j in np.ndindex(*b.shape)}
            for b in boxes
        ]
        code = code_of({TENSOR: [fill(boxes[0])], SECOND: [fill(boxes[1])]})
        meets = bool(cells[0] & cells[1])
        found.add(meets)
        if not meets:
            verify(code, toy)
            continue
        with pytest.raises(CompileError) as caught:
            verify(code, toy)
        got = caught.value.problems[0].got
        assert got is not None
        assert int(got.rsplit("byte ", 1)[1]) in cells[0] & cells[1]
    assert found == {True, False}
