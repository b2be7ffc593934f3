"""What was quantized how, as report rows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from toolchain.core.dtypes import DType
from toolchain.core.graph_view import GraphView, NodeView
from toolchain.core.operators import data_inputs, traits, weight_input
from toolchain.core.quant import Edge, ParamSet, PerBlock, PerChannel, QuantParams, QuantPlan
from toolchain.core.reports import FloatRow, QuantReport, QuantRow
from toolchain.core.target import TargetSpec
from toolchain.graph.macs import macs
from toolchain.quantization.plan import runs_on_integers
from toolchain.quantization.precision import CUT_REASON, NodePrecision

RULE_REASON = "a rule or the precision level asks for float"
"""Why a node runs in float that could run on integers."""
ASKED_REASONS = frozenset({RULE_REASON, CUT_REASON})
"""Reasons of the user's own."""


def quant_report(
    graph: GraphView,
    plan: QuantPlan,
    params: ParamSet,
    methods: Mapping[str, str],
    target: TargetSpec,
    precision: Mapping[str, NodePrecision],
    algorithms: tuple[str, ...],
) -> QuantReport:
    """Rows of every stored tensor in graph order, and the nodes that run in float, with reasons."""
    order = {name: number for number, name in enumerate(graph.values)}
    rows = [
        _row(name, _role(graph, name), found, methods.get(name, "derived"))
        for name, found in sorted(params.values.items(), key=lambda item: order[item[0]])
    ]
    for edge, found in params.edges.items():
        constant = graph.values[edge.value].is_constant
        role = _role(graph, edge.value) if constant else "conversion"
        rows.append(_row(f"{edge.value} -> {edge.node}", role, found, "derived"))
    islands = tuple(
        FloatRow(node=node.name, op_type=node.op_type, reason=reason, macs=macs(node))
        for node in graph.nodes
        if (reason := float_reason(node, plan, target, precision.get(node.name))) is not None
    )
    total = sum(macs(node) for node in graph.nodes)
    outside = sum(row.macs for row in islands)
    return QuantReport(
        rows=tuple(rows),
        islands=islands,
        integer_nodes=len(graph.nodes) - len(islands),
        integer_macs=total - outside,
        total_macs=total,
        algorithms=algorithms,
    )


def float_reason(
    node: NodeView, plan: QuantPlan, target: TargetSpec, precision: NodePrecision | None
) -> str | None:
    """Why `node` runs in float, or None where it runs on integers."""
    asked = precision or NodePrecision()
    if not any(value.dtype == "float32" for _, value in data_inputs(node)):
        return None
    if asked.behind_cut:
        return CUT_REASON
    if runs_on_integers(node, target, asked):
        edges = [Edge(v.name, node.name, i) for i, v in data_inputs(node)]
        read = [
            plan.conversions[edge] if edge in plan.conversions else plan.specs.get(edge.value)
            for edge in edges
            if edge.value not in plan.fused
        ]
        return None if all(read) else "its input is stored in float"
    if DType.FLOAT32 in (asked.input_dtype, asked.output_dtype, asked.weight_dtype):
        return RULE_REASON
    broken = target.violations(node)
    if broken:
        return "; ".join(f"not so: {rule} (found: {measured})" for rule, measured in broken)
    return "it reads constants only, or tensors of several types"


def _role(graph: GraphView, name: str) -> str:
    for use in graph.uses(name):
        weight = weight_input(use.node)
        if weight is not None and weight.name == name and use.position == traits(use.node).weight:
            return "weight"
        if graph.values[name].is_constant and use.position == traits(use.node).bias:
            return "bias"
    return "constant" if graph.values[name].is_constant else "activation"


def _granularity(params: QuantParams) -> str:
    match params.spec.granularity:
        case PerChannel(axis) if params.scale.ndim == 1:
            return f"per_channel({axis})"
        case PerBlock(axis, size):
            return f"per_block({axis}, {size})"
        case _:
            return "per_tensor"


def _row(name: str, role: str, params: QuantParams, method: str) -> QuantRow:
    spec = params.spec
    scale = np.float32(params.scale.reshape(-1)[0])
    point = int(params.zero_point.reshape(-1)[0])
    return QuantRow(
        value=name,
        role=role,
        dtype=spec.dtype,
        granularity=_granularity(params),
        scale=float(scale),
        zero_point=point,
        minimum=float((spec.qmin - point) * scale),
        maximum=float((spec.qmax - point) * scale),
        method=method,
    )
