"""Every number here was computed by hand from the figures of the fixture `toy`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from toolchain.accelerator.bounds import Engine
from toolchain.accelerator.estimate import HostPart, MachineEstimate, estimate_machine
from toolchain.core.dtypes import DType
from toolchain.core.machine import Ddr, Machine, OnChipMemory
from toolchain.core.quant import Rounding
from toolchain.program.records import (
    Binary,
    BinaryKind,
    Conv,
    FloatOp,
    Program,
    Quantize,
    Requantize,
    Tensor,
)


def tensor(name: str, *shape: int, dtype: DType = DType.INT8) -> Tensor:
    return Tensor(name=name, dtype=dtype, shape=shape)


QUANTIZE = Quantize(name="q", inputs=("image",), outputs=("x",), rounding=Rounding.HALF_EVEN)
CONV = Conv(
    name="conv", inputs=("x",), outputs=("c",), weight="w", weight_zero_point=None, bias=None,
    strides=(1, 1), pads=(1, 1, 1, 1), dilations=(1, 1), groups=1, x_zero_point=0,
    finish=Requantize(factor="f", zero_point=0, low=-128, high=127),
)  # fmt: skip
ADD = Binary(
    name="add", inputs=("c", "c"), outputs=("y",), kind=BinaryKind.ADD,
    a_zero_point=0, b_zero_point=0, a_factor=1.0, b_factor=1.0, zero_point=0, low=-128, high=127,
)  # fmt: skip
ISLAND = FloatOp(
    name="odd", inputs=("image",), outputs=("z",), op_type="CumSum", attributes={}, constants={}
)
PROGRAM = Program(
    name="p",
    rounding=Rounding.HALF_EVEN,
    inputs=("image",),
    outputs=("y", "z"),
    tensors={
        each.name: each
        for each in (
            tensor("image", 1, 8, 4, 4, dtype=DType.FLOAT32),
            tensor("x", 1, 8, 4, 4),
            tensor("c", 1, 16, 4, 4),
            tensor("y", 1, 16, 4, 4),
            tensor("z", 1, 8, 4, 4, dtype=DType.FLOAT32),
        )
    },
    constants={"w": np.zeros((16, 8, 3, 3), np.int8), "f": np.ones((), np.float32)},
    operations=(QUANTIZE, CONV, ADD, ISLAND),
)
"""8 channels of 4 x 4 to 16 by 3 x 3, which are added to themselves; a float operation beside."""


@pytest.fixture
def slow(toy: Machine) -> Machine:
    """The toy with times to wait: 20 cycles to the first byte, 5 from engine to engine."""
    return replace(toy, sync_cycles=5, ddr=Ddr(megabytes_per_second=300, latency_cycles=20))


def estimated(machine: Machine, *, operators: bool = True) -> MachineEstimate:
    reasons = {"odd": "nobody runs it on integers"}
    return estimate_machine(PROGRAM, machine, platform="chip", reasons=reasons, operators=operators)


def test_a_program(slow: Machine) -> None:
    found = estimated(slow)
    assert found.macs == 16 * 16 * 8 * 9
    assert (found.operations, found.platform) == (2, "chip")
    # x 128, w 1152 and f 4 for the convolution, y 256 for the addition; c stays on the chip.
    assert [each.transfer_bytes for each in found.operators] == [0, 128 + 1152 + 4, 256, 0]
    assert found.transfer_bytes == 1540
    # Arrays: 4 x 9 x 1 x 1 steps on 4 of them. Lanes: 256 steps, 52 by fives, on 6 engines.
    assert [each.compute_cycles for each in found.operators] == [0, 9, 9, 0]
    assert (found.compute_cycles, found.transfer_cycles) == (9, 514)
    assert found.bound_cycles == 514
    # 3 bytes in a cycle: 428 and 86 cycles, each with a wait for the DDR and for its turn.
    assert [each.cycles for each in found.operators] == [0, 428 + 25, 86 + 25, 0]
    assert found.cycles == 564
    assert found.latency_us == pytest.approx(5.64)
    assert found.frames_per_second == pytest.approx(1e8 / 564)
    assert found.most_frames_per_second == pytest.approx(1e8 / 514)


def test_what_the_cpu_does_and_why(slow: Machine) -> None:
    between = "between float and integers, as at inputs and outputs"
    found = estimated(slow)
    assert found.host == (
        HostPart(kind="Quantize", operations=1, macs=0, reason=between),
        HostPart(kind="float CumSum", operations=1, macs=0, reason="nobody runs it on integers"),
    )
    assert [each.engine for each in found.operators if each.cycles == 0] == [Engine.HOST] * 2


def test_an_operand_that_is_too_wide(slow: Machine) -> None:
    narrow = replace(slow, convolution=replace(slow.convolution, passes={4: 1}))
    wide = HostPart(
        kind="Conv",
        operations=1,
        macs=16 * 16 * 8 * 9,
        reason="an operand is wider than the convolution engine takes",
    )
    found = estimated(narrow)
    assert wide in found.host
    assert found.macs == 0


def test_what_does_not_fit_on_the_chip_crosses_the_ddr(slow: Machine) -> None:
    # Two cores with 200 bytes each: 128 + 256 of the convolution fit, 256 + 256 do not.
    memory = OnChipMemory(bytes=200, banks=4, ports=1)
    small = replace(slow, memory=memory, shared_memory=None)
    assert [each.cycles for each in estimated(small).operators] == [0, 428 + 25, 171 + 25, 0]
    shared = OnChipMemory(bytes=112, banks=4, ports=1)
    assert estimated(replace(small, shared_memory=shared)).cycles == 564
    # With less neither fits: c is written and read, too.
    tiny = replace(small, memory=replace(memory, bytes=100))
    assert estimated(tiny).operators[1].cycles == 514 + 25


def test_operators_only_where_asked(toy: Machine) -> None:
    assert estimated(toy, operators=False).operators == ()


def test_a_machine_with_nothing_to_do(toy: Machine) -> None:
    idle = replace(PROGRAM, operations=(ISLAND,), outputs=("z",))
    found = estimate_machine(idle, toy, platform="chip", reasons={})
    assert (found.cycles, found.frames_per_second, found.most_frames_per_second) == (0, 0.0, 0.0)
    assert found.host[0].reason == "what it reads or writes is float"
