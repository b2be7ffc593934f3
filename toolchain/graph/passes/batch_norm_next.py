"""BatchNormalization in front of an unpadded Conv."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolchain.graph.affine import batch_norm_affine, fold_before
from toolchain.graph.edit import bypass

if TYPE_CHECKING:
    import onnx_ir as ir


def fold_batch_norm_next(model: ir.Model) -> bool:
    """Fold it into the Conv behind it, where that alone reads it and sees no padding."""
    changed = False
    for node in list(model.graph):
        affine, output = batch_norm_affine(node), node.outputs[0]
        uses = list(output.uses())
        if affine is None or len(uses) != 1 or uses[0].idx != 0 or output.is_graph_output():
            continue
        value = node.inputs[0]
        if value is not None and fold_before(model, uses[0].node, affine):
            changed |= bypass(node, value)
    return changed
