"""Activations that an accumulating operator absorbs before requantization."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from toolchain.core.dtypes import DType
from toolchain.core.graph_view import GraphView, NodeView
from toolchain.core.target import Support, TargetSpec
from toolchain.quantization.precision import NodePrecision

CLAMPING = frozenset(
    {
        "Conv",
        "ConvTranspose",
        "Gemm",
        "MatMul",
        "Add",
        "Sub",
        "Mul",
        "AveragePool",
        "GlobalAveragePool",
    }
)
"""Operators whose requantization can clamp its result."""


ABSORBED = frozenset({"Relu", "Clip"})
"""Activations that become bounds of a requantization: what targets absorb unless they say else."""


def fused_values(
    graph: GraphView,
    target: TargetSpec,
    integer: Collection[str],
    precision: Mapping[str, NodePrecision],
    fixed: Collection[str] = (),
) -> dict[str, str]:
    """Value before an absorbed activation to the value behind it.

    An activation is absorbed if the target fuses its operator, both nodes run on integers, it is
    the only reader of the value, the value is no model output, the model does not fix its
    parameters, and no rule wants it stored in another type than what is behind it.
    """
    fused: dict[str, str] = {}
    for node in graph.nodes:
        if node.name not in integer or node.op_type not in CLAMPING:
            continue
        if target.ops[node.op_type].support is Support.MOVE:
            continue
        behind = absorbed_activation(graph, node, target.fused_activations)
        value = node.outputs[0].name
        if behind is None or behind.name not in integer or value in fixed:
            continue
        if _output_dtype(node, precision) in (None, _output_dtype(behind, precision)):
            fused[value] = behind.outputs[0].name
    return fused


def _output_dtype(node: NodeView, precision: Mapping[str, NodePrecision]) -> DType | None:
    asked = precision.get(node.name)
    return None if asked is None else asked.output_dtype


def absorbed_activation(
    graph: GraphView, node: NodeView, absorbed: Collection[str]
) -> NodeView | None:
    """The activation node, of the operators `absorbed`, that `node` absorbs, or None."""
    value = node.outputs[0].name
    uses = graph.uses(value)
    if len(uses) != 1 or value in graph.output_names:
        return None
    behind = uses[0].node
    single = behind.op_type in absorbed and uses[0].position == 0
    return behind if single and behind.outputs[0].dtype is DType.FLOAT32 else None
