"""Counts what the operations of a program read, write and compute, and asks a cost model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from toolchain.core.cost import CostReport, OperationCost, ProgramEstimate
from toolchain.core.dtypes import DType
from toolchain.program.products import products_of
from toolchain.program.records import (
    ArgExtreme,
    Binary,
    BlockedConv,
    BlockedMatMul,
    FloatOp,
    Interpolate,
    Move,
    MoveKind,
    Operation,
    Pool,
    Program,
    Reduce,
    Resize,
)
from toolchain.program.validation import constant_names

if TYPE_CHECKING:
    from toolchain.core.registry import CostModelDef

_PARTLY_READ = frozenset({MoveKind.SLICE, MoveKind.SPLIT, MoveKind.GATHER})
"""Movements that need not look at all of their input."""

_FLOAT_MOVES = frozenset(
    "Reshape Flatten Squeeze Unsqueeze Identity Transpose Slice Split Concat Pad Gather Expand "
    "Tile DepthToSpace SpaceToDepth".split()
)
"""Float operators that only move elements."""


def cost_report(
    program: Program,
    *,
    arena_bytes: int | None = None,
    bound_bytes: int | None = None,
    model: CostModelDef | None = None,
    cores: Sequence[int] = (1,),
) -> CostReport:
    """What `program` costs; with a model, also how long it might take on each number of `cores`.

    Args:
        program: A valid program.
        arena_bytes: Arena of the C that was generated of it, if any was.
        bound_bytes: Lower bound of the arena.
        model: Who estimates.
        cores: Numbers of cores to estimate for.
    """
    operations = program_costs(program)
    return CostReport(
        operations=operations,
        macs=sum(each.macs for each in operations),
        weight_bytes=sum(array.nbytes for array in program.constants.values()),
        input_bytes=sum(each.input_bytes for each in operations),
        output_bytes=sum(each.output_bytes for each in operations),
        arena_bytes=arena_bytes,
        bound_bytes=bound_bytes,
        model=None if model is None else f"{model.name}: {model.summary}",
        estimates=() if model is None else tuple(_estimate(operations, model, n) for n in cores),
        sources=() if model is None else model.sources,
        notes=() if model is None else model.notes,
    )


def program_costs(program: Program) -> tuple[OperationCost, ...]:
    """The cost of every operation in order, those of float islands included."""
    return tuple(operation_cost(op, program) for op in program.operations)


def operation_cost(op: Operation, program: Program) -> OperationCost:
    """What one operation of a valid program reads, writes and computes."""
    products = products_of(op, program)
    constants = {*constant_names(op), *(name for name in op.inputs if name in program.constants)}
    read = sum(_tensor_bytes(name, program) for name in {*op.inputs} - constants if name)
    written = sum(_tensor_bytes(name, program) for name in op.outputs if name)
    if isinstance(op, Move):
        if op.kind is MoveKind.RESHAPE:
            read = written = 0
        elif op.kind in _PARTLY_READ:
            read = min(read, written)
    return OperationCost(
        name=op.name,
        kind=_kind(op),
        dtype=_widest(op, program),
        macs=0 if products is None else products.macs,
        products=products,
        element_steps=_element_steps(op, program),
        weight_bytes=sum(program.constants[name].nbytes for name in constants),
        input_bytes=read,
        output_bytes=written,
    )


def _estimate(
    operations: Sequence[OperationCost], model: CostModelDef, cores: int
) -> ProgramEstimate:
    found = model.function(operations, cores)
    return ProgramEstimate(
        cores=cores, latency_us=math.fsum(each.latency_us for each in found), operations=found
    )


def _tensor_bytes(name: str, program: Program) -> int:
    return _elements(name, program) * program.tensors[name].dtype.numpy.itemsize


def _elements(name: str, program: Program) -> int:
    return math.prod(program.tensors[name].shape)


def _kind(op: Operation) -> str:
    if isinstance(op, FloatOp):
        return f"float {op.op_type}"
    name = type(op).__name__
    return f"{name} {op.kind}" if isinstance(op, (Binary, Move, Pool, Reduce)) else name


def _widest(op: Operation, program: Program) -> DType:
    """Type of the operand with most bits, inputs or weight; of several, the first."""
    if isinstance(op, FloatOp):
        return DType.FLOAT32
    names = [*op.inputs, getattr(op, "weight", None), getattr(op, "b", None)]
    types = [
        program.tensors[name].dtype
        if name in program.tensors
        else DType(program.constants[name].dtype.name)
        for name in names
        if name
    ]
    return max(types, key=lambda dtype: dtype.bits) if types else DType.FLOAT32


def _element_steps(op: Operation, program: Program) -> int:
    """Steps on single elements besides products of matrices."""
    inputs = (_elements(name, program) for name in op.inputs if name in program.tensors)
    read = max(inputs, default=0)
    written = sum(_elements(name, program) for name in op.outputs if name)
    if isinstance(op, (Reduce, ArgExtreme)):
        return max(read, written)
    if isinstance(op, FloatOp):
        return _float_steps(op, max(read, written), written)
    return written * _steps_per_output(op, program)


def _steps_per_output(op: Operation, program: Program) -> int:
    """Elements of windows, taps of resampling, blocks that are scaled by themselves; mostly 1."""
    steps = 1
    match op:
        case Move():
            steps = 0
        case Pool():
            steps = math.prod(op.kernel)
        case Resize():
            steps = 2 * len(op.weights)
        case Interpolate():
            steps = sum(program.constants[name].shape[0] for name in op.weights)
        case BlockedConv():
            _, channels, *kernel = program.constants[op.weight].shape
            steps = math.ceil(channels / op.block_size) * math.prod(kernel)
        case BlockedMatMul():
            steps = math.ceil(program.constants[op.b].shape[-2] / op.block_size)
    return steps


def _float_steps(op: FloatOp, largest: int, written: int) -> int:
    if op.op_type in _FLOAT_MOVES:
        return 0
    if op.op_type in ("Conv", "ConvTranspose", "Gemm", "MatMul"):
        return written
    window = op.attributes.get("kernel_shape")
    if isinstance(window, tuple):
        return written * math.prod(int(extent) for extent in window)
    return largest
