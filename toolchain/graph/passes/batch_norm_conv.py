"""BatchNormalization that cannot be folded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from toolchain.graph.affine import Affine, batch_norm_affine
from toolchain.graph.edit import add_initializer, insert_node, rewrite
from toolchain.graph.tensors import constant_of, rank_of

if TYPE_CHECKING:
    import onnx_ir as ir


def rewrite_batch_norm(model: ir.Model) -> bool:
    """Turn it into a depthwise 1x1 Conv (rank 3 to 5), or Mul and Add (rank 2)."""
    changed = False
    for node in list(model.graph):
        affine = batch_norm_affine(node)
        rank = rank_of(node.inputs[0]) if node.inputs else None
        if affine is None or rank not in (2, 3, 4, 5):
            continue
        if rank == 2:
            _as_mul_add(model, node, affine)
        else:
            _as_conv(model, node, affine, rank - 2)
        changed = True
    return changed


def _as_conv(model: ir.Model, node: ir.Node, affine: Affine, spatial: int) -> None:
    channels = affine.scale.size
    kernel = (1,) * spatial
    weight = affine.scale.reshape(channels, 1, *kernel)
    rewrite(
        node,
        "Conv",
        [node.inputs[0], *_constants(model, node, ("weight", weight), ("bias", affine.shift))],
        {"group": channels, "kernel_shape": kernel},
    )


def _as_mul_add(model: ir.Model, node: ir.Node, affine: Affine) -> None:
    scale, shift = _constants(model, node, ("scale", affine.scale), ("shift", affine.shift))
    output = node.outputs[0]
    inner = insert_node(
        node, "Mul", [node.inputs[0], scale], f"{output.name}_scaled", f"{node.name}_mul"
    )
    inner.type, inner.shape = output.type, output.shape
    rewrite(node, "Add", [inner, shift])


def _constants(model: ir.Model, node: ir.Node, *arrays: tuple[str, np.ndarray]) -> list[ir.Value]:
    gamma = constant_of(node.inputs[1])
    dtype = np.float32 if gamma is None else gamma.dtype
    return [add_initializer(model, f"{node.name}.{name}", a.astype(dtype)) for name, a in arrays]
