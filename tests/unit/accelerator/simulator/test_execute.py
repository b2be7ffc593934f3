"""Whole codes: memories of cores, probes, order, and what is refused when data are there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from toolchain.accelerator.isa.code import Code, Probe
from toolchain.accelerator.isa.instructions import (
    Combine,
    CombineKind,
    Copy,
    Gather,
    Instruction,
)
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
from toolchain.accelerator.simulator.execute import Simulator
from toolchain.core.dtypes import Array, DType
from toolchain.core.machine import Interconnect, Machine
from toolchain.errors import Code as ErrorCode
from toolchain.errors import CompileError

NEAR, FAR = Queue(0, Engine.TRANSFER, 0), Queue(1, Engine.TRANSFER, 0)
ADDING = (Queue(0, Engine.TENSOR, 0), Queue(1, Engine.TENSOR, 0))
HOW = ToInteger(
    rounding=Rounding.HALF_EVEN, exact=False, guard_bits=0, zero_point=0, low=-128, high=127
)
SIZES = {Space.CONSTANTS: 4, Space.INPUT: 8, Space.OUTPUT: 8, Space.MEMORY: 64}


@pytest.fixture
def toy(toy: Machine) -> Machine:
    """Two cores that reach each other's memory."""
    return replace(toy, interconnect=Interconnect(bytes_per_cycle=2))


def four(space: Space, offset: int = 0, core: int = 0) -> View:
    return View(space=space, core=core, offset=offset, dtype=DType.INT8, shape=(4,), strides=(1,))


def copy(target: View, source: View, *waits: tuple[Queue, int]) -> Copy:
    return Copy(operation=0, target=target, source=source, waits=tuple(Wait(*w) for w in waits))


def two_cores() -> dict[Queue, tuple[Instruction, ...]]:
    """Each core adds the constants, which one transfer brought to both, to its half of inputs."""
    weights = four(Space.MEMORY, 16, EVERY_CORE)
    queues: dict[Queue, tuple[Instruction, ...]] = {}
    for core, moving in enumerate((NEAR, FAR)):
        x, y = four(Space.MEMORY, 0, core), four(Space.MEMORY, 32, core)
        bring = [copy(weights, four(Space.CONSTANTS))] if core == 0 else []
        bring.append(copy(x, four(Space.INPUT, 4 * core)))
        store = copy(four(Space.OUTPUT, 4 * core), y, (ADDING[core], 1))
        queues[moving] = (*bring, store)
        queues[ADDING[core]] = (
            Combine(
                operation=0,
                waits=(Wait(NEAR, 2), *((Wait(FAR, 1),) if core else ())),
                target=y,
                a=x,
                b=four(Space.MEMORY, 16, core),
                kind=CombineKind.SUB,
                a_zero=0,
                b_zero=0,
                a_factor=1.0,
                b_factor=1.0,
                finish=HOW,
            ),
        )
    return queues


def code_of(
    queues: Mapping[Queue, tuple[Instruction, ...]], probes: tuple[Probe, ...] = ()
) -> Code:
    return Code(machine="toy-2", operations=("it",), queues=queues, sizes=SIZES, probes=probes)


INPUT = np.array([1, 2, 3, 4, 50, 60, 70, 80], np.int8)
WEIGHTS = np.array([10, 20, 30, 40], np.int8)
DIFFERENCE = [-9, -18, -27, -36, 40, 40, 40, 40]


def test_cores_with_weights_from_one_transfer(toy: Machine) -> None:
    simulator = Simulator(code_of(two_cores()), toy, WEIGHTS.tobytes())
    assert simulator.run(INPUT.tobytes()).view(np.int8).tolist() == DIFFERENCE
    # Prepared once, for any number of runs, of bytes or an array.
    again = simulator.run(INPUT[::-1].copy().view(np.uint8)).view(np.int8)
    assert again.tolist() == [70, 50, 30, 10, -6, -17, -28, -39]


def test_probes_see_what_is_there_when_their_instruction_is_completed(toy: Machine) -> None:
    queues = two_cores()
    # Behind its store the first core overwrites its sum.
    over = replace(queues[NEAR][2], target=four(Space.MEMORY, 32), source=four(Space.INPUT))
    queues[NEAR] = (*queues[NEAR], over)
    seen: list[tuple[Probe, Array]] = []
    probes = tuple(
        Probe(
            queue=ADDING[core],
            index=0,
            tensor="sum",
            starts=(4 * core,),
            view=four(Space.MEMORY, 32, core),
        )
        for core in (0, 1)
    )
    code = code_of(queues, probes)
    simulator = Simulator(code, toy, WEIGHTS.tobytes())
    simulator.run(INPUT.tobytes(), lambda probe, part: seen.append((probe, part)))
    assert {probe.starts[0]: part.tolist() for probe, part in seen} == {
        0: DIFFERENCE[:4],
        4: DIFFERENCE[4:],
    }


def test_constants_and_inputs_of_another_size(toy: Machine) -> None:
    with pytest.raises(CompileError, match="constants is too short") as caught:
        Simulator(code_of(two_cores()), toy, b"123")
    assert caught.value.problems[0].got == "3"
    simulator = Simulator(code_of(two_cores()), toy, b"12345")
    with pytest.raises(CompileError, match="inputs has another size") as caught:
        simulator.run(b"123456789")
    assert (caught.value.problems[0].got, caught.value.problems[0].allowed) == ("9", "8 bytes")


def test_code_is_checked_before_it_runs(toy: Machine) -> None:
    queues = two_cores()
    queues[ADDING[0]] = (replace(queues[ADDING[0]][0], waits=()),)
    with pytest.raises(CompileError) as caught:
        Simulator(code_of(queues), toy, bytes(4))
    assert caught.value.code is ErrorCode.MACHINE_CODE_INVALID


def test_code_that_breaks_a_rule_of_the_instruction_set(toy: Machine) -> None:
    queues = two_cores()
    outside = replace(queues[NEAR][1], target=four(Space.MEMORY, 61))
    queues[NEAR] = (queues[NEAR][0], outside, queues[NEAR][2])
    with pytest.raises(CompileError) as caught:
        Simulator(code_of(queues), toy, bytes(4))
    problem = caught.value.problems[0]
    assert problem.where == "0.transfer.0[1] copy.target"
    assert problem.got == "bytes 61 to 65"


def test_an_error_of_data_names_the_instruction(toy: Machine) -> None:
    queues = two_cores()
    indices = View(space=Space.MEMORY, offset=0, dtype=DType.INT32, shape=(1,), strides=(4,))
    one = replace(four(Space.MEMORY, 48), shape=(1,))
    gather = Gather(operation=0, target=one, source=four(Space.MEMORY, 16), indices=indices, axis=0)
    queues[ADDING[0]] = (*queues[ADDING[0]], gather)
    simulator = Simulator(code_of(queues), toy, bytes(4))
    with pytest.raises(CompileError) as caught:
        simulator.run(bytes([4, 0, 0, 0, 0, 0, 0, 0]))
    problem = caught.value.problems[0]
    assert (problem.where, problem.got) == ("0.tensor.0[1] gather", "4")
    simulator.run(bytes([3, 0, 0, 0, 0, 0, 0, 0]))


def test_a_probe_of_a_core_that_does_not_exist(toy: Machine) -> None:
    view = four(Space.MEMORY, 0, 2)
    probe = Probe(queue=NEAR, index=0, tensor="x", starts=(0,), view=view)
    with pytest.raises(CompileError) as caught:
        Simulator(code_of(two_cores(), (probe,)), toy, bytes(4))
    problem = caught.value.problems[0]
    assert (problem.where, problem.got, problem.allowed) == ("x", "2", "0 to 1")
