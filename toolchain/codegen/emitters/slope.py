"""Slope."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from toolchain.codegen.calls import Kernel
from toolchain.codegen.emitters.factors import grid
from toolchain.codegen.literals import Fields
from toolchain.codegen.loops import constant_strides, loops

if TYPE_CHECKING:
    from toolchain.codegen.scope import Scope
    from toolchain.program.records import Slope

_SLOPE = Kernel("tc_slope", in_place=True)


def emit_slope(op: Slope, scope: Scope) -> None:
    """Element by element, wherever they lie; slopes are broadcast."""
    x = scope.read(op.inputs[0])
    y = scope.write(op.outputs[0], x.order)
    negative = scope.program.constants[op.negative]
    fields: Fields = {
        "x_type": scope.element(op.inputs[0]),
        "x_zero_point": op.x_zero_point,
        "factor": np.float32(op.factor),
        "negative": scope.constant(negative, f"{op.name}_negative"),
        "grid": grid(scope.tensor(op.outputs[0]), op.zero_point, scope.program.rounding),
        "loops": loops(x.shape, constant_strides(negative.shape, x.shape), x.strides),
    }
    scope.call(_SLOPE, fields, (x,), (y,), name=op.name)
