"""Random tasks on buffers of bytes, and what a machine without a program costs."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest

from toolchain.accelerator.compile.costs import Costs
from toolchain.accelerator.compile.rules.base import Facts
from toolchain.accelerator.compile.tasks import (
    Access,
    Assignment,
    Buffer,
    Outside,
    Place,
    Task,
    Transfer,
)
from toolchain.accelerator.isa.operands import EVERY_CORE, Engine, Space
from toolchain.core.dtypes import Array, DType
from toolchain.core.machine import Interconnect, Machine, OnChipMemory
from toolchain.core.quant import Rounding
from toolchain.program.records import Conv, Program, Requantize, Tensor

IMAGE = Place(space=Space.CONSTANTS, offset=0, dtype=DType.UINT8, shape=(4096,), order=(0,))
CORES = (0, 1)


@pytest.fixture
def costs(toy: Machine) -> Costs:
    """Of the toy machine, for tasks that belong to no program."""
    program = Program(
        name="p",
        rounding=Rounding.HALF_EVEN,
        inputs=(),
        outputs=(),
        tensors={},
        constants={},
        operations=(),
    )
    facts = Facts(program=program, depthwise=Engine.CONVOLUTION, moving=Engine.REARRANGEMENT)
    return Costs(facts=facts, machine=replace(toy, sync_cycles=3), orders={})


@pytest.fixture
def bytes_of() -> Callable[..., Buffer]:
    """A buffer of bytes in the memories of two cores."""

    def make(name: str, size: int, *, loaded: bool = False, space: Space = Space.MEMORY) -> Buffer:
        return Buffer(
            name=name,
            size=size,
            space=space,
            boxes=dict.fromkeys(CORES, ((0, size),)),
            dtype=DType.UINT8,
            order=(0,),
            loaded=loaded,
        )

    return make


@pytest.fixture
def random_tasks(bytes_of: Callable[..., Buffer]) -> Callable[[int], Assignment]:
    """Loads, stores, and copies on the chip; what is loaded is loaded in parts, before its use."""
    return lambda seed: _Maker(random.Random(seed), bytes_of).make()  # noqa: S311


class _Maker:
    def __init__(self, chance: random.Random, bytes_of: Callable[..., Buffer]) -> None:
        self.chance, self.bytes_of = chance, bytes_of
        self.tasks: list[Task] = []
        self.buffers: list[Buffer] = []
        self.written: dict[Buffer, list[Access]] = {}
        self.stored = replace(IMAGE, space=Space.WORK, shape=(512,))

    def make(self) -> Assignment:
        self.load()
        for _ in range(40):
            self.chance.choice((self.load, self.copy, self.copy, self.copy, self.store))()
        return Assignment(tasks=tuple(self.tasks), buffers=tuple(self.buffers))

    def new(self, *, loaded: bool = False, space: Space = Space.MEMORY) -> Buffer:
        size = self.chance.randint(1, 300)
        name = f"b{len(self.buffers)}"
        self.buffers.append(self.bytes_of(name, size, loaded=loaded, space=space))
        return self.buffers[-1]

    def load(self) -> None:
        buffer = self.new(loaded=True, space=self.chance.choice((Space.MEMORY, Space.WEIGHTS)))
        edge = self.chance.randint(0, buffer.size - 1)
        for core in self.chance.choice(((EVERY_CORE,), CORES)):
            for a, b in ((0, edge), (edge, buffer.size)):
                if a < b:
                    source = Outside(IMAGE, ((a, b),))
                    self.add(source, Access(buffer, core, ((a, b),)), Engine.TRANSFER)

    def copy(self) -> None:
        source = self.read(self.chance.choice(self.buffers[-4:]))
        self.add(source, self.made(), self.chance.choice((Engine.TENSOR, Engine.CONVOLUTION)))

    def store(self) -> None:
        a, b = sorted(self.chance.sample(range(513), 2))
        outside = Outside(self.stored, ((a, b),))
        if self.chance.random() < 0.7:
            self.add(self.read(self.buffers[-1]), outside, Engine.TRANSFER)
        else:
            self.add(outside, self.made(), Engine.TRANSFER)

    def made(self) -> Access:
        """A part of something that is made on the chip."""
        known = [b for b in self.buffers[-3:] if not b.loaded]
        buffer = self.chance.choice(known) if known and self.chance.random() < 0.5 else self.new()
        a, b = sorted(self.chance.sample(range(buffer.size + 1), 2))
        return Access(buffer, self.chance.choice(CORES), ((a, b),))

    def read(self, buffer: Buffer) -> Access:
        """A part of what has been written: nothing else can be read."""
        at = self.chance.choice(self.written[buffer])
        ((start, stop),) = at.box
        a, b = sorted(self.chance.sample(range(start, stop + 1), 2))
        return Access(buffer, self.chance.choice(at.cores), ((a, b),))

    def add(self, source: Access | Outside, target: Access | Outside, engine: Engine) -> None:
        if isinstance(target, Access):
            self.written.setdefault(target.buffer, []).append(target)
        task = Task(
            action=Transfer(source, target),
            step=0,
            engine=engine,
            core=self.chance.choice(CORES),
            position=len(self.tasks),
            cycles=self.chance.randint(1, 20),
        )
        self.tasks.append(task)


@dataclass(frozen=True)
class Layer:
    """A convolution: output channels, kernel, stride, groups; of no kernel, a matrix product."""

    channels: int
    kernel: int = 1
    stride: int = 1
    depthwise: bool = False


def chain(shape: tuple[int, ...], *layers: Layer, seed: int = 0) -> Program:
    """Convolutions in a row, `x` to `t0` and so on, with random constants."""
    chance = np.random.default_rng(seed)
    tensors = {"x": Tensor(name="x", dtype=DType.INT8, shape=shape)}
    constants: dict[str, Array] = {}
    operations = []
    source = "x"
    for number, layer in enumerate(layers):
        target = f"t{number}"
        samples, depth, *extents = tensors[source].shape
        pad = layer.kernel // 2
        extents = [(n + 2 * pad - layer.kernel) // layer.stride + 1 for n in extents]
        tensors[target] = Tensor(
            name=target, dtype=DType.INT8, shape=(samples, layer.channels, *extents)
        )
        inner = 1 if layer.depthwise else depth
        kernel = (layer.channels, inner, layer.kernel, layer.kernel)
        constants[f"w{number}"] = chance.integers(-127, 128, kernel).astype(np.int8)
        constants[f"b{number}"] = chance.integers(-500, 500, layer.channels).astype(np.int32)
        factors = chance.uniform(0.5, 1.5, layer.channels) / (40 * layer.kernel * inner**0.5)
        constants[f"f{number}"] = factors.astype(np.float32)
        operations.append(
            Conv(
                name=f"conv{number}",
                inputs=(source,),
                outputs=(target,),
                weight=f"w{number}",
                weight_zero_point=None,
                bias=f"b{number}",
                x_zero_point=3,
                strides=(layer.stride,) * 2,
                pads=(pad,) * 4,
                dilations=(1, 1),
                groups=layer.channels if layer.depthwise else 1,
                finish=Requantize(factor=f"f{number}", zero_point=-4, low=-128, high=127),
            )
        )
        source = target
    return Program(
        name="chain",
        rounding=Rounding.HALF_EVEN,
        inputs=("x",),
        outputs=(source,),
        tensors=tensors,
        constants=constants,
        operations=tuple(operations),
    )


@pytest.fixture(name="chain")
def chain_of() -> Callable[..., Program]:
    """See `chain`, whose layers are tuples here."""
    return lambda shape, *layers: chain(shape, *(Layer(*layer) for layer in layers))


@pytest.fixture
def sized(toy: Machine) -> Callable[..., Machine]:
    """The toy machine with other memories and cores."""

    def make(
        memory: int, weights: int | None = None, *, cores: int = 1, link: int | None = None
    ) -> Machine:
        return replace(
            toy,
            cores=cores,
            memory=OnChipMemory(bytes=memory, banks=1, ports=1),
            weight_buffer=None
            if weights is None
            else OnChipMemory(bytes=weights, banks=1, ports=1),
            interconnect=None if link is None else Interconnect(bytes_per_cycle=link),
            ddr=replace(toy.ddr, latency_cycles=20),
            sync_cycles=4,
        )

    return make
