"""MatMul by a constant matrix with a bias added."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from toolchain.graph.edit import add_initializer, insert_node, rewrite
from toolchain.graph.pattern import Match, Op, Var, find
from toolchain.graph.tensors import constant_of

if TYPE_CHECKING:
    import onnx_ir as ir

_PATTERN = Op("Add", Op("MatMul", Var("a"), Var("b")), Var("bias"))


def fuse_matmul_bias(model: ir.Model) -> bool:
    """Turn MatMul and its bias into Gemm, so that the bias is added before requantization.

    Gemm knows rows only: a value of more axes goes through it between two Reshapes.
    """
    changed = False
    for match in find(model, _PATTERN):
        weight, bias = constant_of(match["b"]), constant_of(match["bias"])
        shape = match["a"].shape
        if weight is None or bias is None or weight.ndim != 2 or shape is None or len(shape) < 2:
            continue
        if bias.dtype.kind != "f" or bias.shape not in ((weight.shape[1],), (1, weight.shape[1])):
            continue
        if len(shape) == 2:
            rewrite(match.root, "Gemm", [match["a"], match["b"], match["bias"]])
            changed = True
        elif all(isinstance(dim, int) for dim in shape[1:]) and bias.ndim == 1:
            _multiply_rows(model, match, weight.shape)
            changed = True
    return changed


def _multiply_rows(model: ir.Model, match: Match, shape: tuple[int, ...]) -> None:
    """Reshape to rows, Gemm under the name of the MatMul, Reshape back; the batch stays free."""
    root, name = match.root, match.nodes[1].name or match.root.name
    inner = list(match["a"].shape or ())[1:-1]
    to_rows, back = (
        add_initializer(model, f"{name}/{label}", np.array(dims, np.int64))
        for label, dims in (
            ("rows_shape", [-1, shape[0]]),
            ("result_shape", [-1, *inner, shape[1]]),
        )
    )
    rows = insert_node(root, "Reshape", [match["a"], to_rows], f"{name}/rows", f"{name}/to_rows")
    inputs = [rows, match["b"], match["bias"]]
    product = insert_node(root, "Gemm", inputs, f"{name}/product", f"{name}/gemm")
    rewrite(root, "Reshape", [product, back])
