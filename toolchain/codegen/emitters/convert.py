"""Quantize, Dequantize and Rescale: element by element, wherever they lie."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from toolchain.codegen.calls import Kernel
from toolchain.codegen.emitters.factors import grid, scale
from toolchain.codegen.literals import Fields

if TYPE_CHECKING:
    from toolchain.codegen.scope import Scope
    from toolchain.program.records import Dequantize, Quantize, Rescale

_QUANTIZE = Kernel("tc_quantize", "tc_convert", in_place=True)
_DEQUANTIZE = Kernel("tc_dequantize", "tc_convert")
_RESCALE = Kernel("tc_rescale", "tc_convert", in_place=True)


def emit_quantize(op: Quantize, scope: Scope) -> None:
    """float32 to integer."""
    tensor = scope.tensor(op.outputs[0])
    x = scope.read(op.inputs[0])
    y = scope.write(op.outputs[0], x.order)
    fields: Fields = {
        "count": x.elements,
        "scale": np.float32(tensor.scale),
        "grid": grid(tensor, tensor.zero_point, op.rounding),
    }
    scope.call(_QUANTIZE, fields, (x,), (y,), name=op.name)


def emit_dequantize(op: Dequantize, scope: Scope) -> None:
    """Integer to float32."""
    tensor = scope.tensor(op.inputs[0])
    x = scope.read(op.inputs[0])
    y = scope.write(op.outputs[0], x.order)
    fields: Fields = {
        "count": x.elements,
        "x_type": scope.element(op.inputs[0]),
        "x_zero_point": tensor.zero_point,
        "scale": np.float32(tensor.scale),
    }
    scope.call(_DEQUANTIZE, fields, (x,), (y,), name=op.name)


def emit_rescale(op: Rescale, scope: Scope) -> None:
    """Integer to integer of other parameters."""
    x = scope.read(op.inputs[0])
    y = scope.write(op.outputs[0], x.order)
    cells = grid(scope.tensor(op.outputs[0]), op.zero_point, scope.program.rounding)
    fields: Fields = {
        "count": x.elements,
        "x_type": scope.element(op.inputs[0]),
        "x_zero_point": op.x_zero_point,
        "scale": scale(scope, op.factor, cells),
    }
    scope.call(_RESCALE, fields, (x,), (y,), name=op.name)
