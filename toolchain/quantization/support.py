"""Operators that a target leaves in float, or cannot run at all."""

from __future__ import annotations

from collections.abc import Mapping, Set

from toolchain.core.graph_view import GraphView
from toolchain.core.options import Unsupported
from toolchain.core.quant import QuantPlan
from toolchain.core.target import TargetSpec
from toolchain.errors import Code, Problem, UnsupportedOpError
from toolchain.quantization.precision import NodePrecision
from toolchain.quantization.report import ASKED_REASONS, float_reason


def check_support(
    graph: GraphView,
    plan: QuantPlan,
    target: TargetSpec,
    precision: Mapping[str, NodePrecision],
    policy: Unsupported,
    float_ops: Set[str],
) -> None:
    """Make sure that every node runs somewhere.

    Args:
        graph: The float graph.
        plan: How its values are stored.
        target: Facts of the hardware.
        precision: What rules ask, by node name.
        policy: CPU lets what the target cannot run on integers run in float; ERROR forbids it.
        float_ops: Operators that can run in float.

    Raises:
        UnsupportedOpError: Nodes that cannot run, or may not by `policy`; all of them, each with
            the rule it breaks and what was measured.
    """
    problems = []
    for node in graph.nodes:
        standard = node.domain in ("", "ai.onnx") and node.op_type in float_ops
        reason = float_reason(node, plan, target, precision.get(node.name))
        forbidden = policy is Unsupported.ERROR and reason not in {None, *ASKED_REASONS}
        runs = reason is None and node.op_type in target.ops
        if forbidden or not (standard or runs):
            problems.append(
                Problem(
                    code=Code.UNSUPPORTED_OP,
                    message=f"Target `{target.name}` cannot run this node",
                    where=f"{node.name} ({node.op_type})",
                    got=reason or "no implementation in float",
                    hint='`quantize.unsupported = "cpu"` lets it run in float'
                    if standard
                    else "cut the model in front of it, or replace it by supported operators",
                )
            )
    if problems:
        raise UnsupportedOpError.of(problems)
