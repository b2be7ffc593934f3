"""What is wrong with the facts, rules and options of a target, in words for its author."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, get_type_hints

from toolchain.core.operators import TRAITS
from toolchain.core.options import Doc
from toolchain.core.target import Measured, Support, TargetDef, TargetSpec, rule_of
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
    for name, support in spec.ops.items():
        if name not in known:
            yield f"ops[{name}]: no operator of ONNX"
        if support.support is Support.MOVE and name not in _MOVES:
            yield f"ops[{name}]: marked MOVE, but it computes"
    for name in sorted(spec.fused_activations - known):
        yield f"fused_activations: {name} is no operator of ONNX"


def silent_rules(spec: TargetSpec) -> Iterator[str]:
    """Constraints that do not say to users what they demand."""
    for name, support in spec.ops.items():
        rules = [rule_of(constraint) for constraint in support.constraints]
        for constraint, rule in zip(support.constraints, rules, strict=True):
            if not (constraint.__doc__ or "").strip():
                yield f"ops[{name}]: `{constraint.__name__}` has no docstring, which is its rule"
            elif not rule.endswith("."):
                yield f"ops[{name}]: the rule is no sentence: {rule}"
        if len(set(rules)) < len(rules):
            yield f"ops[{name}]: two constraints say the same"


def unmeasured(spec: TargetSpec, nodes: Iterable[NodeView]) -> Iterator[str]:
    """Constraints that raise on a node, or do not say what they measured."""
    for node in nodes:
        support = spec.ops.get(node.op_type)
        for constraint in () if support is None else support.constraints:
            place = f"rule `{rule_of(constraint)}` on {node.op_type}"
            try:
                found = constraint(node)
            except Exception as error:  # noqa: BLE001 - becomes a finding
                yield f"{place}: raised {type(error).__name__}: {error}"
                continue
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
