"""Levels of precision: which operators each leaves in float.

The levels are those of XQuant's `precision_level`; what its level 1 leaves in float is not
documented, so that level is ours.
"""

from __future__ import annotations

from toolchain.core.graph_view import NodeView
from toolchain.core.operators import data_inputs

_SENSITIVE = frozenset({"Softmax", "Sigmoid"})
_BINARY = frozenset({"Add", "Sub", "Mul", "Div"})


def stays_float(node: NodeView, level: int) -> bool:
    """True if `level` leaves `node` in float.

    0 leaves nothing, 1 Softmax and Sigmoid, 2 also sums, differences, products and quotients of two
    activations, 3 everything.
    """
    if level == 0 or level >= 3:
        return level >= 3
    if node.op_type in _SENSITIVE:
        return True
    return (
        level == 2
        and node.op_type in _BINARY
        and not any(value.is_constant for _, value in data_inputs(node))
    )
