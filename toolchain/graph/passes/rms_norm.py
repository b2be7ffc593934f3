"""RMSNormalization written out (Zhang and Sennrich, arXiv:1910.07467)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolchain.graph.edit import rewrite
from toolchain.graph.passes.norm_parts import first_axis, fitted, over_root
from toolchain.graph.pattern import Op, Var, find
from toolchain.graph.tensors import scalar_of

if TYPE_CHECKING:
    import onnx_ir as ir

_PATTERN = Op("Mul", over_root(Var("x"), "axes"), Var("gamma"))


def fuse_rms_norm(model: ir.Model) -> bool:
    """Turn x / sqrt(mean(x**2) + eps) * gamma into RMSNormalization."""
    changed = False
    for match in find(model, _PATTERN):
        axis, epsilon = first_axis(match, "axes"), scalar_of(match["eps"])
        if axis is None or epsilon is None:
            continue
        gamma = fitted(model, match["gamma"], match["x"], axis)
        if gamma is not None:
            attributes = {"axis": axis, "epsilon": epsilon}
            rewrite(match.root, "RMSNormalization", [match["x"], gamma], attributes)
            changed = True
    return changed
