"""A program beside other machines: compiled where that takes no time, else its bound alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tc_target_npu.facts import SPEC
from toolchain.accelerator.compile.model import Batches, compile_model
from toolchain.core.dtypes import DType
from toolchain.core.machine import Machine, OnChipMemory
from toolchain.core.quant import Rounding
from toolchain.errors import Code, CompileError
from toolchain.pipeline import study
from toolchain.pipeline.study import machine_study
from toolchain.program.records import Program, Table, Tensor


@pytest.fixture
def machines() -> tuple[Machine, ...]:
    """AX650 in all modes, and one whose memory is smaller than the program."""
    (chip,) = SPEC.on("ax650").platforms
    small = replace(
        chip.machines[0], name="small", memory=OnChipMemory(bytes=512, banks=1, ports=1)
    )
    return (*chip.machines, small)


@pytest.fixture
def program() -> Program:
    """640 bytes are looked up in a table of 256: 896 bytes, more than 1.5 times 512."""
    return Program(
        name="net",
        rounding=Rounding.HALF_EVEN,
        inputs=("x",),
        outputs=("y",),
        tensors={n: Tensor(name=n, dtype=DType.INT8, shape=(1, 640)) for n in "xy"},
        constants={"table": np.arange(-128, 128).astype(np.int8)},
        operations=(Table(name="t", inputs=("x",), outputs=("y",), table="table"),),
    )


def test_batches_and_other_machines_beside_each_other(
    machines: tuple[Machine, ...], program: Program
) -> None:
    container = compile_model((program,), machines[1], name="net", batches=Batches(sizes=(2, 1)))
    found = machine_study(container, program, machines[1], batch=2, machines=machines)
    assert found.shown is not None
    assert found.shown.batch == 2
    assert [each.batch for each in found.variants] == [1, 2]
    points = {(each.machine.name, each.batch): each for each in found.scaling}
    assert list(points) == [
        ("ax650-npu1", 1), ("ax650-npu1", 2), ("small", 1), ("small", 2), ("ax650-npu2", 1),
        ("ax650-npu2", 2), ("ax650-npu3", 1), ("ax650-npu3", 2),
    ]  # fmt: skip
    # 256 + 640 + 640 bytes at 32 per cycle and core, as long as the DDR's 46.6 allow.
    assert [each.bound for each in points.values()] == [48, 88, 48, 88, 33, 61, 33, 61]
    assert points["ax650-npu2", 2].cycles == found.shown.cycles
    assert points["small", 1].why == "not compiled"
    compiled = [each.cycles for each in points.values() if not each.why]
    assert len(compiled) == 6
    assert all(compiled)


def test_a_machine_that_cannot_have_the_program(
    machines: tuple[Machine, ...], program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    container = compile_model((program,), machines[0], name="net", batches=Batches())

    def refuse(*_: object, **__: object) -> None:
        raise CompileError(Code.LOWERING_FAILED, "No plan fits")

    monkeypatch.setattr(study, "compile_model", refuse)
    found = machine_study(container, program, machines[0], machines=machines[:2])
    assert [(each.why, each.cycles is None) for each in found.scaling] == [
        ("", False), ("does not fit", True),
    ]  # fmt: skip
