"""The same computation done twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toolchain.graph.tensors import constant_of

if TYPE_CHECKING:
    from collections.abc import Hashable

    import onnx_ir as ir

_KEPT = frozenset(
    {
        "Bernoulli", "DequantizeLinear", "DynamicQuantizeLinear", "Multinomial", "QuantizeLinear",
        "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike",
    }
)  # fmt: skip
"""Random operators differ every time; Q and DQ belong to the one edge they are on."""
_SMALL_BYTES = 1024


def merge_common_subexpressions(model: ir.Model) -> bool:
    """Let equal nodes that read equal values be one; small constants are compared by content."""
    first: dict[Hashable, ir.Node] = {}
    changed = False
    for node in list(model.graph):
        key = _key(node)
        if key is None:
            continue
        twin = first.setdefault(key, node)
        if twin is not node and not any(out.is_graph_output() for out in node.outputs):
            for old, new in zip(node.outputs, twin.outputs, strict=True):
                old.replace_all_uses_with(new)
            model.graph.remove(node, safe=True)
            changed = True
    return changed


def _key(node: ir.Node) -> Hashable | None:
    if node.op_type in _KEPT:
        return None
    attributes = {name: _attribute_key(attribute) for name, attribute in node.attributes.items()}
    if any(key is None for key in attributes.values()):
        return None
    return (
        node.op_identifier(),
        tuple(bool(value.name) for value in node.outputs),
        tuple(_value_key(value) for value in node.inputs),
        tuple(sorted(attributes.items())),
    )


def _attribute_key(attribute: ir.Attr) -> tuple[str, Any] | None:
    import onnx_ir as ir

    kinds = ir.AttributeType
    if attribute.type in (kinds.INTS, kinds.FLOATS, kinds.STRINGS):
        return attribute.type.name, tuple(attribute.value)
    if attribute.type in (kinds.INT, kinds.FLOAT, kinds.STRING):
        return attribute.type.name, attribute.value
    return None


def _value_key(value: ir.Value | None) -> Hashable:
    array = constant_of(value)
    if array is None or array.nbytes > _SMALL_BYTES or array.dtype.kind not in "fiub":
        return id(value)
    return str(array.dtype), array.shape, array.tobytes()
