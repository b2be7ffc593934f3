"""Machines with memories so small that every way through the compiler is taken, bit for bit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod

import numpy as np
import pytest

from toolchain.accelerator.bounds import program_bound
from toolchain.accelerator.compile.image import ConstantImage
from toolchain.accelerator.compile.segment import compile_segment
from toolchain.accelerator.container.records import MachineSegment
from toolchain.accelerator.cycles.model import timeline
from toolchain.accelerator.isa.instructions import Copy
from toolchain.accelerator.isa.operands import EVERY_CORE, Engine, Space
from toolchain.accelerator.simulator.verify import verify
from toolchain.core.dtypes import DType
from toolchain.core.machine import Machine
from toolchain.core.quant import Rounding
from toolchain.errors import CompileError
from toolchain.program.interpreter import Interpreter
from toolchain.program.records import MatMul, Program, Requantize, Tensor
from toolchain.testing.machines import run_on_machine


def compiled(program: Program, machine: Machine) -> MachineSegment:
    """Code that can be executed, computes what the interpreter does, and is not too good."""
    segment = compile_segment(program, machine, ConstantImage())
    verify(segment.code, machine)
    assert timeline(segment.code, machine).cycles >= program_bound(program, machine).cycles
    chance = np.random.default_rng(7)
    shape = program.tensors["x"].shape
    feeds = {"x": chance.integers(-128, 128, shape).astype(np.int8)}
    expected = Interpreter(program).run(feeds, observe=list(program.tensors))
    found = run_on_machine(program, feeds, machine)
    assert set(found) == set(program.tensors) - {"x"}
    for name, values in found.items():
        np.testing.assert_array_equal(values, expected[name], err_msg=name)
        assert values.std() > 10, "nothing to be seen in constant results"
    return segment


@dataclass(frozen=True)
class Seen:
    """What can be seen of code from outside."""

    segment: MachineSegment
    cores: int

    @property
    def copies(self) -> list[Copy]:
        queues = self.segment.code.queues.values()
        return [each for queue in queues for each in queue if isinstance(each, Copy)]

    def loaded(self, space: Space) -> int:
        """Bytes from a region of the DDR, once for every memory that they arrive in."""
        return sum(
            prod(each.target.shape) * (self.cores if each.target.core == EVERY_CORE else 1)
            for each in self.copies
            if each.source.space is space
        )

    @property
    def exchanged(self) -> bool:
        """True if anything goes from core to core."""
        return any(
            each.source.space.on_chip
            and each.target.space.on_chip
            and each.source.core != each.target.core
            for each in self.copies
        )

    def parts(self, tensor: str, axis: int) -> int:
        """Into how many parts a tensor is cut along an axis."""
        probes = self.segment.code.probes
        return len({probe.starts[axis] for probe in probes if probe.tensor == tensor})


THREE = ((1, 8, 16, 16), (8, 3), (8, 3), (8, 3))
"""2048 bytes in and out of each; 3 * (8 * 72 + 64) bytes of parameters."""


@pytest.mark.parametrize("memory", [65536, 8192, 5120])
def test_with_room_every_byte_crosses_the_ddr_once(
    memory: int, chain: Callable[..., Program], sized: Callable[..., Machine]
) -> None:
    machine = sized(memory)
    seen = Seen(compiled(chain(*THREE), machine), 1)
    assert Space.WORK not in seen.segment.code.sizes
    assert seen.loaded(Space.INPUT) == 2048
    assert seen.loaded(Space.CONSTANTS) == 3 * 640


def test_tiles(chain: Callable[..., Program], sized: Callable[..., Machine]) -> None:
    seen = Seen(compiled(chain(*THREE), sized(3072)), 1)
    # Edges of tiles are read twice.
    assert seen.loaded(Space.INPUT) > 2048
    assert seen.segment.code.sizes[Space.WORK] % 2048 == 0
    assert seen.loaded(Space.WORK) > 0
    assert seen.loaded(Space.CONSTANTS) == 3 * 640, "parameters of groups are loaded once"


def test_parameters_in_passes(chain: Callable[..., Program], sized: Callable[..., Machine]) -> None:
    # 64 * 144 and 64 * 64 bytes of weights, of which 4096 bytes hold less than a half.
    program = chain((1, 16, 4, 4), (64, 3), (64, 1))
    seen = Seen(compiled(program, sized(4096)), 1)
    assert seen.loaded(Space.CONSTANTS) == 64 * (144 + 64 + 8 + 8)
    assert seen.parts("t0", 1) >= 4


def test_parameters_again_for_every_tile(
    chain: Callable[..., Program], sized: Callable[..., Machine]
) -> None:
    program = chain((1, 8, 12, 12), (32, 3), (32, 3, 1, True), (8, 1))
    seen = Seen(compiled(program, sized(3072, 512)), 1)
    # The weights of conv0 alone are 2304 bytes; neither they nor its 4608 bytes fit.
    assert seen.loaded(Space.CONSTANTS) > 2 * 2304
    assert seen.parts("t0", 1) > 1
    assert seen.parts("t0", 2) > 1
    assert seen.segment.code.sizes[Space.WORK] >= 4608
    assert seen.segment.code.sizes[Space.WEIGHTS] <= 512


def test_samples(chain: Callable[..., Program], sized: Callable[..., Machine]) -> None:
    seen = Seen(compiled(chain((6, 16, 4, 4), (16, 3), (16, 1)), sized(4096, 4096)), 1)
    assert seen.parts("t0", 0) == 6
    assert Space.WORK not in seen.segment.code.sizes


@pytest.mark.parametrize(("memory", "weights"), [(8192, None), (4096, 2048)])
@pytest.mark.parametrize("cores", [2, 3])
def test_cores_with_a_way_between(
    cores: int,
    memory: int,
    weights: int | None,
    chain: Callable[..., Program],
    sized: Callable[..., Machine],
) -> None:
    program = chain((1, 8, 18, 16), (24, 3), (24, 3, 1, True), (8, 1), (8, 3, 2))
    seen = Seen(compiled(program, sized(memory, weights, cores=cores, link=8)), cores)
    assert {queue.core for queue in seen.segment.code.queues} == set(range(cores))


def test_cores_exchange_rows(chain: Callable[..., Program], sized: Callable[..., Machine]) -> None:
    # Six results in a row cannot be cut into rows without their edges any more.
    program = chain((1, 16, 8, 16), *[(16, 3)] * 6)
    machine = sized(65536, cores=2, link=64)
    assert Seen(compiled(program, machine), 2).exchanged


def test_cores_without_a_way_between(
    chain: Callable[..., Program], sized: Callable[..., Machine]
) -> None:
    program = chain((4, 8, 8, 8), (16, 3), (16, 3, 2))
    seen = Seen(compiled(program, sized(8192, cores=2)), 2)
    assert not seen.exchanged
    assert all(each.target.core != EVERY_CORE for each in seen.copies)
    assert {queue.core for queue in seen.segment.code.queues} == {0, 1}


@pytest.mark.parametrize(("memory", "weights"), [(65536, None), (2048, 1024), (1536, None)])
def test_products(memory: int, weights: int | None, sized: Callable[..., Machine]) -> None:
    chance = np.random.default_rng(3)
    program = Program(
        name="product",
        rounding=Rounding.HALF_AWAY,
        inputs=("x",),
        outputs=("y",),
        tensors={
            "x": Tensor(name="x", dtype=DType.INT8, shape=(5, 24)),
            "y": Tensor(name="y", dtype=DType.INT8, shape=(5, 100)),
        },
        constants={
            "w": chance.integers(-127, 128, (24, 100)).astype(np.int8),
            "f": np.float32(0.003) * np.ones((), np.float32),
        },
        operations=(
            MatMul(
                name="fc", inputs=("x",), outputs=("y",), b="w", a_zero_point=-7,
                b_zero_point=None, bias=None,
                finish=Requantize(factor="f", zero_point=2, low=-100, high=127),
            ),
        ),
    )  # fmt: skip
    segment = compiled(program, sized(memory, weights))
    seen = Seen(segment, 1)
    assert seen.loaded(Space.CONSTANTS) == 100 * (24 + 4)
    assert (seen.parts("y", 1) > 1) == (memory < 65536)


def test_parts_keep_all_engines_busy(
    chain: Callable[..., Program], sized: Callable[..., Machine]
) -> None:
    segment = compiled(chain((1, 8, 16, 16), (16, 3)), sized(65536))
    engines = {queue.index for queue in segment.code.queues if queue.engine is Engine.CONVOLUTION}
    assert engines == {0, 1}


@pytest.mark.parametrize(("memory", "weights"), [(1024, None), (512, 65536), (65536, 64)])
def test_what_fits_in_no_tile(
    memory: int, weights: int | None, chain: Callable[..., Program], sized: Callable[..., Machine]
) -> None:
    with pytest.raises(CompileError) as caught:
        compile_segment(chain(*THREE), sized(memory, weights), ConstantImage())
    (problem,) = caught.value.problems
    assert problem.where is not None
    assert problem.where.startswith("conv")
    assert problem.allowed is not None
    assert "toy-2" in problem.allowed
