"""ReduceMean over all spatial axes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolchain.graph.attributes import int_of
from toolchain.graph.edit import rewrite
from toolchain.graph.tensors import constant_of, rank_of

if TYPE_CHECKING:
    import onnx_ir as ir


def fuse_global_average_pool(model: ir.Model) -> bool:
    """Turn ReduceMean over axes 2 and 3 of a rank-4 value, axes kept, into GlobalAveragePool."""
    changed = False
    for node in list(model.graph):
        if (node.domain, node.op_type) != ("", "ReduceMean") or len(node.inputs) != 2:
            continue
        axes = constant_of(node.inputs[1])
        if axes is None or rank_of(node.inputs[0]) != 4 or not int_of(node, "keepdims", 1):
            continue
        if sorted(int(axis) % 4 for axis in axes.ravel()) == [2, 3]:
            rewrite(node, "GlobalAveragePool", [node.inputs[0]])
            changed = True
    return changed
