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
from toolchain.codegen.emitters.elementwise import emit_binary, emit_softmax, emit_table
from toolchain.codegen.emitters.floats import emit_float_op
from toolchain.codegen.emitters.matmul import emit_blocked_matmul, emit_matmul
from toolchain.codegen.emitters.movement import emit_move
from toolchain.codegen.emitters.pooling import emit_pool
from toolchain.codegen.emitters.transposed import emit_conv_transpose
from toolchain.codegen.scope import Scope
from toolchain.program.records import (
    Binary,
    BlockedConv,
    BlockedMatMul,
    Conv,
    ConvTranspose,
    Dequantize,
    FloatOp,
    MatMul,
    Move,
    Operation,
    Pool,
    Quantize,
    Rescale,
    Softmax,
    Table,
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
    Move: emit_move,
    Quantize: emit_quantize,
    Dequantize: emit_dequantize,
    Rescale: emit_rescale,
    FloatOp: emit_float_op,
}
"""What is called for each kind of operation."""

SPATIAL: frozenset[type[Operation]] = frozenset({Conv, ConvTranspose, BlockedConv, Pool})
"""Operations that want their tensors channels-last."""
