"""Limits of SpacemiT's onnxruntime provider on QDQ models, from its documentation."""

from __future__ import annotations

from collections.abc import Iterator

from toolchain.api import Code, DType, GraphView, NodeView, Problem
from toolchain.errors import CompileError

_INTEGERS = frozenset({DType.INT8, DType.UINT8})


def validate_package(graph: GraphView) -> None:
    """Check the types of Q/DQ and the form of convolutions and matrix products.

    Raises:
        CompileError: Everything that the provider does not take, together.
    """
    problems = [problem for node in graph.nodes for problem in _problems(node)]
    if problems:
        raise CompileError.of(problems)


def _problems(node: NodeView) -> Iterator[Problem]:
    if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
        value = node.outputs[0] if node.op_type == "QuantizeLinear" else node.inputs[0]
        allowed = _INTEGERS if node.op_type == "QuantizeLinear" else _INTEGERS | {DType.INT32}
        if value is not None and value.dtype not in allowed:
            yield _problem(node, "Q/DQ types are int8 and uint8, int32 for biases", value.dtype)
    if node.op_type == "Conv" and not node.ints_attribute("kernel_shape"):
        yield _problem(node, "Conv has the attribute kernel_shape", "none")


def _problem(node: NodeView, rule: str, got: object) -> Problem:
    return Problem(
        code=Code.PACKAGE_INVALID,
        message="The runtime's provider does not take this node",
        where=f"{node.name} ({node.op_type})",
        got=str(got),
        allowed=rule,
    )
