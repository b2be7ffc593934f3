"""Normalize."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from toolchain.codegen.calls import Kernel
from toolchain.codegen.emitters.factors import grid
from toolchain.codegen.literals import Fields
from toolchain.codegen.loops import Strides, constant_strides, loops

if TYPE_CHECKING:
    from toolchain.codegen.scope import Scope
    from toolchain.program.records import Normalize

_NORMALIZE = Kernel("tc_normalize")


def emit_normalize(op: Normalize, scope: Scope) -> None:
    """Runs of neighbours in row-major order, wherever their elements lie."""
    x = scope.read(op.inputs[0])
    y = scope.write(op.outputs[0], x.order)
    place = _first_axis(x.shape, op.length)
    if place is None:
        raise scope.unsupported(op, f"runs of {op.length} are no parts of its shape", x.shape)
    axis, part = place
    constants = scope.program.constants
    gain = constants[op.gain]
    fields: Fields = {
        "x_type": scope.element(op.inputs[0]),
        "x_zero_point": op.x_zero_point,
        "length": op.length,
        "centred": int(op.centred),
        "epsilon": float(op.epsilon),
        "gain": scope.constant(gain, f"{op.name}_gain"),
    }
    offset_shape: tuple[int, ...] = ()
    if op.offset is not None:
        offset_shape = constants[op.offset].shape
        fields["offset"] = scope.constant(constants[op.offset], f"{op.name}_offset")
    strides = (
        constant_strides(gain.shape, x.shape),
        constant_strides(offset_shape, x.shape),
        x.strides,
    )
    outer, inner = zip(*(_cut_strides(own, axis, part) for own in strides), strict=True)
    fields["grid"] = grid(scope.tensor(op.outputs[0]), op.zero_point, scope.program.rounding)
    fields["runs"] = loops((*x.shape[:axis], x.shape[axis] // part), *outer)
    fields["elements"] = loops((part, *x.shape[axis + 1 :]), *inner)
    # Runs need not follow one another in memory: only elements of one size may change places.
    kernel = replace(_NORMALIZE, in_place=x.size_bytes == y.size_bytes)
    scope.call(kernel, fields, (x,), (y,), name=op.name)


def _first_axis(shape: tuple[int, ...], length: int) -> tuple[int, int] | None:
    """The axis within which runs begin, and how many of its indices one run has."""
    rest = length
    for axis in reversed(range(len(shape))):
        if shape[axis] % rest == 0:
            return axis, rest
        if rest % shape[axis]:
            return None
        rest //= shape[axis]
    return None


def _cut_strides(strides: Strides, axis: int, part: int) -> tuple[Strides, Strides]:
    """Strides from run to run, and within one, where `axis` is cut into parts."""
    return (*strides[:axis], strides[axis] * part), strides[axis:]
