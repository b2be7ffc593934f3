"""The float operators of the reference interpreter, specified to the bit (docs/numerics.md, 9).

Every operator has ONNX's meaning at opset 24 and one fixed order of float32 operations: the same
bits on any machine and in any implementation that keeps the order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from toolchain.program.float_ops import (
    convolution,
    elementwise,
    indexing,
    matrix,
    movement,
    normalization,
    pooling,
    reductions,
    resize,
)
from toolchain.program.float_ops.call import Call, Kernel

if TYPE_CHECKING:
    from toolchain.core.dtypes import Array
    from toolchain.program.records import FloatOp

_KERNELS: Mapping[str, Kernel] = MappingProxyType(
    {
        **elementwise.OPS,
        **reductions.OPS,
        **normalization.OPS,
        **matrix.OPS,
        **convolution.OPS,
        **pooling.OPS,
        **movement.OPS,
        **indexing.OPS,
        **resize.OPS,
    }
)

SUPPORTED: frozenset[str] = frozenset(_KERNELS)
"""ONNX operators that `evaluate` knows."""


def evaluate(op: FloatOp, inputs: Sequence[Array | None]) -> tuple[Array, ...]:
    """Outputs of one float operator, as many as `op.outputs` names.

    `inputs` are all inputs in ONNX order, constants filled in, None where left out. Arithmetic is
    float32 without contraction; overflow gives inf and an undefined operation NaN, silently.

    Raises:
        CompileError: PROGRAM_INVALID, naming the operator, where it is not known, or its
            attributes or inputs cannot be evaluated.
    """
    call = Call(op=op, inputs=tuple(inputs))
    kernel = _KERNELS.get(op.op_type)
    if kernel is None:
        raise call.invalid("not a float operator", allowed=", ".join(sorted(SUPPORTED)))
    try:
        with np.errstate(all="ignore"):
            results = kernel(call)
    except (ValueError, IndexError) as error:
        # numpy's words for shapes that do not fit together.
        raise call.invalid("inputs do not fit", got=error) from error
    if len(results) < len(op.outputs):
        raise call.invalid("outputs", got=len(op.outputs), allowed=f"at most {len(results)}")
    return results[: len(op.outputs)]
