"""BatchNormalization behind a Conv, ConvTranspose or Gemm."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolchain.graph.affine import batch_norm_affine, fold_behind
from toolchain.graph.edit import absorb, read_only_by

if TYPE_CHECKING:
    import onnx_ir as ir


def fold_batch_norm(model: ir.Model) -> bool:
    """Fold it into weight and bias of the operator before it, where nothing else reads that."""
    changed = False
    for node in list(model.graph):
        affine, value = batch_norm_affine(node), node.inputs[0] if node.inputs else None
        producer = None if value is None else value.producer()
        if affine is None or value is None or producer is None or not read_only_by(value, node):
            continue
        if fold_behind(model, producer, affine):
            absorb(node, value)
            changed = True
    return changed
