"""Division by constants."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from toolchain.graph.edit import add_initializer, rewrite
from toolchain.graph.tensors import constant_of

if TYPE_CHECKING:
    import onnx_ir as ir


def multiply_by_reciprocals(model: ir.Model) -> bool:
    """Turn x / c into x * (1 / c): integers are multiplied, and no target divides by a tensor."""
    changed = False
    for node in list(model.graph):
        if (node.domain, node.op_type) != ("", "Div") or constant_of(node.inputs[0]) is not None:
            continue
        divisor = constant_of(node.inputs[1])
        if divisor is None or divisor.dtype.kind != "f":
            continue
        with np.errstate(all="ignore"):
            factor = (1.0 / divisor.astype(np.float64)).astype(divisor.dtype)
        if not np.isfinite(factor).all() or np.any(factor == 0):
            continue
        constant = add_initializer(model, f"{node.name}/reciprocal", factor)
        rewrite(node, "Mul", [node.inputs[0], constant])
        changed = True
    return changed
