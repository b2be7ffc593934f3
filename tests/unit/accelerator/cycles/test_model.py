"""Programs of a few instructions, timed by hand.

The machine `toy`: 2 cores, tensor engines of 5 lanes, a transfer engine of 2 bytes per cycle on
each core, 3 bytes per cycle of the DDR, bursts of 64 bytes; no latency and no synchronisation
unless a test says so.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest

from toolchain.accelerator.cycles.model import timeline
from toolchain.accelerator.cycles.records import Timeline
from toolchain.accelerator.isa.instructions import Multiply
from toolchain.accelerator.isa.operands import (
    Engine,
    Queue,
    Rounding,
    Space,
    ToInteger,
    View,
    Wait,
)
from toolchain.core.dtypes import DType
from toolchain.core.machine import Machine
from toolchain.errors import CompileError

T0, T1, T2 = (Queue(0, Engine.TENSOR, index) for index in range(3))
D0, D1 = (Queue(core, Engine.TRANSFER, 0) for core in range(2))


def times(found: Timeline) -> dict[tuple[Queue, int], tuple[int, int, int]]:
    """Begin, end and completion of every instruction."""
    return {(s.queue, s.index): (s.begin, s.end, s.completed) for s in found.steps}


def slow(machine: Machine, *, latency: int = 0, sync: int = 0) -> Machine:
    return replace(machine, ddr=replace(machine.ddr, latency_cycles=latency), sync_cycles=sync)


def test_a_queue_is_worked_off_in_order(toy: Machine, micro: Any) -> None:
    found = timeline(micro.code({T0: [micro.fill(3), micro.fill(4)], T1: [micro.fill(5)]}), toy)
    assert times(found) == {(T0, 0): (0, 3, 3), (T0, 1): (3, 7, 7), (T1, 0): (0, 5, 5)}
    assert found.cycles == 7
    assert found.latency_us == 0.07
    assert dict(found.busy) == {T0: 7, T1: 5}
    assert found.traffic.bytes == 0


def test_nothing_takes_no_time(toy: Machine, micro: Any) -> None:
    assert timeline(micro.code({}), toy).cycles == 0


def test_an_instruction_that_waits_blocks_those_behind_it(toy: Machine, micro: Any) -> None:
    """The second queue begins its 1 cycle at 10 and only then the one that waits for nothing."""
    code = micro.code({T0: [micro.fill(10)], T1: [micro.fill(1, Wait(T0, 1)), micro.fill(2)]})
    found = timeline(code, toy)
    assert times(found)[T1, 0] == (10, 11, 11)
    assert times(found)[T1, 1] == (11, 13, 13)
    first, second = (step for step in found.steps if step.queue == T1)
    assert (first.free, first.stalled, first.cause) == (0, 10, Wait(T0, 1))
    assert (second.free, second.stalled, second.cause) == (11, 0, None)


def test_waits_on_others_cost_synchronisation(toy: Machine, micro: Any) -> None:
    code = micro.code(
        {
            T0: [micro.fill(10), micro.fill(10)],
            # Delayed by the wait: 10 + 4. At 24 + 4 the other one is long behind: no delay.
            T1: [micro.fill(14, Wait(T0, 1)), micro.fill(1, Wait(T0, 2))],
            # Free at 12, so that the wait, met at 10, delays by the 2 that are left of 4.
            T2: [micro.fill(12), micro.fill(1, Wait(T0, 1))],
        }
    )
    found = timeline(code, slow(toy, sync=4))
    assert times(found)[T1, 0] == (14, 28, 28)
    assert times(found)[T1, 1] == (28, 29, 29)
    assert times(found)[T2, 1] == (14, 15, 15)
    assert [s.cause for s in found.steps if s.queue == T1] == [Wait(T0, 1), None]


def test_the_latest_of_several_waits_counts(toy: Machine, micro: Any) -> None:
    code = micro.code(
        {
            T0: [micro.fill(7)],
            T1: [micro.fill(9)],
            T2: [micro.fill(1, Wait(T0, 1), Wait(T1, 1), Wait(T0, 0))],
        }
    )
    step = timeline(code, toy).steps[-1]
    assert (step.begin, step.cause) == (9, Wait(T1, 1))


def test_a_transfer_alone_has_the_width_of_its_engine(toy: Machine, micro: Any) -> None:
    found = timeline(micro.code({D0: [micro.load(3), micro.store(1)]}), toy)
    assert times(found) == {(D0, 0): (0, 96, 96), (D0, 1): (96, 128, 128)}
    assert (found.traffic.read, found.traffic.written) == (192, 64)


def test_two_transfers_share_from_where_the_second_begins(toy: Machine, micro: Any) -> None:
    """A has 384 bytes, B 192 and begins at 60.

    Until 60, A moves 120 at 2 per cycle. Then 1.5 each: B's 192 take 128 cycles, to 188, in which
    A moves 192 as well. Its last 72 take 36 at 2 per cycle: 224.
    """
    code = micro.code({T0: [micro.fill(60)], D0: [micro.load(6)], D1: [micro.load(3, Wait(T0, 1))]})
    found = timeline(code, toy)
    assert times(found)[D0, 0] == (0, 224, 224)
    assert times(found)[D1, 0] == (60, 188, 188)
    a, b = found.steps[1:]
    assert (a.queue, a.alone, a.shared) == (D0, 192, 32)
    assert (b.queue, b.alone, b.shared) == (D1, 96, 32)


def test_shares_end_with_whole_cycles(toy: Machine, micro: Any) -> None:
    """64 bytes at 1.5 per cycle end within cycle 43; both do, and the next begins behind it."""
    code = micro.code({D0: [micro.load(1), micro.load(1)], D1: [micro.load(1)]})
    assert times(timeline(code, toy)) == {
        (D0, 0): (0, 43, 43), (D0, 1): (43, 75, 75), (D1, 0): (0, 43, 43),
    }  # fmt: skip


def test_a_limit_of_the_bandwidth_is_shared(toy: Machine, micro: Any) -> None:
    """100 MB/s at 100 MHz are 1 byte per cycle, half of it for each of two."""
    code = micro.code({D0: [micro.load(1)], D1: [micro.load(2)]})
    found = timeline(code, toy, ddr_limit=100_000_000)
    assert times(found) == {(D0, 0): (0, 128, 128), (D1, 0): (0, 192, 192)}
    assert found.ddr_bytes_per_cycle == 1
    assert [step.alone for step in found.steps] == [64, 128]


def test_latency_is_seen_by_who_waits_and_not_by_the_next_transfer(
    toy: Machine, micro: Any
) -> None:
    """Loads end at 32 and 64; what they wrote is there 100 later, and 6 of synchronisation."""
    code = micro.code(
        {
            D0: [micro.load(1), micro.load(1)],
            T0: [micro.fill(1, Wait(D0, 1)), micro.fill(1, Wait(D0, 2))],
        }
    )
    found = timeline(code, slow(toy, latency=100, sync=6))
    assert times(found) == {
        (D0, 0): (0, 32, 132), (D0, 1): (32, 64, 164), (T0, 0): (138, 139, 139),
        (T0, 1): (170, 171, 171),
    }  # fmt: skip


def test_the_end_is_when_the_last_byte_has_arrived(toy: Machine, micro: Any) -> None:
    assert timeline(micro.code({D0: [micro.store(1)]}), slow(toy, latency=100)).cycles == 132


def test_a_queue_can_wait_for_its_own_transfers(toy: Machine, micro: Any) -> None:
    """Without synchronisation: only until the bytes have arrived."""
    code = micro.code({D0: [micro.load(1), micro.store(1, Wait(D0, 1))]})
    found = timeline(code, slow(toy, latency=100, sync=6))
    assert times(found)[D0, 1] == (132, 164, 264)


def test_a_copy_of_bytes_under_way_begins_when_they_have_arrived(toy: Machine, micro: Any) -> None:
    """The second load is of other bytes than the store, which is put off by the first alone."""
    elsewhere = replace(micro.row(64), offset=64)
    other = replace(micro.load(1), target=elsewhere)
    code = micro.code({D0: [micro.load(1), other, micro.store(1)]})
    found = timeline(code, slow(toy, latency=100))
    assert times(found)[D0, 2] == (132, 164, 264)
    assert found.steps[2].cause == Wait(D0, 1)
    apart = micro.code({D0: [other, micro.store(1)]})
    assert times(timeline(apart, slow(toy, latency=100)))[D0, 1] == (32, 64, 164)


def test_the_first_of_a_queue_are_completed_when_all_of_them_are(toy: Machine, micro: Any) -> None:
    """A fill of 32 bytes on the chip ends at 48, but the load before it arrives at 132."""
    on_chip = replace(micro.fill(1), target=micro.row(32))
    code = micro.code({D0: [micro.load(1), on_chip], T0: [micro.fill(1, Wait(D0, 2))]})
    found = timeline(code, slow(toy, latency=100))
    assert times(found)[D0, 1] == (32, 48, 48)
    assert times(found)[T0, 0] == (132, 133, 133)


def test_a_chain_across_engines(toy: Machine, micro: Any) -> None:
    """Load, compute, store: 32 + 50 arrive at 82, 3 on 85; 10; 3; 32 and 50."""
    code = micro.code(
        {
            D0: [micro.load(1)],
            T0: [micro.fill(10, Wait(D0, 1))],
            D1: [micro.store(1, Wait(T0, 1))],
        }
    )
    found = timeline(code, slow(toy, latency=50, sync=3))
    assert times(found)[T0, 0] == (85, 95, 95)
    assert times(found)[D1, 0] == (98, 130, 180)


def test_queues_that_wait_for_each_other(toy: Machine, micro: Any) -> None:
    code = micro.code(
        {
            T0: [micro.fill(1), micro.fill(1, Wait(T1, 1))],
            T1: [micro.fill(1, Wait(T0, 2))],
            T2: [micro.fill(1)],
        }
    )
    with pytest.raises(CompileError) as caught:
        timeline(code, toy)
    (problem,) = caught.value.problems
    assert problem.where == "core 0 tensor 0, instruction 1"
    assert problem.got == (
        "core 0 tensor 0 stops before its instruction 1, for 1 of core 0 tensor 1, where 0 were "
        "completed; core 0 tensor 1 stops before its instruction 0, for 2 of core 0 tensor 0, "
        "where 1 were completed"
    )


@pytest.mark.parametrize("wait", [Wait(T1, 1), Wait(T0, 1), Wait(D0, 2)])
def test_waits_that_nothing_meets(toy: Machine, micro: Any, wait: Wait) -> None:
    """For a queue that is not there, for itself, for more than there are."""
    code = micro.code({T0: [micro.fill(1, wait)], D0: [micro.load(1)]})
    with pytest.raises(CompileError, match="never completed"):
        timeline(code, toy)


@pytest.mark.parametrize("at", [Queue(2, Engine.TENSOR, 0), Queue(0, Engine.TENSOR, 3)])
def test_engines_that_the_machine_has_not(toy: Machine, micro: Any, at: Queue) -> None:
    with pytest.raises(CompileError, match="no such engine"):
        timeline(micro.code({at: [micro.fill(1)]}), toy)
    without = replace(toy, rearrangement=None)
    with pytest.raises(CompileError, match="no such engine"):
        timeline(micro.code({Queue(0, Engine.REARRANGEMENT, 0): [micro.fill(1)]}), without)


def test_operations_that_are_not_there(toy: Machine, micro: Any) -> None:
    code = micro.code({T0: [micro.fill(1), micro.fill(1, operation=3)]})
    with pytest.raises(CompileError, match="no operation") as caught:
        timeline(code, toy)
    assert caught.value.problems[0].where == "core 0 tensor 0, instruction 1"


def test_operands_wider_than_the_arrays(toy: Machine, micro: Any) -> None:
    wide = View(
        space=Space.MEMORY, offset=0, dtype=DType.INT32, shape=(1, 4, 4), strides=(64, 16, 4)
    )
    finish = ToInteger(
        rounding=Rounding.HALF_EVEN, exact=False, guard_bits=0, zero_point=0, low=-128, high=127
    )
    product = Multiply(
        operation=0, target=wide, a=wide, b=wide, b_zero=None, bias=None, factor=wide, a_zero=0,
        finish=finish,
    )  # fmt: skip
    with pytest.raises(CompileError, match="cannot multiply") as caught:
        timeline(micro.code({Queue(0, Engine.CONVOLUTION, 0): [product]}), toy)
    assert (caught.value.problems[0].got, caught.value.problems[0].allowed) == ("32 bits", "8, 16")


def test_thousands_of_instructions_are_timed_at_once(toy: Machine, micro: Any) -> None:
    """5000 of them on 5 queues, each waiting for another one; a second is ten times enough."""
    lanes = (D0, D1, T0, T1, T2)
    queues = {
        at: [
            (micro.load if at in (D0, D1) else micro.fill)(1 + i % 7, Wait(lanes[n - 1], i))
            for i in range(1000)
        ]
        for n, at in enumerate(lanes)
    }
    code = micro.code(queues)
    begin = time.process_time()
    assert len(timeline(code, toy).steps) == 5000
    assert time.process_time() - begin < 1


def test_loads_of_constants_may_have_a_limit_of_their_own(toy: Machine, micro: Any) -> None:
    """128 bytes each: constants at 1 byte per cycle, the others at half of 3, then at 2."""
    load = micro.load(2)
    constants = replace(load, source=replace(load.source, space=Space.CONSTANTS))
    code = micro.code({D0: [constants], D1: [load]})
    found = timeline(code, toy, weight_limit=100 * 10**6)
    assert times(found)[D0, 0] == (0, 128, 128)
    assert times(found)[D1, 0] == (0, 86, 86)
    assert [step.shared for step in found.steps] == [0, 86 - 64]
    # Together they have no more than one of them alone.
    both = timeline(micro.code({D0: [constants], D1: [constants]}), toy, weight_limit=100 * 10**6)
    assert both.cycles == 256
