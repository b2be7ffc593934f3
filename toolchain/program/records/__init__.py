"""The integer program: tensors, constants and one record per kind of operation.

Everything is static: shapes, strides, zero points and multipliers are numbers in the records.
Operations run in the order of the program. What each computes is written in docs/numerics.md; the
reference interpreter (`toolchain.program.interpreter`) is its definition.
"""

from toolchain.program.records.accumulate import Conv, ConvTranspose, MatMul
from toolchain.program.records.blocked import BlockedConv, BlockedMatMul
from toolchain.program.records.elementwise import Binary, BinaryKind, Softmax, Table
from toolchain.program.records.movement import Dequantize, Move, MoveKind, Quantize, Rescale
from toolchain.program.records.operation import Finish, Operation, Requantize, Tensor, ToFloat
from toolchain.program.records.program import FloatOp, Program
from toolchain.program.records.window import Pool, PoolKind, Resize

__all__ = [
    "Binary",
    "BinaryKind",
    "BlockedConv",
    "BlockedMatMul",
    "Conv",
    "ConvTranspose",
    "Dequantize",
    "Finish",
    "FloatOp",
    "MatMul",
    "Move",
    "MoveKind",
    "Operation",
    "Pool",
    "PoolKind",
    "Program",
    "Quantize",
    "Requantize",
    "Rescale",
    "Resize",
    "Softmax",
    "Table",
    "Tensor",
    "ToFloat",
]
