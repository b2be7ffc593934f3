"""Convolutions, row-major: inputs of neighbouring outputs are gathered and meet all filters."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np

from toolchain.codegen.calls import Kernel
from toolchain.codegen.emitters.floats.attributes import integer
from toolchain.codegen.emitters.floats.inputs import constant, is_given, plain
from toolchain.codegen.emitters.floats.windows import Windows, sliding, transposed
from toolchain.codegen.emitters.windows import window
from toolchain.codegen.literals import Fields, Word
from toolchain.codegen.operands import Operand, row_major

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolchain.codegen.calls import Argument
    from toolchain.codegen.emitters.floats import FloatEmitter
    from toolchain.codegen.scope import Scope
    from toolchain.program.records import FloatOp

_CONV = Kernel("tc_float_conv", parallel=True)

_COLUMNS = 64
"""Outputs side by side (TC_FLOAT_COLUMNS)."""

_MOST_DEPTH = 128
"""Inputs gathered at a time: 32 KiB, a first-level cache."""


def emit_conv(op: FloatOp, scope: Scope) -> None:
    """Convolution."""
    weight, shape = plain(op, 1, scope)
    x = scope.read(op.inputs[0], row_major(len(shape)))
    _call(op, scope, x, weight, sliding(op, shape[2:], x.shape[2:]), shape)


def emit_transposed(op: FloatOp, scope: Scope) -> None:
    """Transposed convolution: the weights of one output channel are brought together."""
    array = constant(op, 1, scope)
    shape = scope.tensor(op.inputs[1]).shape if array is None else array.shape
    x = scope.read(op.inputs[0], row_major(len(shape)))
    groups = integer(op, "group", 1)
    results = scope.tensor(op.outputs[0]).shape[2:]
    windows = transposed(op, shape[2:], x.shape[2:], results)
    weight = _by_output(op, scope, (groups, shape[0] // groups, shape[1], prod(shape[2:])))
    _call(op, scope, x, weight, windows, (groups * shape[1], shape[0] // groups, *shape[2:]))


def _by_output(op: FloatOp, scope: Scope, shape: tuple[int, int, int, int]) -> Argument:
    """Weights (group, input, output, position) with inputs and outputs exchanged."""
    order = (0, 2, 1, 3)
    array = constant(op, 1, scope)
    if array is not None:
        return scope.constant(array.reshape(shape).transpose(order), f"{op.name}_weights")
    found = scope.read(op.inputs[1], row_major(len(scope.tensor(op.inputs[1]).shape)))
    source = Operand(buffer=found.buffer, dtype=found.dtype, shape=shape, order=row_major(4))
    result = Operand(
        buffer=scope.buffer(f"{op.inputs[1]} by output"),
        dtype=found.dtype,
        shape=shape,
        order=order,
    )
    scope.copy(source, result, name=f"{op.name}_weights_rearranged")
    return result


def _call(
    op: FloatOp,
    scope: Scope,
    x: Operand,
    weight: Argument,
    windows: Windows,
    shape: tuple[int, ...],
) -> None:
    """The call for weights of `shape`: output channel, input channel of the group, kernel."""
    y = scope.write(op.outputs[0])
    depth = min(prod(shape[1:]), _MOST_DEPTH)
    fields: Fields = {
        "window": window(windows, shape[2:], x, y, scope),
        "groups": integer(op, "group", 1),
        "transposed": int(op.op_type == "ConvTranspose"),
        "panel_depth": depth,
        "parts": scope.workers,
    }
    bias = plain(op, 2, scope)[0] if is_given(op, 2) else Word("NULL")
    scope.call(
        _CONV,
        fields,
        (x, weight, bias),
        (y,),
        name=op.name,
        scratch_bytes=scope.workers * depth * _COLUMNS * np.dtype(np.float32).itemsize,
    )


OPS: Mapping[str, FloatEmitter] = {"Conv": emit_conv, "ConvTranspose": emit_transposed}
"""Emitters of this family by ONNX operator."""
