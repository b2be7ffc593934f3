"""A program for several samples at once: the same operations, the same constants, larger tensors.

Samples lie one after the other along axis 0: what has the shape (d, ...) for one sample has (batch
* d, ...) for all, and () becomes (batch,). In memory that is always the samples' own elements, a
sample after the other, so that every reshape stays what it was with its leading extent multiplied.
Most operations treat axis 0 as samples already. Those that mean something by it get an axis of
samples in front of it, by reshapes that move nothing; what cannot have one is an error.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from toolchain.program.batched.floats import float_op
from toolchain.program.batched.integers import RULES
from toolchain.program.batched.samples import Samples
from toolchain.program.records import FloatOp
from toolchain.program.validation import check_program

if TYPE_CHECKING:
    from toolchain.program.records import Program

__all__ = ["batched"]


def batched(program: Program, batch: int) -> Program:
    """`program` for `batch` >= 1 samples at once, bit for bit what it computes for each.

    Inputs and outputs hold the samples along axis 0. Tensors keep their names and constants their
    values, so that programs of several batches share them; what does not depend on an input is
    computed once for all samples. Reshapes that nothing reads any more are left out.

    Raises:
        CompileError: NO_BATCH where an operation mixes samples; all of them. PROGRAM_INVALID where
            tensors of so many samples are too large.
    """
    if batch == 1:
        return program
    samples = Samples(program, batch)
    for op in program.operations:
        if not samples.any_of(op):
            samples.keep(op)
        elif isinstance(op, FloatOp):
            float_op(op, samples)
        else:
            RULES[type(op)](op, samples)
    samples.finish()
    result = replace(
        program,
        tensors=samples.tensors,
        constants=samples.constants,
        operations=tuple(samples.operations),
    )
    check_program(result)
    return result
