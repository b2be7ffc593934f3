"""GELU written out, with erf or with tanh (Hendrycks and Gimpel, arXiv:1606.08415)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from toolchain.graph.edit import rewrite
from toolchain.graph.pattern import Number, Op, Pattern, Var, find, one_of, product, scaled

if TYPE_CHECKING:
    import onnx_ir as ir

_X = Var("x")
_SLOPE = math.sqrt(2 / math.pi)
_SQUARE = one_of(Op("Mul", _X, _X), Op("Pow", _X, Number(2.0)))
_CUBE = one_of(Op("Pow", _X, Number(3.0)), Op("Mul", _X, _SQUARE))
_CUBIC = Op(
    "Add", _X, one_of(Op("Mul", _CUBE, Number(0.044715)), product(_X, _SQUARE, Number(0.044715)))
)
_BENT = Op("Add", Op("Mul", _SQUARE, Number(0.044715)), Number(1.0))
_INNER_TANH = one_of(Op("Mul", _CUBIC, Number(_SLOPE)), product(_X, _BENT, Number(_SLOPE)))
_INNER_ERF = scaled(_X, 1 / math.sqrt(2))


def _gelu(function: str, inner: Pattern) -> Pattern:
    """0.5 * x * (1 + function(inner)) in any grouping."""
    bell = Op("Add", Op(function, inner), Number(1.0))
    return one_of(
        product(_X, bell, Number(0.5)),
        Op("Div", Op("Mul", _X, bell), Number(2.0)),
        Op("Mul", Op("Div", _X, Number(2.0)), bell),
        Op("Mul", _X, Op("Div", bell, Number(2.0))),
    )


_FORMS = (("none", _gelu("Erf", _INNER_ERF)), ("tanh", _gelu("Tanh", _INNER_TANH)))


def fuse_gelu(model: ir.Model) -> bool:
    """Turn both forms into Gelu."""
    changed = False
    for approximate, pattern in _FORMS:
        for match in find(model, pattern):
            rewrite(match.root, "Gelu", [match["x"]], {"approximate": approximate})
            changed = True
    return changed
