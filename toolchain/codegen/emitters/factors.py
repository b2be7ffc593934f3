"""`tc_grid`, `tc_scale_params` and `tc_finish_params`: how results become what is stored."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from toolchain.codegen.literals import Fields, Struct, Word, element_type
from toolchain.program.records import Requantize

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from toolchain.codegen.scope import Scope
    from toolchain.core.quant import Rounding
    from toolchain.program.records import Finish, Operation, Tensor


def grid(
    tensor: Tensor,
    zero_point: int,
    rounding: Rounding,
    bounds: tuple[int, int] | None = None,
) -> Struct:
    """`tc_grid`: how integers of `tensor` are made; `bounds` default to its type's."""
    low, high = bounds or (tensor.dtype.qmin, tensor.dtype.qmax)
    return Struct(
        "tc_grid",
        {
            "type": element_type(tensor.dtype),
            "rounding": Word(f"TC_{rounding.name}"),
            "zero_point": zero_point,
            "low": low,
            "high": high,
        },
    )


def split_factor(factor: float) -> tuple[int, int]:
    """Odd significand and shift with factor = significand * 2**-shift, for a float32 >= 0."""
    if factor == 0:
        return 0, 0
    fraction, exponent = math.frexp(factor)
    significand, shift = int(fraction * 2**24), 24 - exponent
    while significand % 2 == 0:
        significand //= 2
        shift -= 1
    return significand, shift


def scale(scope: Scope, factor: float, cells: Struct) -> Struct:
    """`tc_scale_params` of one factor and a grid."""
    factor32 = np.float32(factor)
    if not scope.program.exact:
        return Struct("tc_scale_params", {"factor": factor32, "grid": cells})
    significand, shift = split_factor(float(factor32))
    fields: Fields = {"exact": 1, "significand": significand, "shift": shift, "grid": cells}
    return Struct("tc_scale_params", fields)


def finish(op: Operation, how: Finish, bias: str | None, columns: int, scope: Scope) -> Struct:
    """`tc_finish_params` for `columns` output channels."""
    constants = scope.program.constants
    biases = np.zeros(columns, np.int32) if bias is None else constants[bias].astype(np.int32)
    fields: Fields = {"bias": scope.constant(biases, f"{op.name}_bias")}
    factors: NDArray[np.float32] = np.broadcast_to(
        scope.program.constants[how.factor].astype(np.float32), (columns,)
    )
    if isinstance(how, Requantize) and scope.program.exact:
        pairs = np.array([split_factor(float(item)) for item in factors], np.int32)
        fields["significand"] = scope.constant(pairs[:, 0], f"{op.name}_significand")
        fields["shift"] = scope.constant(pairs[:, 1].astype(np.int8), f"{op.name}_shift")
    else:
        fields["factor"] = scope.constant(factors, f"{op.name}_factor")
    if how.guard_bits:
        fields["guard_bits"] = how.guard_bits
    return Struct("tc_finish_params", fields | destination(op, how, scope))


def destination(op: Operation, how: Finish, scope: Scope) -> Fields:
    """Grid or bounds of `tc_finish_params`."""
    tensor = scope.tensor(op.outputs[0])
    if isinstance(how, Requantize):
        bounds = (how.low, how.high)
        return {"grid": grid(tensor, how.zero_point, scope.program.rounding, bounds)}
    return {
        "grid": Struct("tc_grid", {"type": Word("TC_FLOAT32")}),
        "float_low": np.float32(how.low),
        "float_high": np.float32(how.high),
    }
