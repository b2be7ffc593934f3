"""Binary and Table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from toolchain.codegen.calls import Kernel
from toolchain.codegen.emitters.factors import grid, scale, split_factor
from toolchain.codegen.literals import Fields, Struct, Word
from toolchain.codegen.loops import Strides, broadcast_strides, constant_strides, loops
from toolchain.codegen.operands import Operand, Order, row_major
from toolchain.program.records import BinaryKind

if TYPE_CHECKING:
    from toolchain.codegen.calls import Argument
    from toolchain.codegen.scope import Scope
    from toolchain.program.records import Binary, Table

_BINARY = Kernel("tc_binary", in_place=True)
_TABLE = Kernel("tc_table", in_place=True)


def common_order(names: tuple[str, ...], shape: tuple[int, ...], scope: Scope) -> Order:
    """The order in which inputs of one element-wise operation are read and its result is written.

    That of the first input that has all the elements and lies otherwise than row-major.
    """
    plain = row_major(len(shape))
    for name in names:
        if not scope.is_constant(name) and scope.tensor(name).shape == shape:
            order = scope.order(name)
            if order != plain:
                return order
    return plain


def broadcast(
    name: str, shape: tuple[int, ...], order: Order, label: str, scope: Scope
) -> tuple[Argument, Strides]:
    """A tensor or constant as it is read along the axes of `shape`: an argument, its strides."""
    if scope.is_constant(name):
        array = scope.program.constants[name]
        return scope.constant(array, f"{label}_{name}"), constant_strides(array.shape, shape)
    x = scope.read(name, order if scope.tensor(name).shape == shape else None)
    return x, broadcast_strides(x.strides, x.shape, shape)


def element_wise(
    op_inputs: tuple[str, ...], result: str, label: str, scope: Scope
) -> tuple[tuple[Argument, ...], Operand, Struct]:
    """Arguments, output and loops (operands: inputs, output) of an operation that broadcasts."""
    shape = scope.tensor(result).shape
    order = common_order(op_inputs, shape, scope)
    read = [broadcast(name, shape, order, label, scope) for name in op_inputs]
    y = scope.write(result, order)
    nest = loops(shape, *(strides for _, strides in read), y.strides)
    return tuple(argument for argument, _ in read), y, nest


def emit_binary(op: Binary, scope: Scope) -> None:
    """Sum, difference or product."""
    inputs, y, nest = element_wise(op.inputs, op.outputs[0], op.name, scope)
    cells = grid(
        scope.tensor(op.outputs[0]), op.zero_point, scope.program.rounding, (op.low, op.high)
    )
    sign = -1 if op.kind is BinaryKind.SUB else 1
    fields: Fields = {
        "kind": Word(f"TC_{op.kind.name}"),
        "a_type": scope.element(op.inputs[0]),
        "b_type": scope.element(op.inputs[1]),
        "a_zero_point": op.a_zero_point,
        "b_zero_point": op.b_zero_point,
    }
    if op.kind is BinaryKind.MUL:
        fields["scale"] = scale(scope, op.a_factor, cells)
    elif scope.program.exact:
        (first, one), (second, other) = (
            split_factor(float(np.float32(factor))) for factor in (op.a_factor, op.b_factor)
        )
        shift = max(one, other)
        fields["a_significand"] = first << (shift - one)
        fields["b_significand"] = sign * second << (shift - other)
        exact: Fields = {"exact": 1, "significand": 1, "shift": shift, "grid": cells}
        fields["scale"] = Struct("tc_scale_params", exact)
    else:
        fields["a_factor"] = np.float32(op.a_factor)
        fields["b_factor"] = np.float32(sign * op.b_factor)
        fields["scale"] = Struct("tc_scale_params", {"grid": cells})
    fields["loops"] = nest
    scope.call(_BINARY, fields, inputs, (y,), name=op.name)


def emit_table(op: Table, scope: Scope) -> None:
    """One look-up for each element, wherever it lies, in the one table or that of its channel."""
    x = scope.read(op.inputs[0])
    y = scope.write(op.outputs[0], x.order)
    # The kernel's first entry is that of -128, the record's that of the type's lowest integer.
    first = 128 + x.dtype.qmin if x.dtype.signed else 0
    table = np.roll(scope.program.constants[op.table], first, axis=-1)
    fields: Fields = {
        "count": x.elements,
        "channels": 1 if op.axis is None else x.shape[op.axis],
        "run": x.elements if op.axis is None else x.strides[op.axis],
        "is_signed": int(x.dtype.signed),
        "y_size": y.dtype.numpy.itemsize,
        "table": scope.constant(table, f"{op.name}_table"),
    }
    scope.call(_TABLE, fields, (x,), (y,), name=op.name)
