"""Mul, Add, Sub and Div by a constant per channel behind a Conv, ConvTranspose or Gemm."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolchain.graph.affine import elementwise_affine, fold_behind
from toolchain.graph.edit import absorb, read_only_by

if TYPE_CHECKING:
    import onnx_ir as ir


def fold_channel_affine(model: ir.Model) -> bool:
    """Fold them into weight and bias of the operator before, where nothing else reads that."""
    changed = False
    for node in list(model.graph):
        found = elementwise_affine(node)
        if found is None:
            continue
        value, affine = found
        producer = value.producer()
        if producer is None or not read_only_by(value, node):
            continue
        if fold_behind(model, producer, affine):
            absorb(node, value)
            changed = True
    return changed
