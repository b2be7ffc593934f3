"""A program of two operations on a small machine, timed by hand: 128 + 8 + 4 + 128 cycles."""

from __future__ import annotations

from dataclasses import replace

import pytest

from toolchain.accelerator.container.records import HostSegment, MachineSegment, Variant
from toolchain.accelerator.cycles.model import timeline
from toolchain.accelerator.cycles.records import Timeline
from toolchain.accelerator.cycles.summary import summarise
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
from toolchain.core.quant import Rounding as ProgramRounding
from toolchain.program.records import Program, Quantize, Tensor
from toolchain.render.machine.records import MachineStudy, Point

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


def host() -> HostSegment:
    """The image is turned into integers."""
    program = Program(
        name="host",
        rounding=ProgramRounding.HALF_EVEN,
        inputs=("image",),
        outputs=("x",),
        tensors={
            "image": Tensor(name="image", dtype=DType.FLOAT32, shape=(16, 16)),
            "x": Tensor(name="x", dtype=DType.INT8, shape=(16, 16)),
        },
        constants={},
        operations=(
            Quantize(
                name="q<1>", inputs=("image",), outputs=("x",),
            ),
        ),
    )  # fmt: skip
    return HostSegment(program=program, reasons={"q<1>": "turns floats & more"})


def study_of(run: tuple[Code, Timeline], name: str = "net <b>") -> MachineStudy:
    """One part for the CPU, one for the machine; batches 1 and 4, and twice the machine."""
    code, found = run
    one = summarise([found], batch=1)
    four = replace(one, batch=4)
    machine = found.machine
    return MachineStudy(
        name=name,
        machine=machine,
        variant=Variant(
            group=0,
            batch=1,
            inputs=("image",),
            outputs=("y",),
            segments=(host(), MachineSegment(code=code, inputs=(), outputs=())),
        ),
        segments=(run,),
        shown=one,
        variants=(one, four),
        constants=100,
        groups=1,
        scaling=(
            Point(machine=machine, batch=1, cycles=268, bound=134),
            Point(machine=machine, batch=4, cycles=536, bound=402),
            Point(
                machine=replace(machine, name="twice", cores=2),
                batch=1,
                bound=9,
                why="does not fit",
            ),
        ),
    )


@pytest.fixture
def study(run: tuple[Code, Timeline]) -> MachineStudy:
    return study_of(run)


@pytest.fixture
def long_study(small: Machine) -> MachineStudy:
    """3000 instructions, each an operation of its own."""
    copies = tuple(
        Copy(
            operation=2 * number,
            waits=(Wait(T0, number),) if number else (),
            target=view(64 * (number % 8), 16),
            source=view(0, 16, space=Space.INPUT),
        )
        for number in range(1500)
    )
    fills = tuple(
        Fill(
            operation=2 * number + 1,
            waits=(Wait(D0, number + 1),),
            target=view(512 + 64 * (number % 8), 16),
            value=0,
        )
        for number in range(1500)
    )
    code = Code(
        machine="small-1",
        operations=tuple(f"/a/rather/long/path/of/layer/{number}/Conv" for number in range(3000)),
        queues={D0: copies, T0: fills},
        sizes={Space.MEMORY: 1024},
    )
    return study_of((code, timeline(code, small)), "long")
