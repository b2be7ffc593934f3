"""Code of one instruction with its transfers, and an oracle of finishes in exact fractions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor, prod
from typing import Any

import numpy as np
import pytest

from toolchain.accelerator.isa.code import Code
from toolchain.accelerator.isa.instructions import ENGINES, Copy, Instruction
from toolchain.accelerator.isa.operands import (
    Engine,
    Finish,
    Queue,
    Rounding,
    Space,
    ToFloat,
    ToInteger,
    View,
    Wait,
)
from toolchain.accelerator.simulator.execute import Simulator
from toolchain.core.dtypes import Array, DType
from toolchain.core.machine import Machine

TRANSFER = Queue(0, Engine.TRANSFER, 0)


def dense(space: Space, offset: int, dtype: DType, shape: tuple[int, ...], core: int = 0) -> View:
    """A view of neighbouring elements, the last axis fastest."""
    steps = [dtype.numpy.itemsize * prod(shape[axis + 1 :]) for axis in range(len(shape))]
    return View(
        space=space, core=core, offset=offset, dtype=dtype, shape=shape, strides=tuple(steps)
    )


@dataclass
class Bench:
    """Executes one instruction: operands from constants to the chip, the target to the output."""

    machine: Machine
    constants: bytearray = field(default_factory=bytearray)
    loads: list[Instruction] = field(default_factory=list)

    def put(self, array: Array) -> View:
        """Where an operand lies on the chip, behind a transfer."""
        self.constants.extend(bytes(-len(self.constants) % 8))
        at, dtype = len(self.constants), DType(str(array.dtype))
        self.constants.extend(array.tobytes())
        target = dense(Space.MEMORY, at, dtype, array.shape)
        source = dense(Space.CONSTANTS, at, dtype, array.shape)
        self.loads.append(Copy(operation=0, target=target, source=source))
        return target

    def __call__(
        self, kind: type[Instruction], dtype: DType, shape: tuple[int, ...], /, **fields: Any
    ) -> Array:
        """The result of an instruction; arrays among its fields become views."""
        views = {k: self.put(v) if isinstance(v, np.ndarray) else v for k, v in fields.items()}
        target = dense(Space.MEMORY, len(self.constants) + 7 & ~7, dtype, shape)
        on_array = Engine.CONVOLUTION in ENGINES[kind]
        queue = Queue(0, Engine.CONVOLUTION if on_array else Engine.TENSOR, 0)
        loads = tuple(self.loads)
        waits = (Wait(TRANSFER, len(loads)),) if loads else ()
        step = kind(operation=0, waits=waits, target=target, **views)
        output = dense(Space.OUTPUT, 0, dtype, shape)
        store = Copy(operation=0, waits=(Wait(queue, 1),), target=output, source=target)
        size = target.elements * target.itemsize
        code = Code(
            machine=self.machine.name,
            operations=("it",),
            queues={queue: (step,), TRANSFER: (*loads, store)},
            sizes={
                Space.CONSTANTS: len(self.constants),
                Space.MEMORY: target.offset + size,
                Space.OUTPUT: size,
            },
        )
        constants = bytes(self.constants)
        self.constants, self.loads = bytearray(), []
        result = Simulator(code, self.machine, constants).run(b"")
        return result.view(dtype.numpy).reshape(shape)


@pytest.fixture
def bench(toy: Machine) -> Bench:
    return Bench(toy)


def nearest(value: Fraction, rounding: Rounding) -> int:
    """The nearest integer, by the definition."""
    if rounding is Rounding.HALF_EVEN:
        return round(value)
    if rounding is Rounding.HALF_UP or value >= 0:
        return floor(value + Fraction(1, 2))
    return ceil(value - Fraction(1, 2))


def finished(acc: int, factor: float, how: Finish) -> float:
    """One result, of Python's integers and fractions."""
    single = np.float32(factor)
    if isinstance(how, ToFloat):
        return float(min(max(np.float32(acc) * single, np.float32(how.low)), np.float32(how.high)))
    real = Fraction(acc) * Fraction(float(single))
    if not how.exact:
        real = Fraction(float(np.float32(acc) * single))
    return min(max(nearest(real, how.rounding) + how.zero_point, how.low), how.high)


@pytest.fixture
def oracle() -> Callable[[int, float, Finish], float]:
    return finished


@pytest.fixture
def to_int8() -> ToInteger:
    return ToInteger(
        rounding=Rounding.HALF_EVEN, exact=False, guard_bits=0, zero_point=0, low=-128, high=127
    )
