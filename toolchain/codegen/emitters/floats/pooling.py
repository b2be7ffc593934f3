"""Pooling."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from toolchain.codegen.calls import Kernel
from toolchain.codegen.emitters.floats.attributes import integer, integers
from toolchain.codegen.emitters.floats.reductions import reduce
from toolchain.codegen.emitters.floats.runs import number_type
from toolchain.codegen.emitters.floats.windows import sliding
from toolchain.codegen.emitters.windows import SPATIAL_AXES, window
from toolchain.codegen.literals import Fields
from toolchain.codegen.operands import row_major

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolchain.codegen.emitters.floats import FloatEmitter
    from toolchain.codegen.scope import Scope
    from toolchain.program.records import FloatOp

_POOL = Kernel("tc_float_pool")


def emit_pool(op: FloatOp, scope: Scope, *, is_mean: bool) -> None:
    """Largest or mean element of every window."""
    kernel = integers(op, "kernel_shape")
    rank = len(kernel)
    x = scope.read(op.inputs[0], row_major(rank + 2))
    y = scope.write(op.outputs[0])
    windows = sliding(op, kernel, x.shape[2:])
    fields: Fields = {
        "window": window(windows, kernel, x, y, scope),
        "type": number_type(op, op.inputs[0], scope),
    }
    if is_mean:
        fields |= {
            "is_mean": 1,
            "pad_end": (0,) * (SPATIAL_AXES - rank) + windows.pads[rank:],
            "count_include_pad": integer(op, "count_include_pad", 0),
        }
    scope.call(_POOL, fields, (x,), (y,), name=op.name)


def emit_global(op: FloatOp, scope: Scope, *, kind: str) -> None:
    """Reduction over all spatial axes."""
    reduce(op, scope, kind, frozenset(range(2, len(scope.tensor(op.inputs[0]).shape))))


OPS: Mapping[str, FloatEmitter] = {
    "MaxPool": partial(emit_pool, is_mean=False),
    "AveragePool": partial(emit_pool, is_mean=True),
    "GlobalMaxPool": partial(emit_global, kind="MAX"),
    "GlobalAveragePool": partial(emit_global, kind="MEAN"),
}
"""Emitters of this family by ONNX operator."""
