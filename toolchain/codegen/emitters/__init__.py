"""One function per record of the program: which kernels it calls, with which parameters.

`EMITTERS` is the list. An emitter reads its inputs from the scope, which rearranges them if they do
not lie as the kernel wants them, writes its outputs, and calls. It decides nothing that the
program left open: all numbers are the record's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from toolchain.codegen.emitters.conv import emit_blocked_conv, emit_conv
from toolchain.codegen.emitters.convert import emit_dequantize, emit_quantize, emit_rescale
from toolchain.codegen.emitters.elementwise import emit_binary, emit_table
from toolchain.codegen.emitters.floats import emit_float_op
from toolchain.codegen.emitters.floats.functions import emit_function
from toolchain.codegen.emitters.matmul import emit_blocked_matmul, emit_matmul
from toolchain.codegen.emitters.movement import emit_move
from toolchain.codegen.emitters.normalization import emit_normalize
from toolchain.codegen.emitters.pooling import emit_pool
from toolchain.codegen.emitters.reduction import emit_arg_extreme, emit_reduce
from toolchain.codegen.emitters.resize import emit_interpolate, emit_resize
from toolchain.codegen.emitters.slope import emit_slope
from toolchain.codegen.emitters.softmax import emit_softmax, emit_wide_softmax
from toolchain.codegen.emitters.transposed import emit_conv_transpose
from toolchain.codegen.scope import Scope
from toolchain.program.records import (
    ArgExtreme,
    Binary,
    BlockedConv,
    BlockedMatMul,
    Conv,
    ConvTranspose,
    Dequantize,
    FloatOp,
    Function,
    Interpolate,
    MatMul,
    Move,
    Normalize,
    Operation,
    Pool,
    Quantize,
    Reduce,
    Rescale,
    Resize,
    Slope,
    Softmax,
    Table,
    WideSoftmax,
)

Emitter = Callable[[Any, Scope], None]

EMITTERS: Mapping[type[Operation], Emitter] = {
    Conv: emit_conv,
    ConvTranspose: emit_conv_transpose,
    MatMul: emit_matmul,
    BlockedConv: emit_blocked_conv,
    BlockedMatMul: emit_blocked_matmul,
    Binary: emit_binary,
    Pool: emit_pool,
    Table: emit_table,
    Softmax: emit_softmax,
    WideSoftmax: emit_wide_softmax,
    Slope: emit_slope,
    Normalize: emit_normalize,
    Reduce: emit_reduce,
    ArgExtreme: emit_arg_extreme,
    Resize: emit_resize,
    Interpolate: emit_interpolate,
    Move: emit_move,
    Quantize: emit_quantize,
    Dequantize: emit_dequantize,
    Rescale: emit_rescale,
    FloatOp: emit_float_op,
    Function: emit_function,
}
"""What is called for each kind of operation."""

SPATIAL: frozenset[type[Operation]] = frozenset({Conv, ConvTranspose, BlockedConv, Pool})
"""Operations that want their tensors channels-last."""
