"""Pool."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from toolchain.codegen.calls import Kernel
from toolchain.codegen.emitters.factors import grid, scale
from toolchain.codegen.emitters.windows import three, window
from toolchain.codegen.literals import Fields, Struct
from toolchain.codegen.operands import channels_last
from toolchain.program.records import PoolKind

if TYPE_CHECKING:
    from toolchain.codegen.scope import Scope
    from toolchain.program.records import Pool

_POOL = Kernel("tc_pool")


def emit_pool(op: Pool, scope: Scope) -> None:
    """Largest or mean element of every window."""
    rank = len(op.kernel)
    x = scope.read(op.inputs[0], channels_last(rank + 2))
    y = scope.write(op.outputs[0], channels_last(rank + 2))
    place = window(op, op.kernel, x, y, scope)
    tensor, rounding = scope.tensor(op.outputs[0]), scope.program.rounding
    fields: Fields = {"window": place, "x_type": scope.element(op.inputs[0])}
    if op.kind is PoolKind.MAX:
        one: Fields = {"factor": np.float32(1), "grid": grid(tensor, 0, rounding)}
        fields |= {"factor": np.float32(1), "scale": Struct("tc_scale_params", one)}
    else:
        cells = grid(tensor, op.zero_point, rounding, (op.low, op.high))
        fields |= {
            "is_mean": 1,
            "x_zero_point": op.x_zero_point,
            "pad_end": three(op.pads[rank:], 0),
            "count_include_pad": int(op.count_include_pad),
            "factor": np.float32(op.factor),
            "scale": scale(scope, op.factor, cells),
        }
    scope.call(_POOL, fields, (x,), (y,), name=op.name)
