"""HardSwish written out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolchain.graph.attributes import float_of
from toolchain.graph.edit import rewrite
from toolchain.graph.passes.hard_sigmoid import RELU6_PLUS_3
from toolchain.graph.pattern import TOLERANCE, Op, Var, find, one_of, scaled

if TYPE_CHECKING:
    import onnx_ir as ir


def _is_sixth(node: ir.Node) -> bool:
    alpha, beta = float_of(node, "alpha", 0.2), float_of(node, "beta", 0.5)
    return abs(alpha - 1 / 6) <= TOLERANCE and abs(beta - 0.5) <= TOLERANCE


_X = Var("x")
_PATTERN = one_of(
    Op("Mul", _X, Op("HardSigmoid", _X, where=_is_sixth)),
    Op("Mul", _X, scaled(RELU6_PLUS_3, 1 / 6)),
    Op("Mul", scaled(_X, 1 / 6), RELU6_PLUS_3),
    scaled(Op("Mul", _X, RELU6_PLUS_3), 1 / 6),
)


def fuse_hard_swish(model: ir.Model) -> bool:
    """Turn x * clip(x + 3, 0, 6) / 6 in any grouping, and x * HardSigmoid(x), into HardSwish."""
    changed = False
    for match in find(model, _PATTERN):
        rewrite(match.root, "HardSwish", [match["x"]])
        changed = True
    return changed
