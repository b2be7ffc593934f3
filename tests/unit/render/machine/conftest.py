"""A program of two operations on a small machine, timed by hand: 128 + 8 + 4 + 128 cycles."""

from __future__ import annotations

import pytest

from toolchain.accelerator.cycles.model import timeline
from toolchain.accelerator.cycles.records import Timeline
from toolchain.accelerator.isa.code import Code
from toolchain.accelerator.isa.instructions import Copy, Fill, Multiply
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
from toolchain.core.machine import (
    ConvolutionEngine,
    Ddr,
    DepthwiseArray,
    MacArray,
    Machine,
    OnChipMemory,
    TensorEngine,
    TransferEngine,
)

C0, T0, D0 = (Queue(0, e, 0) for e in (Engine.CONVOLUTION, Engine.TENSOR, Engine.TRANSFER))


@pytest.fixture
def small() -> Machine:
    return Machine(
        name="small-1",
        summary="a small one",
        cores=1,
        clock_mhz=100,
        convolution=ConvolutionEngine(
            count=1,
            array=MacArray(pixels=4, inputs=8, outputs=16),
            passes={8: 1},
            depthwise=DepthwiseArray(pixels=4, channels=16),
        ),
        tensor=TensorEngine(count=1, lanes=4),
        transfer=TransferEngine(count=1, bytes_per_cycle=2, burst_bytes=64, alignment=16),
        memory=OnChipMemory(bytes=1024, banks=4, ports=1),
        ddr=Ddr(megabytes_per_second=400, latency_cycles=0),
        sync_cycles=0,
    )


def view(offset: int, *shape: int, space: Space = Space.MEMORY) -> View:
    strides = [1]
    for extent in shape[:0:-1]:
        strides.insert(0, strides[0] * extent)
    return View(space=space, offset=offset, dtype=DType.INT8, shape=shape, strides=tuple(strides))


@pytest.fixture
def run(small: Machine) -> tuple[Code, Timeline]:
    finish = ToInteger(
        rounding=Rounding.HALF_EVEN, exact=False, guard_bits=0, zero_point=0, low=-128, high=127
    )
    product = Multiply(
        operation=0, waits=(Wait(D0, 1),), target=view(512, 1, 16, 16), a=view(0, 1, 16, 16),
        b=view(0, 1, 16, 16), b_zero=None, bias=None, factor=view(0, 16), a_zero=0, finish=finish,
    )  # fmt: skip
    code = Code(
        machine="small-1",
        operations=("<mul>", "fill"),
        queues={
            D0: (
                Copy(operation=0, target=view(0, 256), source=view(0, 256, space=Space.INPUT)),
                Copy(
                    operation=1, waits=(Wait(T0, 1),), target=view(0, 256, space=Space.OUTPUT),
                    source=view(512, 256),
                ),
            ),
            C0: (product,),
            T0: (Fill(operation=1, waits=(Wait(C0, 1),), target=view(0, 16), value=0),),
        },
        sizes={Space.MEMORY: 1024},
    )  # fmt: skip
    return code, timeline(code, small)
