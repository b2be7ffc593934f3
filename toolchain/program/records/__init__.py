"""The integer program: tensors, constants and one record per kind of operation.

Everything is static: shapes, strides, zero points and multipliers are numbers in the records.
Operations run in the order of the program. What each computes is written in docs/numerics.md; the
reference interpreter (`toolchain.program.interpreter`) is its definition.
"""

from toolchain.program.records.accumulate import Conv, ConvTranspose, MatMul
from toolchain.program.records.blocked import BlockedConv, BlockedMatMul
from toolchain.program.records.elementwise import Binary, BinaryKind, Softmax, Table
from toolchain.program.records.interpolate import Interpolate
from toolchain.program.records.movement import Dequantize, Move, MoveKind, Quantize, Rescale
from toolchain.program.records.normalization import Normalize
from toolchain.program.records.operation import Finish, Operation, Requantize, Tensor, ToFloat
from toolchain.program.records.program import FloatOp, Program
from toolchain.program.records.reduction import ArgExtreme, Reduce, ReduceKind
from toolchain.program.records.slope import Slope
from toolchain.program.records.wide import Function, WideSoftmax
from toolchain.program.records.window import Pool, PoolKind, Resize

__all__ = [
    "ArgExtreme",
    "Binary",
    "BinaryKind",
    "BlockedConv",
    "BlockedMatMul",
    "Conv",
    "ConvTranspose",
    "Dequantize",
    "Finish",
    "FloatOp",
    "Function",
    "Interpolate",
    "MatMul",
    "Move",
    "MoveKind",
    "Normalize",
    "Operation",
    "Pool",
    "PoolKind",
    "Program",
    "Quantize",
    "Reduce",
    "ReduceKind",
    "Requantize",
    "Rescale",
    "Resize",
    "Slope",
    "Softmax",
    "Table",
    "Tensor",
    "ToFloat",
    "WideSoftmax",
]
