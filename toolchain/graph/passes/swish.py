"""Swish, also called SiLU, written out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolchain.graph.edit import rewrite
from toolchain.graph.pattern import Op, Var, find

if TYPE_CHECKING:
    import onnx_ir as ir

_X = Var("x")
_PATTERN = Op("Mul", _X, Op("Sigmoid", _X))


def fuse_swish(model: ir.Model) -> bool:
    """Turn x * Sigmoid(x) into Swish."""
    changed = False
    for match in find(model, _PATTERN):
        rewrite(match.root, "Swish", [match["x"]])
        changed = True
    return changed
