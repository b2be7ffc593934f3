"""LayerNormalization written out (Ba, Kiros and Hinton, arXiv:1607.06450)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolchain.graph.edit import rewrite
from toolchain.graph.passes.norm_parts import first_axis, fitted, mean, over_root
from toolchain.graph.pattern import Match, Op, Var, find
from toolchain.graph.tensors import scalar_of

if TYPE_CHECKING:
    import onnx_ir as ir

_X = Var("x")
_CENTRED = Op("Sub", _X, mean(_X, "axes"))
_SCALED = Op("Mul", over_root(_CENTRED, "variance_axes"), Var("gamma"))
_SHIFTED = Op("Add", _SCALED, Var("beta"))


def fuse_layer_norm(model: ir.Model) -> bool:
    """Turn (x - mean) / sqrt(variance + eps) * gamma (+ beta) into LayerNormalization."""
    changed = False
    for pattern, names in ((_SHIFTED, ("gamma", "beta")), (_SCALED, ("gamma",))):
        for match in find(model, pattern):
            changed |= _fuse(model, match, names)
    return changed


def _fuse(model: ir.Model, match: Match, names: tuple[str, ...]) -> bool:
    axis, epsilon = first_axis(match, "axes", "variance_axes"), scalar_of(match["eps"])
    if axis is None or epsilon is None:
        return False
    parts = [fitted(model, match[name], match["x"], axis) for name in names]
    if any(part is None for part in parts):
        return False
    attributes = {"axis": axis, "epsilon": epsilon}
    rewrite(match.root, "LayerNormalization", [match["x"], *parts], attributes)
    return True
