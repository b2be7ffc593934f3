"""Attributes and constants of a model as loaded, replaced by what the user says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from toolchain.core.reports import SurgeryRow
from toolchain.core.suggest import did_you_mean
from toolchain.errors import Code, Problem
from toolchain.graph.constant_file import read_numbers
from toolchain.graph.edit import replace_constant

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import onnx
    import onnx_ir as ir

    from toolchain.core.dtypes import Array
    from toolchain.core.options import AttributeValue, ConstantPatch, NodePatch

_SHOWN = 6
"""Numbers of a constant that the report shows."""


def patch_nodes(model: ir.Model, patches: Sequence[NodePatch]) -> Iterator[SurgeryRow | Problem]:
    """Set attributes of nodes of the main graph; a row for each, or what is wrong with it.

    Attributes are held against ONNX's schema of the operator in the model's opset: they must exist
    and be of the type given, whole numbers being good for floats.
    """
    named: dict[str, list[ir.Node]] = {}
    for node in model.graph:
        named.setdefault(node.name or node.outputs[0].name or "", []).append(node)
    for index, patch in enumerate(patches):
        where = f"surgery.nodes[{index}]"
        found = named.get(patch.name, [])
        if len(found) != 1:
            yield _not_one("node", patch.name, len(found), named, f"{where}.name")
            continue
        for name, value in patch.attributes.items():
            yield _set(model, found[0], name, value, f"{where}.attributes.{name}")


def patch_constants(
    model: ir.Model, patches: Sequence[ConstantPatch]
) -> Iterator[SurgeryRow | Problem]:
    """Give initializers of the main graph other numbers; a row for each, or what is wrong with it.

    Element type and shape stay: there must be as many numbers, and the type must hold them.
    """
    constants = model.graph.initializers
    for index, patch in enumerate(patches):
        where = f"surgery.constants[{index}]"
        value = constants.get(patch.name)
        if value is None or value.const_value is None:
            yield _not_one("constant", patch.name, 0, constants, f"{where}.name")
            continue
        old = value.const_value
        numbers = read_numbers(patch, old.dtype, tuple(old.shape.numpy()), where)
        if isinstance(numbers, Problem):
            yield numbers
            continue
        yield SurgeryRow(
            change="constant",
            where=patch.name,
            old=_summary(old.numpy()),
            new=_summary(numbers),
        )
        replace_constant(model, patch.name, numbers)


def _set(
    model: ir.Model, node: ir.Node, name: str, value: AttributeValue, where: str
) -> SurgeryRow | Problem:
    import onnx_ir as ir

    schema = _schema(model, node)
    if schema is None or name not in schema.attributes:
        known = [] if schema is None else sorted(schema.attributes)
        return Problem(
            code=Code.UNKNOWN_NAME,
            message=f"Operator {node.op_type} has no attribute `{name}`",
            where=where,
            allowed=", ".join(known) or "none",
            hint=did_you_mean(name, known, most=3),
        )
    wanted = schema.attributes[name]
    kind = str(wanted.type).rpartition(".")[2]
    if kind not in _ACCEPTS or not _fits(value, kind):
        return Problem(
            code=Code.WRONG_TYPE,
            message=f"Attribute `{name}` of {node.op_type} is of another type",
            where=where,
            got=str(value),
            allowed=_ACCEPTS.get(kind, "no value: it is no number or text"),
        )
    old = node.attributes.get(name)
    default = wanted.default_value
    before = _attribute_text(_default(default) if old is None else old.value)
    given = _as_kind(value, kind)
    node.attributes.add(ir.convenience.convert_attribute(name, given, ir.AttributeType[kind]))
    return SurgeryRow(
        change="attribute",
        where=f"{node.name or node.outputs[0].name} ({node.op_type}): {name}",
        old=before,
        new=_attribute_text(given),
    )


_ACCEPTS = {
    "INT": "an integer",
    "FLOAT": "a number",
    "STRING": "text",
    "INTS": "a list of integers",
    "FLOATS": "a list of numbers",
    "STRINGS": "a list of text",
}


def _schema(model: ir.Model, node: ir.Node) -> onnx.defs.OpSchema | None:
    import onnx

    version = model.graph.opset_imports.get(node.domain, 1)
    if not onnx.defs.has(node.op_type, max_inclusive_version=version, domain=node.domain):
        return None
    return onnx.defs.get_schema(node.op_type, version, node.domain)


def _fits(value: AttributeValue, kind: str) -> bool:
    items = value if isinstance(value, tuple) else (value,)
    text = kind.startswith("STRING")
    whole = kind.startswith("INT")
    return isinstance(value, tuple) == kind.endswith("S") and all(
        isinstance(item, str) == text and not (whole and isinstance(item, float)) for item in items
    )


def _as_kind(value: AttributeValue, kind: str) -> AttributeValue:
    if kind == "FLOAT" and isinstance(value, int):
        return float(value)
    if kind == "FLOATS" and isinstance(value, tuple):
        return tuple(float(item) for item in value)
    return value


def _default(default: onnx.AttributeProto) -> object:
    import onnx

    unset = default.type == onnx.AttributeProto.UNDEFINED
    return None if unset else onnx.helper.get_attribute_value(default)


def _attribute_text(value: object) -> str:
    if value is None:
        return "not set"
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_attribute_text(item) for item in value) + "]"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _summary(array: Array) -> str:
    """Type, shape and the first numbers: "int64[3] 1, 96, 48"."""
    shape = "x".join(str(dim) for dim in array.shape)
    head = np.asarray(array).reshape(-1)[:_SHOWN]
    numbers = head if head.dtype.kind in "iub" else head.astype(np.float64)
    first = [f"{item:g}" if isinstance(item, float) else str(item) for item in numbers.tolist()]
    more = ", ..." if array.size > _SHOWN else ""
    return f"{array.dtype}[{shape}] {', '.join(first)}{more}"


def _not_one(kind: str, name: str, count: int, known: Iterable[str], where: str) -> Problem:
    return Problem(
        code=Code.NO_MATCH,
        message=f"Several {kind}s of the model have this name"
        if count
        else f"The model has no {kind} of this name",
        where=where,
        got=name,
        hint="export the model with a name for each"
        if count
        else did_you_mean(name, known, most=3)
        or "names are those of the file, before any optimization",
    )
