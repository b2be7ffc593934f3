"""Normalizing operators."""

from __future__ import annotations

from functools import partial
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from toolchain.codegen.calls import Kernel
from toolchain.codegen.emitters.floats.attributes import integer, number
from toolchain.codegen.emitters.floats.inputs import constant, is_given, plain
from toolchain.codegen.emitters.floats.runs import runs
from toolchain.codegen.literals import Fields, Word
from toolchain.codegen.loops import COPY, broadcast_strides, copy_fields
from toolchain.codegen.operands import Operand, row_major

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolchain.codegen.calls import Argument
    from toolchain.codegen.emitters.floats import FloatEmitter
    from toolchain.codegen.scope import Scope
    from toolchain.program.records import FloatOp

_SOFTMAX = Kernel("tc_float_softmax", in_place=True)
_LOG_SOFTMAX = Kernel("tc_float_softmax")
_NORMALIZE = Kernel("tc_float_normalize", in_place=True)
_MOMENTS = Kernel("tc_float_moments", file="tc_float_normalize")
_BATCHNORM = Kernel("tc_float_batchnorm", in_place=True)
_LP = Kernel("tc_float_lp", in_place=True)
_LRN = Kernel("tc_float_lrn")

_NONE = Word("NULL")


def emit_softmax(op: FloatOp, scope: Scope, *, logarithm: bool) -> None:
    """Softmax or its logarithm along one axis."""
    x = scope.read(op.inputs[0])
    y = scope.write(op.outputs[0], x.order)
    fields = runs(x, integer(op, "axis", -1)) | {"logarithm": int(logarithm)}
    kernel = _LOG_SOFTMAX if logarithm else _SOFTMAX
    scope.call(kernel, fields, (x,), (y,), name=op.name)


def emit_layer(op: FloatOp, scope: Scope, *, is_rms: bool) -> None:
    """Layer or RMS normalization over the axes from `axis` on."""
    x = _row_major(op, scope)
    axis = integer(op, "axis", -1) % len(x.shape)
    fields: Fields = {
        "runs": prod(x.shape[:axis]),
        "length": prod(x.shape[axis:]),
        "epsilon": number(op, "epsilon", 1e-5),
    }
    if any(op.outputs[1:]):
        _emit_moments(op, x, fields, scope)
    given = [index for index in (1, 2) if is_given(op, index)]
    outer = [_shape(op, index, len(x.shape), scope)[:axis] for index in given]
    shape = (1,) * axis + x.shape[axis:] if all(prod(o) == 1 for o in outer) else x.shape
    scale, *bias = (_spread(op, index, shape, scope) for index in given)
    inputs = (x, scale, *(bias or (_NONE,)))
    rest: Fields = {"is_rms": int(is_rms), "period": prod(shape), "repeat": 1}
    y = scope.write(op.outputs[0])
    scope.call(_NORMALIZE, fields | rest, inputs, (y,), name=op.name)


def _emit_moments(op: FloatOp, x: Operand, fields: Fields, scope: Scope) -> None:
    """The further outputs of LayerNormalization; one that nobody wants has a buffer, too."""
    runs_of_x = fields["runs"]
    results = []
    for index in (1, 2):
        if index < len(op.outputs) and op.outputs[index]:
            results.append(scope.write(op.outputs[index]))
        else:
            shape = (int(runs_of_x),) if isinstance(runs_of_x, int) else ()
            results.append(
                Operand(
                    buffer=scope.buffer(f"{op.name} output {index}"),
                    dtype=x.dtype,
                    shape=shape,
                    order=row_major(len(shape)),
                )
            )
    scope.call(_MOMENTS, fields, (x,), results, name=f"{op.name}_moments")


def _shape(op: FloatOp, index: int, rank: int, scope: Scope) -> tuple[int, ...]:
    """The shape of input `index`, with axes of 1 in front up to `rank`."""
    array = constant(op, index, scope)
    shape = scope.tensor(op.inputs[index]).shape if array is None else array.shape
    return (1,) * (rank - len(shape)) + shape


def _spread(op: FloatOp, index: int, target: tuple[int, ...], scope: Scope) -> Argument:
    """Input `index` broadcast to `target`, row-major."""
    if _shape(op, index, len(target), scope) == target:
        return plain(op, index, scope)[0]
    array = constant(op, index, scope)
    if array is not None:
        return scope.constant(np.broadcast_to(array, target), f"{op.name}_{index}")
    x = scope.read(op.inputs[index])
    result = Operand(
        buffer=scope.buffer(f"{op.name} input {index} over {target}"),
        dtype=x.dtype,
        shape=target,
        order=row_major(len(target)),
    )
    steps = broadcast_strides(x.strides, x.shape, target)
    fields = copy_fields(target, steps, result.strides, x.dtype)
    scope.call(COPY, fields, (x,), (result,), name=f"{op.name}_{index}_spread")
    return result


def emit_groups(op: FloatOp, scope: Scope, *, instance: bool) -> None:
    """Normalization over the spatial axes of each channel or group of channels."""
    x = _row_major(op, scope)
    y = scope.write(op.outputs[0])
    batch, channels = x.shape[:2]
    spatial = prod(x.shape[2:])
    groups = channels if instance else integer(op, "num_groups", 1)
    fields: Fields = {
        "runs": batch * groups,
        "length": channels // groups * spatial,
        "epsilon": number(op, "epsilon", 1e-5),
        "period": channels,
        "repeat": spatial,
    }
    inputs = (x, plain(op, 1, scope)[0], plain(op, 2, scope)[0])
    scope.call(_NORMALIZE, fields, inputs, (y,), name=op.name)


def emit_batchnorm(op: FloatOp, scope: Scope) -> None:
    """Normalization by given means and variances."""
    x = scope.read(op.inputs[0])
    y = scope.write(op.outputs[0], x.order)
    fields = _channels(x) | {"epsilon": number(op, "epsilon", 1e-5)}
    inputs = (x, *(plain(op, index, scope)[0] for index in range(1, 5)))
    scope.call(_BATCHNORM, fields, inputs, (y,), name=op.name)


def emit_lp(op: FloatOp, scope: Scope) -> None:
    """Elements divided by the norm along one axis."""
    x = scope.read(op.inputs[0])
    y = scope.write(op.outputs[0], x.order)
    fields = runs(x, integer(op, "axis", -1)) | {"order": integer(op, "p", 2)}
    scope.call(_LP, fields, (x,), (y,), name=op.name)


def emit_lrn(op: FloatOp, scope: Scope) -> None:
    """Local response normalization."""
    x = scope.read(op.inputs[0])
    y = scope.write(op.outputs[0], x.order)
    fields = _channels(x) | {
        "size": integer(op, "size", 1),
        "alpha": number(op, "alpha", 1e-4),
        "beta": number(op, "beta", 0.75),
        "bias": number(op, "bias", 1.0),
    }
    scope.call(_LRN, fields, (x,), (y,), name=op.name)


def _channels(x: Operand) -> Fields:
    """How the channels of x lie in memory."""
    along = runs(x, 1)
    return {"outer": along["outer"], "channels": along["length"], "inner": along["inner"]}


def _row_major(op: FloatOp, scope: Scope) -> Operand:
    return scope.read(op.inputs[0], row_major(len(scope.tensor(op.inputs[0]).shape)))


OPS: Mapping[str, FloatEmitter] = {
    "Softmax": partial(emit_softmax, logarithm=False),
    "LogSoftmax": partial(emit_softmax, logarithm=True),
    "LayerNormalization": partial(emit_layer, is_rms=False),
    "RMSNormalization": partial(emit_layer, is_rms=True),
    "InstanceNormalization": partial(emit_groups, instance=True),
    "GroupNormalization": partial(emit_groups, instance=False),
    "BatchNormalization": emit_batchnorm,
    "LpNormalization": emit_lp,
    "LRN": emit_lrn,
}
"""Emitters of this family by ONNX operator."""
