"""How many cycles an engine takes: for a product by its shape, and for every instruction.

Bounds, scheduler and cycle model all ask here; docs/cycles.md has the formulas.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import ceil, prod

from toolchain.accelerator.isa.instructions import (
    Blend,
    BlockedConvolve,
    Convolve,
    Copy,
    Extreme,
    Instruction,
    Multiply,
    Pool,
    Reduce,
)
from toolchain.accelerator.isa.operands import Engine, Queue
from toolchain.accelerator.transfers import chip_bytes, ddr_traffic, elements_bytes
from toolchain.core.cost import MatrixShape
from toolchain.core.machine import DepthwiseArray, Machine

_TAPS = 4
"""Weighted elements of a linear resize: two along each of two axes."""


def product_cycles(shape: MatrixShape, bits: int, machine: Machine) -> int:
    """Cycles that one engine takes for products with an operand of `bits` bits.

    Whole steps of the array: of output positions, of the input channels at one position of the
    kernel, of output channels; those of groups one after the other. With one input channel per
    group, of more than one, all groups are channels of the depthwise array.

    Raises:
        KeyError: The convolution engine has no passes for operands so wide.
    """
    depthwise = machine.convolution.depthwise or machine.tensor.depthwise
    if is_depthwise(shape) and depthwise is not None:
        return _depthwise_cycles(shape, bits, depthwise, machine)
    return _array_cycles(shape, bits, machine)


def is_depthwise(shape: MatrixShape) -> bool:
    """True for products with one input channel per group, and more than one group."""
    return shape.count > 1 and shape.depth == shape.window


def busy_cycles(instruction: Instruction, queue: Queue, machine: Machine) -> int:
    """Cycles that an instruction keeps its engine busy, at least 1; a transfer: if it is alone.

    Waiting, latency of the DDR and sharing of its bandwidth come on top.

    Raises:
        KeyError: The machine has no passes for operands so wide, or no such engine.
    """
    match queue.engine:
        case Engine.CONVOLUTION | Engine.TENSOR:
            cycles = _computing(instruction, queue.engine, machine)
        case Engine.TRANSFER:
            cycles = _transferring(instruction, machine)
        case Engine.REARRANGEMENT:
            if machine.rearrangement is None:
                raise KeyError(queue.engine)
            size = elements_bytes(instruction.target)
            cycles = _steps(size, machine.rearrangement.bytes_per_cycle)
    return max(1, cycles)


def engine_counts(machine: Machine) -> dict[Engine, int]:
    """Engines of every kind on one core, 0 where the machine has none."""
    rearrangement = machine.rearrangement
    return {
        Engine.CONVOLUTION: machine.convolution.count,
        Engine.TENSOR: machine.tensor.count,
        Engine.TRANSFER: machine.transfer.count,
        Engine.REARRANGEMENT: 0 if rearrangement is None else rearrangement.count,
    }


def ddr_bytes_per_cycle(machine: Machine, ddr_limit: int | None = None) -> Fraction:
    """Bandwidth of the DDR, or `ddr_limit` (bytes per second) where that is less."""
    peak = machine.ddr.megabytes_per_second * 10**6
    granted = peak if ddr_limit is None else min(peak, ddr_limit)
    return Fraction(granted, machine.clock_mhz * 10**6)


def matrix_shape(instruction: Convolve | BlockedConvolve | Multiply) -> MatrixShape:
    """The matrix products that an instruction amounts to, as those of an operation are counted."""
    if isinstance(instruction, Multiply):
        count, rows, depth = instruction.a.shape
        return MatrixShape(count=count, rows=rows, depth=depth, columns=instruction.target.shape[2])
    samples, height, width, outputs = instruction.target.shape
    _, *kernel, inputs = instruction.weights.shape
    window = prod(kernel)
    return MatrixShape(
        count=instruction.groups,
        rows=samples * height * width,
        depth=inputs * window,
        columns=outputs // instruction.groups,
        window=window,
    )


def _computing(instruction: Instruction, engine: Engine, machine: Machine) -> int:
    if isinstance(instruction, (Convolve, BlockedConvolve, Multiply)):
        return _products(instruction, engine, machine)
    return _steps(_element_steps(instruction), machine.tensor.lanes)


def _products(
    instruction: Convolve | BlockedConvolve | Multiply, engine: Engine, machine: Machine
) -> int:
    """By the array of the engine itself: without a depthwise one, the groups come one by one."""
    shape = matrix_shape(instruction)
    if isinstance(instruction, Multiply):
        operands = (instruction.a, instruction.b)
    else:
        operands = (instruction.source, instruction.weights)
    bits = max(view.itemsize * 8 for view in operands)
    kind = machine.tensor if engine is Engine.TENSOR else machine.convolution
    if is_depthwise(shape) and kind.depthwise is not None:
        return _depthwise_cycles(shape, bits, kind.depthwise, machine)
    if isinstance(instruction, BlockedConvolve):
        # Blocks come one by one, as positions of the kernel do.
        window = shape.window * instruction.factor.shape[3]
        shape = replace(shape, depth=window * instruction.block, window=window)
    return _array_cycles(shape, bits, machine)


def _depthwise_cycles(
    shape: MatrixShape, bits: int, array: DepthwiseArray, machine: Machine
) -> int:
    channels = _steps(shape.count * shape.columns, array.channels)
    positions = _steps(shape.rows, array.pixels)
    return channels * positions * shape.window * machine.convolution.passes[bits]


def _array_cycles(shape: MatrixShape, bits: int, machine: Machine) -> int:
    array = machine.convolution.array
    positions = _steps(shape.rows, array.pixels)
    inputs = shape.window * _steps(shape.depth // shape.window, array.inputs)
    outputs = _steps(shape.columns, array.outputs)
    return shape.count * positions * inputs * outputs * machine.convolution.passes[bits]


def _element_steps(instruction: Instruction) -> int:
    """One per output, per element of a window, or per element that is reduced."""
    steps = instruction.target.elements
    match instruction:
        case Pool():
            steps *= prod(instruction.kernel)
        case Reduce() | Extreme():
            steps = max(steps, instruction.source.elements)
        case Blend():
            steps *= _TAPS
    return steps


def _transferring(instruction: Instruction, machine: Machine) -> int:
    """By the bytes on the side of the DDR, else by those on the chip."""
    width = machine.transfer.bytes_per_cycle
    crossing = ddr_traffic(instruction, machine.transfer).bytes
    if crossing:
        return ceil(crossing / min(Fraction(width), ddr_bytes_per_cycle(machine)))
    if machine.interconnect is not None and _between_cores(instruction):
        width = machine.interconnect.bytes_per_cycle
    return _steps(chip_bytes(instruction, machine.transfer), width)


def _between_cores(instruction: Instruction) -> bool:
    """True for copies from the memory of one core to that of another, or of all."""
    if not isinstance(instruction, Copy):
        return False
    source, target = instruction.source, instruction.target
    return source.space.per_core and target.space.per_core and source.core != target.core


def _steps(extent: int, at_a_time: int) -> int:
    return -(-extent // at_a_time)
