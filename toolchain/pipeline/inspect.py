"""What is in a model, and what targets make of it, without any data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from toolchain.core.graph_view import GraphView, NodeView, ValueView
from toolchain.core.options import InputOptions
from toolchain.core.reports import InspectReport, TargetSupport, TensorRow, Violation
from toolchain.core.target import TargetDef, TargetSpec
from toolchain.graph.inputs import input_specs
from toolchain.graph.load import load_model
from toolchain.graph.macs import macs, weight_bytes
from toolchain.graph.normalize import normalize
from toolchain.graph.optimize import apply_passes
from toolchain.graph.passes import PASSES
from toolchain.graph.view import view
from toolchain.program.float_ops import SUPPORTED
from toolchain.quantization.plan import make_plan
from toolchain.quantization.report import float_reason


def inspect(path: Path, targets: Sequence[TargetDef]) -> InspectReport:
    """Read, normalize and simplify the model in memory; nothing is written.

    Inputs, outputs, operators and their counts are those of the file; MACs and support are those of
    the simplified model with a batch of 1, on every chip of every target with its own options as
    they are by default.

    Raises:
        ModelError: The file is not a usable model, or inputs have open dimensions.
    """
    model = load_model(path)
    original = view(model)
    opset = model.opset_imports.get("", 0)
    specs = input_specs(path, (InputOptions(),) if len(original.inputs) == 1 else ())
    model = normalize(model, {spec.name: spec.shape for spec in specs})
    for _ in apply_passes(model, PASSES):
        pass
    graph = view(model)
    return InspectReport(
        path=path,
        opset=opset,
        inputs=tuple(_tensor(value) for value in original.inputs),
        outputs=tuple(_tensor(value) for value in original.outputs),
        nodes=len(original.nodes),
        macs=sum(macs(node) for node in graph.nodes),
        weight_bytes=sum(weight_bytes(node) for node in graph.nodes),
        parameters=sum(
            value.constant.size for value in original.values.values() if value.constant is not None
        ),
        op_counts=tuple(Counter(node.op_type for node in original.nodes).most_common()),
        support=tuple(found for target in targets for found in _by_platform(graph, target)),
    )


def _by_platform(graph: GraphView, target: TargetDef) -> list[TargetSupport]:
    """Support by chips, those together that agree; the default chip and its equals are first."""
    alike: list[tuple[TargetSpec, TargetSupport]] = []
    for chip in target.spec.platforms:
        facts = target.facts(chip.name, target.options())
        known = (found for other, found in alike if other.ops == facts.ops)
        support = next(known, None) or _support(graph, facts)
        alike.append((facts, support))
    grouped: list[TargetSupport] = []
    for facts, support in alike:
        names = tuple(chip.name for chip in facts.platforms)
        index = next((i for i, s in enumerate(grouped) if replace(s, platforms=()) == support), -1)
        if index < 0:
            grouped.append(replace(support, platforms=names))
        else:
            grouped[index] = replace(support, platforms=grouped[index].platforms + names)
    return grouped


def _support(graph: GraphView, target: TargetSpec) -> TargetSupport:
    plan = make_plan(graph, target, bias_dtype=target.bias.dtypes[0])
    in_float = [n for n in graph.nodes if float_reason(n, plan, target, None) is not None]
    total = sum(macs(node) for node in graph.nodes)
    outside = sum(macs(node) for node in in_float)
    return TargetSupport(
        target=target.name,
        platforms=(),
        integer_nodes=len(graph.nodes) - len(in_float),
        float_nodes=sum(node.op_type in SUPPORTED for node in in_float),
        unsupported_nodes=sum(node.op_type not in SUPPORTED for node in in_float),
        integer_mac_share=1.0 if total == 0 else 1.0 - outside / total,
        violations=tuple(found for node in in_float for found in _violations(node, target)),
    )


def _violations(node: NodeView, target: TargetSpec) -> tuple[Violation, ...]:
    return tuple(
        Violation(node=node.name, op_type=node.op_type, rule=rule, measured=measured)
        for rule, measured in target.violations(node)
    )


def _tensor(value: ValueView) -> TensorRow:
    shape = "unknown" if value.shape is None else "x".join(str(d or "?") for d in value.shape)
    return TensorRow(name=value.name, dtype=str(value.dtype or "unknown"), shape=shape)
