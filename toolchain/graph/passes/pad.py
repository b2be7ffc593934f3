"""Pad in front of operators that pad by themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolchain.graph.attributes import int_of, ints_of, str_of
from toolchain.graph.edit import remove_unread
from toolchain.graph.tensors import constant_of, rank_of, scalar_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import onnx_ir as ir

_FILL = {"Conv": 0.0, "AveragePool": 0.0, "MaxPool": float("-inf")}
"""What each operator pads with by itself."""


def fold_pad(model: ir.Model) -> bool:
    """Fold constant spatial padding into Conv, AveragePool (that counts it) and MaxPool.

    Only where the fill is what the operator pads with: 0, and minus infinity for MaxPool.
    """
    changed = False
    for node in list(model.graph):
        if node.domain != "" or node.op_type not in _FILL or node.inputs[0] is None:
            continue
        pad = node.inputs[0].producer()
        pads = None if pad is None else _spatial_pads(pad, _FILL[node.op_type])
        if pad is None or pads is None or not _takes(node, pads):
            continue
        before = node.inputs[0]
        own = ints_of(node, "pads", (0,) * len(pads))
        _set(node, "pads", [a + b for a, b in zip(own, pads, strict=True)])
        node.attributes.pop("auto_pad", None)
        if node.op_type == "AveragePool":
            _set(node, "count_include_pad", 1)
        node.replace_input_with(0, pad.inputs[0])
        remove_unread([before])
        changed = True
    return changed


def _spatial_pads(node: ir.Node, fill: float) -> tuple[int, ...] | None:
    """Begins, then ends, of the spatial axes; None where it pads otherwise or elsewhere."""
    rank = rank_of(node.inputs[0]) if node.inputs else None
    if (node.domain, node.op_type) != ("", "Pad") or rank is None or rank < 3:
        return None
    pads = constant_of(node.inputs[1])
    if pads is None or str_of(node, "mode", "constant") != "constant" or _fill(node) != fill:
        return None
    axes = _axes(node, rank)
    if axes is None:
        return None
    begins, ends = [0] * rank, [0] * rank
    for position, axis in enumerate(axes):
        begins[axis], ends[axis] = int(pads[position]), int(pads[position + len(axes)])
    if any(begins[:2]) or any(ends[:2]) or min(*begins, *ends) < 0:
        return None
    return (*begins[2:], *ends[2:])


def _fill(node: ir.Node) -> float | None:
    given = len(node.inputs) > 2 and node.inputs[2] is not None
    return scalar_of(node.inputs[2]) if given else 0.0


def _axes(node: ir.Node, rank: int) -> list[int] | None:
    if len(node.inputs) < 4 or node.inputs[3] is None:
        return list(range(rank))
    axes = constant_of(node.inputs[3])
    return None if axes is None else [int(axis) % rank for axis in axes]


def _takes(node: ir.Node, pads: tuple[int, ...]) -> bool:
    """True if the operator means the same with its own padding made larger by `pads`."""
    if str_of(node, "auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
        return False
    if node.op_type == "Conv":
        return True
    own = ints_of(node, "pads", (0,) * len(pads))
    total = [a + b for a, b in zip(own, pads, strict=True)]
    kernel = ints_of(node, "kernel_shape", ())
    if int_of(node, "ceil_mode", 0) or any(p >= k for p, k in zip(total, kernel * 2, strict=True)):
        return False
    counts = int_of(node, "count_include_pad", 0) == 1 or not any(own)
    return node.op_type == "MaxPool" or counts


def _set(node: ir.Node, name: str, value: int | Sequence[int]) -> None:
    import onnx_ir as ir

    node.attributes[name] = ir.convenience.convert_attribute(name, value)
