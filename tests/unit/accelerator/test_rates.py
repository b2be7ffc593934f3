"""Every number here was computed by hand from the figures of the fixture `toy`."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tc_target_npu.facts import SPEC as NPU
from toolchain.accelerator.isa.instructions import (
    Blend,
    BlockedConvolve,
    Combine,
    CombineKind,
    Convolve,
    Copy,
    Fill,
    Gather,
    Instruction,
    Lookup,
    Multiply,
    Pool,
    PoolKind,
    Reduce,
    ReduceKind,
)
from toolchain.accelerator.isa.operands import (
    EVERY_CORE,
    Engine,
    Queue,
    Rounding,
    Space,
    ToInteger,
    View,
)
from toolchain.accelerator.rates import busy_cycles, ddr_bytes_per_cycle, product_cycles
from toolchain.core.cost import MatrixShape
from toolchain.core.dtypes import DType
from toolchain.core.machine import DepthwiseArray, Interconnect, Machine


@pytest.mark.parametrize(
    ("shape", "bits", "cycles"),
    [
        # One step of the array: 4 positions, 8 inputs, 16 outputs.
        (MatrixShape(count=1, rows=4, depth=8, columns=16), 8, 1),
        (MatrixShape(count=1, rows=5, depth=9, columns=17), 8, 2 * 2 * 2),
        (MatrixShape(count=1, rows=5, depth=9, columns=17), 16, 3 * 8),
        # 3 x 3 on 3 channels: 9 positions of the kernel, each one step of 8 inputs, not 27 / 8.
        (MatrixShape(count=1, rows=16, depth=27, columns=16, window=9), 8, 4 * 9),
        # Two groups of 12 channels, one after the other.
        (MatrixShape(count=2, rows=8, depth=12, columns=16), 8, 2 * 2 * 2),
        # Depthwise 3 x 3 on 40 channels: 3 steps of 16 channels.
        (MatrixShape(count=40, rows=16, depth=9, columns=1, window=9), 8, 4 * 9 * 3),
        # With two outputs per input: 80 channels.
        (MatrixShape(count=40, rows=16, depth=9, columns=2, window=9), 8, 4 * 9 * 5),
        # One input channel and one group is no depthwise convolution.
        (MatrixShape(count=1, rows=16, depth=9, columns=40, window=9), 8, 4 * 9 * 3),
        # A row is a fourth of the array: fully connected layers.
        (MatrixShape(count=1, rows=1, depth=64, columns=10), 8, 8),
    ],
)
def test_cycles_of_one_array(toy: Machine, shape: MatrixShape, bits: int, cycles: int) -> None:
    assert product_cycles(shape, bits, toy) == cycles


SIZES = st.integers(1, 300)


@given(count=SIZES, rows=SIZES, channels=SIZES, columns=SIZES, window=st.sampled_from((1, 9, 25)))
def test_no_array_does_more_than_its_macs(
    count: int, rows: int, channels: int, columns: int, window: int
) -> None:
    shape = MatrixShape(
        count=count, rows=rows, depth=channels * window, columns=columns, window=window
    )
    machine = NPU.platforms[0].machines[0]
    busy = product_cycles(shape, 8, machine)
    assert busy * machine.convolution.array.macs >= shape.macs
    assert product_cycles(replace(shape, rows=rows + 1), 8, machine) >= busy


CONVOLUTION, TENSOR, TRANSFER, REARRANGEMENT = (Queue(0, engine, 0) for engine in Engine)
FINISH = ToInteger(
    rounding=Rounding.HALF_EVEN, exact=False, guard_bits=0, zero_point=0, low=-128, high=127
)


def view(*shape: int, dtype: DType = DType.INT8, space: Space = Space.MEMORY) -> View:
    """Packed, at the beginning of a memory."""
    strides = [dtype.numpy.itemsize]
    for extent in shape[:0:-1]:
        strides.insert(0, strides[0] * extent)
    return View(space=space, offset=0, dtype=dtype, shape=shape, strides=tuple(strides))


def blocked(source: View, weights: View, target: View) -> BlockedConvolve:
    *kernel, _ = weights.shape
    return BlockedConvolve(
        operation=0, target=target, source=source, weights=weights, weight_zero=None, bias=None,
        factor=view(*kernel, 3), source_zero=0, strides=(1, 1), dilations=(1, 1), pads=(1, 1),
        groups=1, block=4, finish=FINISH,
    )  # fmt: skip


def convolve(source: View, weights: View, target: View, groups: int = 1) -> Convolve:
    return Convolve(
        operation=0, target=target, source=source, weights=weights, weight_zero=None, bias=None,
        factor=view(weights.shape[0], dtype=DType.FLOAT32), source_zero=0, strides=(1, 1),
        dilations=(1, 1), pads=(0, 0), groups=groups, finish=FINISH,
    )  # fmt: skip


def multiply(samples: int, rows: int, depth: int, columns: int) -> Multiply:
    return Multiply(
        operation=0, target=view(samples, rows, columns), a=view(samples, rows, depth),
        b=view(samples, depth, columns), b_zero=None, bias=None, a_zero=0, finish=FINISH,
        factor=view(columns, dtype=DType.FLOAT32),
    )  # fmt: skip


def pool(target: View) -> Pool:
    return Pool(
        operation=0, target=target, source=target, kind=PoolKind.MAX, kernel=(3, 2),
        strides=(1, 1), dilations=(1, 1), pads=(1, 0, 1, 1), count_padding=False, source_zero=0,
        factor=1.0, finish=FINISH,
    )  # fmt: skip


def add(target: View) -> Combine:
    return Combine(
        operation=0, target=target, a=target, b=target, kind=CombineKind.ADD, a_zero=0, b_zero=0,
        a_factor=1.0, b_factor=1.0, finish=FINISH,
    )  # fmt: skip


def reduce(source: View, target: View) -> Reduce:
    return Reduce(
        operation=0, target=target, source=source, kind=ReduceKind.SUM, source_zero=0, factor=1.0,
        finish=FINISH,
    )  # fmt: skip


def blend(source: View, target: View) -> Blend:
    some = view(2, dtype=DType.INT32)
    return Blend(
        operation=0, target=target, source=source, row_low=some, row_high=some, row_weights=some,
        column_low=some, column_high=some, column_weights=some, widths_first=False, source_zero=0,
        factor=1.0, finish=FINISH,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("instruction", "queue", "cycles"),
    [
        # 2 samples of 3 x 3 positions are 5 steps of 4; 9 of the kernel, 2 of 9 inputs, 2 of 17.
        (convolve(view(2, 3, 3, 9), view(17, 3, 3, 9), view(2, 3, 3, 17)), CONVOLUTION, 180),
        # 16 bits of the weights are enough for three passes.
        (
            convolve(view(2, 3, 3, 9), view(17, 3, 3, 9, dtype=DType.INT16), view(2, 3, 3, 17)),
            CONVOLUTION,
            540,
        ),
        # Blocks of 4 inputs: 3 steps of inputs instead of 2.
        (blocked(view(2, 3, 3, 9), view(17, 3, 3, 9), view(2, 3, 3, 17)), CONVOLUTION, 270),
        # Two groups of 8 inputs and 1 output: one step each, of 9 positions of the kernel.
        (convolve(view(1, 2, 2, 16), view(2, 3, 3, 8), view(1, 2, 2, 2), 2), CONVOLUTION, 18),
        # Depthwise, 40 channels on 16: 3 steps of 1 of positions and 9 of the kernel.
        (convolve(view(1, 2, 2, 40), view(40, 3, 3, 1), view(1, 2, 2, 40), 40), CONVOLUTION, 27),
        # 3 products of 5 x 9 by 9 x 17.
        (multiply(3, 5, 9, 17), CONVOLUTION, 24),
        # 11 elements on 5 lanes.
        (add(view(1, 11)), TENSOR, 3),
        # 11 windows of 6 elements: 66 steps.
        (pool(view(1, 1, 1, 11)), TENSOR, 14),
        (reduce(view(4, 6), view(4, 1)), TENSOR, 5),
        # 4 elements of the source for each of 8 outputs.
        (blend(view(1, 2, 2, 1), view(1, 4, 2, 1)), TENSOR, 7),
        (Lookup(operation=0, target=view(6), source=view(6), table=view(256)), TENSOR, 2),
        # The tensor engine counts elements, the one of rearrangement bytes.
        (Fill(operation=0, target=view(6, dtype=DType.INT16), value=0), TENSOR, 2),
        (Fill(operation=0, target=view(6, dtype=DType.INT16), value=0), REARRANGEMENT, 3),
        (
            Gather(operation=0, target=view(9), source=view(30), indices=view(9), axis=0),
            REARRANGEMENT,
            3,
        ),
        # One element still is a cycle.
        (add(view(1)), TENSOR, 1),
    ],
)
def test_instructions(toy: Machine, instruction: Instruction, queue: Queue, cycles: int) -> None:
    assert busy_cycles(instruction, queue, toy) == cycles


def test_depthwise_is_what_the_engine_itself_has(toy: Machine) -> None:
    """The tensor engine has the array: there it is depthwise, elsewhere 40 groups in a row."""
    machine = replace(
        toy,
        convolution=replace(toy.convolution, depthwise=None),
        tensor=replace(toy.tensor, depthwise=DepthwiseArray(pixels=2, channels=16)),
    )
    instruction = convolve(view(1, 2, 2, 40), view(40, 3, 3, 1), view(1, 2, 2, 40), 40)
    assert busy_cycles(instruction, TENSOR, machine) == 2 * 9 * 3
    assert busy_cycles(instruction, CONVOLUTION, machine) == 40 * 9


def box(offset: int, shape: tuple[int, ...], strides: tuple[int, ...], space: Space) -> View:
    return View(space=space, offset=offset, dtype=DType.INT8, shape=shape, strides=strides)


@pytest.mark.parametrize(
    ("offset", "shape", "strides", "cycles"),
    [
        # Bursts of 64 bytes at 2 bytes per cycle. Two whole ones, then two that are touched.
        (0, (128,), (1,), 64),
        (32, (64,), (1,), 64),
        (0, (1,), (1,), 32),
        # Two axes that are one run, in whatever order: 4 bursts.
        (0, (4, 64), (64, 1), 128),
        (0, (64, 4), (1, 64), 128),
        # Four runs of 32 at 0, 128, 256 and 384: a burst each.
        (0, (4, 32), (128, 1), 128),
        # Three runs of 40 at 0, 100, 200; 100 is 36 into a burst, so that 76 are two; 200 is 8.
        (0, (3, 40), (100, 1), 128),
        # The same backwards.
        (200, (3, 40), (-100, 1), 128),
        # Repeated, it is read again: twice two bursts.
        (0, (2, 128), (0, 1), 128),
    ],
)
def test_transfers_take_whole_bursts_of_runs(
    toy: Machine, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], cycles: int
) -> None:
    inside = view(*shape)
    outside = box(offset, shape, strides, Space.INPUT)
    load = Copy(operation=0, target=inside, source=outside)
    assert busy_cycles(load, TRANSFER, toy) == cycles


def test_transfers_alone_are_as_fast_as_engine_and_memory(toy: Machine) -> None:
    store = Copy(operation=0, target=view(96, space=Space.OUTPUT), source=view(96))
    assert busy_cycles(store, TRANSFER, toy) == 128 // 2
    wide = replace(toy, transfer=replace(toy.transfer, bytes_per_cycle=8))
    # 128 bytes at 3 per cycle.
    assert busy_cycles(store, TRANSFER, wide) == 43
    # Within the DDR both directions cross.
    inside = Copy(
        operation=0, target=view(96, space=Space.WORK), source=view(96, space=Space.INPUT)
    )
    assert busy_cycles(inside, TRANSFER, toy) == 256 // 2


def test_the_limit_of_the_bandwidth(toy: Machine) -> None:
    assert ddr_bytes_per_cycle(toy) == 3
    assert ddr_bytes_per_cycle(toy, 50_000_000) == Fraction(1, 2)
    assert ddr_bytes_per_cycle(toy, 10**12) == 3


def test_copies_on_the_chip(toy: Machine) -> None:
    """Pieces of 16 bytes, of the side that has more of them; all cores at once."""
    scattered = box(0, (3, 20), (100, 1), Space.MEMORY)
    # 20 bytes at 0, 100 and 200: 4 and 8 into a piece, two pieces each; packed they are 4.
    gather = Copy(operation=0, target=view(3, 20), source=scattered)
    assert busy_cycles(gather, TRANSFER, toy) == 6 * 16 // 2
    assert busy_cycles(gather, REARRANGEMENT, toy) == 60 // 4
    assert busy_cycles(gather, TENSOR, toy) == 60 // 5
    everywhere = Copy(operation=0, target=replace(view(64), core=EVERY_CORE), source=view(64))
    assert busy_cycles(everywhere, TRANSFER, toy) == 32


def test_copies_between_cores_take_the_way_between_them(toy: Machine) -> None:
    """64 bytes at 2 per cycle of a transfer, at 8 between cores, whatever their number."""
    machine = replace(toy, interconnect=Interconnect(bytes_per_cycle=8))
    within = Copy(operation=0, target=view(64), source=view(64))
    across = replace(within, target=replace(view(64), core=1))
    everywhere = replace(within, target=replace(view(64), core=EVERY_CORE))
    loaded = replace(everywhere, source=view(64, space=Space.INPUT))
    found = [busy_cycles(c, TRANSFER, machine) for c in (within, across, everywhere, loaded)]
    assert found == [32, 8, 8, 32]


def test_widths_and_engines_that_the_machine_has_not(toy: Machine) -> None:
    wide = view(1, 2, 2, 16, dtype=DType.INT32)
    with pytest.raises(KeyError):
        busy_cycles(convolve(wide, view(2, 3, 3, 16), view(1, 2, 2, 2)), CONVOLUTION, toy)
    with pytest.raises(KeyError):
        busy_cycles(add(view(1)), REARRANGEMENT, replace(toy, rearrangement=None))
