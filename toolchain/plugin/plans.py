"""Whether a plan fits its graph, and the facts of its target."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolchain.core.dtypes import DType

if TYPE_CHECKING:
    from collections.abc import Collection

    from toolchain.core.graph_view import GraphView
    from toolchain.core.quant import Edge, QuantPlan, QuantSpec
    from toolchain.core.target import TargetSpec
    from toolchain.plugin.declared import Findings


def misplaced(plan: QuantPlan, graph: GraphView) -> Findings:
    """Names in `plan` that `graph` does not have, and integers that are none."""
    yield from _misplaced_values(plan, graph)
    reads = {
        (value.name, node.name, position)
        for node in graph.nodes
        for position, value in enumerate(node.inputs)
        if value is not None
    }
    for edge in plan.conversions:
        if tuple(edge) not in reads:
            yield "conversions", _edge(edge), "inputs that nodes of the graph read"
    for group in plan.shared:
        for name in sorted(group - plan.specs.keys()):
            yield "shared", name, "values that are stored as integers"


def _misplaced_values(plan: QuantPlan, graph: GraphView) -> Findings:
    known, rule = graph.values, "values of the graph"
    for name, spec in plan.specs.items():
        if name not in known:
            yield f"specs[{name}]", name, rule
        elif not spec.dtype.is_integer:
            yield f"specs[{name}]", spec.dtype, "an integer type; what stays in float has no spec"
    for before, behind in plan.fused.items():
        if before not in known or behind not in known:
            yield f"fused[{before}]", behind, rule
        elif before in plan.specs:
            yield f"fused[{before}]", "it is stored, too", "values that are never stored"


def beyond_facts(
    plan: QuantPlan, graph: GraphView, target: TargetSpec, fixed: Collection[str] = ()
) -> Findings:
    """Specs in `plan` that the facts of `target` do not have; `fixed` values are the model's."""
    for name, spec in plan.specs.items():
        if name not in fixed:
            constant = graph.values[name].is_constant
            yield from _beyond(f"specs[{name}]", spec, target, constant=constant)
    for edge, converted in plan.conversions.items():
        if converted is not None and edge.value not in fixed:
            constant = graph.values[edge.value].is_constant
            yield from _beyond(_edge(edge), converted, target, constant=constant)


def _beyond(where: str, spec: QuantSpec, target: TargetSpec, *, constant: bool) -> Findings:
    allowed: tuple[DType, ...] = target.activation_dtypes
    if constant:
        allowed = (*target.weight_dtypes, *target.bias.dtypes, *allowed)
    if spec.dtype not in allowed:
        yield where, spec.dtype, ", ".join(dict.fromkeys(allowed))


def _edge(edge: Edge) -> str:
    return f"input {edge.position} of {edge.node}, {edge.value}"
