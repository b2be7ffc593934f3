"""HardSigmoid written out as clip(x + 3, 0, 6) / 6."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolchain.graph.edit import rewrite
from toolchain.graph.pattern import Number, Op, Var, find, one_of, scaled

if TYPE_CHECKING:
    import onnx_ir as ir

_X = Var("x")
RELU6_PLUS_3 = Op("Clip", Op("Add", _X, Number(3.0)), Number(0.0), Number(6.0))
"""clip(x + 3, 0, 6), as the pass `clip` leaves it."""
_SLOPED = Op("Clip", Op("Add", scaled(_X, 1 / 6), Number(0.5)), Number(0.0), Number(1.0))


def fuse_hard_sigmoid(model: ir.Model) -> bool:
    """Turn clip(x + 3, 0, 6) / 6 and clip(x / 6 + 0.5, 0, 1) into HardSigmoid(alpha=1/6)."""
    changed = False
    for match in find(model, one_of(scaled(RELU6_PLUS_3, 1 / 6), _SLOPED)):
        rewrite(match.root, "HardSigmoid", [match["x"]], {"alpha": 1 / 6, "beta": 0.5})
        changed = True
    return changed
