"""MatMul by a constant matrix with a bias added."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolchain.graph.edit import rewrite
from toolchain.graph.pattern import Op, Var, find
from toolchain.graph.tensors import constant_of, rank_of

if TYPE_CHECKING:
    import onnx_ir as ir

_PATTERN = Op("Add", Op("MatMul", Var("a"), Var("b")), Var("bias"))


def fuse_matmul_bias(model: ir.Model) -> bool:
    """Turn MatMul of a rank-2 value and its bias into Gemm."""
    changed = False
    for match in find(model, _PATTERN):
        weight, bias = constant_of(match["b"]), constant_of(match["bias"])
        if weight is None or bias is None or weight.ndim != 2 or rank_of(match["a"]) != 2:
            continue
        if bias.dtype.kind != "f" or bias.shape not in ((weight.shape[1],), (1, weight.shape[1])):
            continue
        rewrite(match.root, "Gemm", [match["a"], match["b"], match["bias"]])
        changed = True
    return changed
