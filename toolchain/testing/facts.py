"""What is wrong with the facts, rules and options of a target, in words for its author."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, get_type_hints

from toolchain.core.operators import TRAITS
from toolchain.core.options import Doc
from toolchain.core.target import (
    Constraint,
    Measured,
    OpSupport,
    Support,
    TargetDef,
    TargetSpec,
    rule_of,
)
from toolchain.plugin.declared import mistyped, shown
from toolchain.plugin.facts import fact_findings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from toolchain.core.graph_view import NodeView

_MOVES = frozenset(name for name, known in TRAITS.items() if known.moves) | {"Resize"}


def inconsistent(definition: TargetDef) -> Iterator[str]:
    """Facts of the wrong type, facts that contradict each other, and facts without a source."""
    wrong = [
        f"{where}: {got}, should be {kind}" for where, got, kind in mistyped(definition, TargetDef)
    ]
    yield from wrong
    if wrong:
        return
    spec = definition.spec
    for where, got, allowed in fact_findings(definition):
        yield f"{where}: {got}, allowed: {allowed}"
    if not spec.summary.strip() or "\n" in spec.summary:
        yield "summary: one line that says which hardware this is"
    if not any(note.strip() for note in spec.notes):
        yield "notes: empty; say where the facts come from, one line each"
    yield from _operators(spec)


def _operators(spec: TargetSpec) -> Iterator[str]:
    import onnx

    known = {schema.name for schema in onnx.defs.get_all_schemas() if not schema.domain}
    if not spec.ops:
        yield "ops: empty; the target runs nothing"
    for where, name, support in _supports(spec):
        if name not in known:
            yield f"{where}: no operator of ONNX"
        if support is not None and support.support is Support.MOVE and name not in _MOVES:
            yield f"{where}: marked MOVE, but it computes"
    for platform in spec.platforms:
        for name in sorted(platform.ops.keys() - spec.ops.keys()):
            if platform.ops[name] is None:
                yield f"platform {platform.name}, ops[{name}]: the family does not run it anyway"
    for name in sorted(spec.fused_activations - known):
        yield f"fused_activations: {name} is no operator of ONNX"


def _supports(spec: TargetSpec) -> Iterator[tuple[str, str, OpSupport | None]]:
    """Every support of an operator, of the family and of single chips, and where it stands."""
    for name, support in spec.ops.items():
        yield f"ops[{name}]", name, support
    for platform in spec.platforms:
        for name, own in platform.ops.items():
            yield f"platform {platform.name}, ops[{name}]", name, own


def silent_rules(spec: TargetSpec) -> Iterator[str]:
    """Constraints, of the family and of single chips, that do not say to users what they demand."""
    for where, _, support in _supports(spec):
        constraints = () if support is None else support.constraints
        rules = [rule_of(constraint) for constraint in constraints]
        for constraint, rule in zip(constraints, rules, strict=True):
            if not (constraint.__doc__ or "").strip():
                yield f"{where}: `{constraint.__name__}` has no docstring, which is its rule"
            elif not rule.endswith("."):
                yield f"{where}: the rule is no sentence: {rule}"
        if len(set(rules)) < len(rules):
            yield f"{where}: two constraints say the same"


def unmeasured(spec: TargetSpec, nodes: Iterable[NodeView]) -> Iterator[str]:
    """Constraints, of the family and of single chips, that raise or say nothing of a node."""
    supports = [found for found in _supports(spec) if found[2] is not None]
    for node in nodes:
        for where, name, support in supports:
            if support is not None and name == node.op_type:
                for constraint in support.constraints:
                    yield from _unmeasured(constraint, node, where)


def _unmeasured(constraint: Constraint, node: NodeView, where: str) -> Iterator[str]:
    place = f"{where}, rule `{rule_of(constraint)}` on {node.op_type}"
    try:
        found = constraint(node)
    except Exception as error:  # noqa: BLE001 - becomes a finding
        yield f"{place}: raised {type(error).__name__}: {error}"
        return
    if not isinstance(found, Measured):
        yield f"{place}: returned {shown(found)}, should be Measured"
    elif not found.value.strip():
        yield f"{place}: does not say what it measured"


def undocumented(definition: TargetDef) -> Iterator[str]:
    """Options of the target's own without a text for the reference."""
    record: Any = definition.options
    hints = get_type_hints(record, include_extras=True)
    for field in dataclasses.fields(record):
        notes = getattr(hints[field.name], "__metadata__", ())
        if not any(isinstance(note, Doc) and note.text.endswith(".") for note in notes):
            yield f"options.{field.name}: no text; write Annotated[..., Doc('What it does.')]"
