"""What generated C does not do in float islands is said, with the operation and the reason."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from toolchain.codegen.generate import generate
from toolchain.core.dtypes import DType
from toolchain.core.quant import Rounding
from toolchain.errors import Code, CompileError
from toolchain.program.records import FloatOp, Program, Tensor


@pytest.mark.parametrize(
    ("op_type", "dtype", "attributes", "reason"),
    [
        ("MaxPool", DType.FLOAT32, {"kernel_shape": (1, 1, 1, 1)}, "more than 3 spatial axes"),
        ("CumSum", DType.FLOAT64, {}, "CumSum of float64"),
    ],
)
def test_refusals_name_the_operation_and_the_reason(
    op_type: str, dtype: DType, attributes: dict[str, Any], reason: str
) -> None:
    shape = (1, 2, 3, 3, 3, 3)
    axis = {1: "axis"} if op_type == "CumSum" else {}
    op = FloatOp(
        name="node_7",
        op_type=op_type,
        inputs=("x", "") if axis else ("x",),
        outputs=("y",),
        attributes=attributes,
        constants=axis,
    )
    program = Program(
        name="refused",
        rounding=Rounding.HALF_EVEN,
        inputs=("x",),
        outputs=("y",),
        tensors={name: Tensor(name=name, dtype=dtype, shape=shape) for name in ("x", "y")},
        constants={"axis": np.array([1])} if axis else {},
        operations=(op,),
    )
    with pytest.raises(CompileError, match=reason) as caught:
        generate(program)
    assert caught.value.code is Code.LOWERING_FAILED
    assert "node_7" in str(caught.value)
