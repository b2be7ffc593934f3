"""Reductions along axes, extrema by index, and partial sums."""

from __future__ import annotations

from functools import partial
from itertools import accumulate
from math import prod
from typing import TYPE_CHECKING

from toolchain.codegen.calls import Kernel
from toolchain.codegen.emitters.floats.attributes import integer, integers
from toolchain.codegen.emitters.floats.inputs import integers as constant_integers
from toolchain.codegen.emitters.floats.runs import number_type, runs
from toolchain.codegen.literals import Fields, Word
from toolchain.codegen.loops import Strides, loops
from toolchain.codegen.operands import row_major

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolchain.codegen.emitters.floats import FloatEmitter
    from toolchain.codegen.scope import Scope
    from toolchain.program.records import FloatOp

_REDUCE = Kernel("tc_float_reduce")
_ARG = Kernel("tc_float_arg")
_CUMSUM = Kernel("tc_float_cumsum", in_place=True)


def emit_reduction(op: FloatOp, scope: Scope, *, kind: str) -> None:
    """Reduction over the axes of input 1 or of the attribute `axes`; over all without any."""
    axes = constant_integers(op, 1, scope) or integers(op, "axes")
    rank = len(scope.tensor(op.inputs[0]).shape)
    if not axes and not integer(op, "noop_with_empty_axes", 0):
        axes = tuple(range(rank))
    reduce(op, scope, kind, frozenset(axis % rank for axis in axes))


def reduce(op: FloatOp, scope: Scope, kind: str, axes: frozenset[int]) -> None:
    """Input 0 reduced over `axes` in row-major order, however it lies in memory."""
    x = scope.read(op.inputs[0])
    y = scope.write(op.outputs[0])
    kept = [axis for axis in range(len(x.shape)) if axis not in axes]
    shape = [x.shape[axis] for axis in kept]
    reduced = [x.shape[axis] for axis in sorted(axes)]
    fields: Fields = {
        "kind": Word(f"TC_FOLD_{kind}"),
        "type": number_type(op, op.inputs[0], scope),
        "count": prod(reduced),
        "kept": loops(shape, tuple(x.strides[axis] for axis in kept), _strides(shape)),
        # The second operand is there for the order: rising axes, whatever their strides are.
        "reduced": loops(
            reduced, tuple(x.strides[axis] for axis in sorted(axes)), _strides(reduced)
        ),
    }
    scope.call(_REDUCE, fields, (x,), (y,), name=op.name)


def _strides(shape: list[int]) -> Strides:
    """Strides of a row-major tensor."""
    steps = list(accumulate(reversed(shape), lambda step, extent: step * extent, initial=1))
    return tuple(reversed(steps[:-1]))


def emit_arg(op: FloatOp, scope: Scope, *, smallest: bool) -> None:
    """Index of an extremum along one axis."""
    x = scope.read(op.inputs[0], row_major(len(scope.tensor(op.inputs[0]).shape)))
    y = scope.write(op.outputs[0])
    fields: Fields = {
        "type": number_type(op, op.inputs[0], scope),
        **runs(x, integer(op, "axis", 0)),
        "smallest": int(smallest),
        "select_last": integer(op, "select_last_index", 0),
    }
    scope.call(_ARG, fields, (x,), (y,), name=op.name)


def emit_cumsum(op: FloatOp, scope: Scope) -> None:
    """Partial sums along the axis in input 1."""
    (axis,) = constant_integers(op, 1, scope) or (0,)
    x = scope.read(op.inputs[0])
    y = scope.write(op.outputs[0], x.order)
    fields: Fields = {
        "type": number_type(op, op.inputs[0], scope),
        **runs(x, axis),
        "reverse": integer(op, "reverse", 0),
        "exclusive": integer(op, "exclusive", 0),
    }
    scope.call(_CUMSUM, fields, (x,), (y,), name=op.name)


OPS: Mapping[str, FloatEmitter] = {
    **{
        f"Reduce{name}": partial(emit_reduction, kind=kind)
        for name, kind in {
            "Sum": "SUM",
            "Prod": "PROD",
            "Max": "MAX",
            "Min": "MIN",
            "Mean": "MEAN",
            "L1": "L1",
            "L2": "L2",
            "SumSquare": "SUM_SQUARE",
            "LogSumExp": "LOG_SUM_EXP",
        }.items()
    },
    "ArgMax": partial(emit_arg, smallest=False),
    "ArgMin": partial(emit_arg, smallest=True),
    "CumSum": emit_cumsum,
}
"""Emitters of this family by ONNX operator."""
