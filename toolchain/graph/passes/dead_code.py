"""Nodes and constants that no output depends on."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx_ir as ir


def remove_dead_code(model: ir.Model) -> bool:
    """Remove nodes and initializers that nobody reads; inputs stay."""
    from onnx_ir.passes import common

    return bool(common.RemoveUnusedNodesPass()(model).modified)
