"""The walk over the QDQ graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from toolchain.core.graph_view import GraphView, NodeView
from toolchain.core.operators import DEQUANTIZE, QUANTIZE, TRAITS
from toolchain.core.target import TargetSpec
from toolchain.errors import Code, Problem, UnsupportedOpError
from toolchain.program.float_ops import SUPPORTED
from toolchain.program.lowering.accumulate import lower_conv, lower_matmul
from toolchain.program.lowering.blocked import lower_blocked
from toolchain.program.lowering.builder import Builder
from toolchain.program.lowering.elementwise import lower_binary
from toolchain.program.lowering.interpolate import lower_any_resize
from toolchain.program.lowering.movement import lower_concat, lower_move
from toolchain.program.lowering.normalization import lower_normalization
from toolchain.program.lowering.pooling import lower_average_pool, lower_max_pool
from toolchain.program.lowering.reduction import lower_arg_extreme, lower_extreme, lower_sum
from toolchain.program.lowering.slope import lower_prelu
from toolchain.program.lowering.wide import lower_any_softmax, lower_unary
from toolchain.program.records import FloatOp, Program, Quantize

Lowering = Callable[[Builder, NodeView], bool]
"""Adds the integer operations of a node; False if it has to run in float."""

LOWERINGS: Mapping[str, Lowering] = MappingProxyType(
    {
        **{name: lower_move for name, known in TRAITS.items() if known.moves},
        "Conv": lower_conv,
        "ConvTranspose": lower_conv,
        "Gemm": lower_matmul,
        "MatMul": lower_matmul,
        "Add": lower_binary,
        "Sub": lower_binary,
        "Mul": lower_binary,
        "AveragePool": lower_average_pool,
        "GlobalAveragePool": lower_average_pool,
        "MaxPool": lower_max_pool,
        "GlobalMaxPool": lower_max_pool,
        "Softmax": lower_any_softmax,
        "Resize": lower_any_resize,
        "Concat": lower_concat,
        "LayerNormalization": lower_normalization,
        "RMSNormalization": lower_normalization,
        "InstanceNormalization": lower_normalization,
        "GroupNormalization": lower_normalization,
        "PRelu": lower_prelu,
        "ReduceMean": lower_sum,
        "ReduceSum": lower_sum,
        "ReduceMax": lower_extreme,
        "ReduceMin": lower_extreme,
        "ArgMax": lower_arg_extreme,
        "ArgMin": lower_arg_extreme,
    }
)
"""Integer lowerings by ONNX operator; any other operator may be a function of one element."""


def lower(graph: GraphView, target: TargetSpec, name: str) -> Program:
    """The integer program of a QDQ graph under `target`'s rounding and requantization.

    Raises:
        UnsupportedOpError: Operators that can run neither on integers nor in float; all of them.
        CompileError: Q/DQ that cannot be understood, unknown shapes, biases that do not fit.
    """
    builder = Builder(graph, target)
    problems: list[Problem] = []
    for value in graph.inputs:
        builder.input_tensor(value)
    for node in graph.nodes:
        if node.name not in builder.done:
            problem = _lower_node(builder, node)
            problems += [] if problem is None else [problem]
    if problems:
        raise UnsupportedOpError.of(problems)
    _finish_outputs(builder)
    return builder.program(name)


def _lower_node(builder: Builder, node: NodeView) -> Problem | None:
    if node.op_type == DEQUANTIZE:
        return None
    if node.op_type == QUANTIZE:
        _lower_quantize(builder, node)
        return None
    standard = node.domain in ("", "ai.onnx") and node.name not in builder.float_nodes
    if standard and lower_blocked(builder, node):
        return None
    if standard and LOWERINGS.get(node.op_type, lower_unary)(builder, node):
        return None
    return _lower_float(builder, node)


def _lower_quantize(builder: Builder, node: NodeView) -> None:
    value = node.inputs[0]
    if value is None:
        return
    source, result = builder.integers(value), builder.quantized_by(node)
    shape = value.static_shape or ()
    if source is not None and source.constant is None:
        builder.rescale_tensor(node.name, source, source.name, result, shape)
        return
    builder.add(
        Quantize(
            name=node.name,
            inputs=(builder.read_float(value),),
            outputs=(builder.integer_tensor(result, shape),),
            rounding=builder.target.conversion_rounding or builder.target.rounding,
        )
    )


def _lower_float(builder: Builder, node: NodeView) -> Problem | None:
    if node.op_type not in SUPPORTED or node.domain not in ("", "ai.onnx"):
        return Problem(
            code=Code.UNSUPPORTED_OP,
            message="The operator runs neither on integers nor in float",
            where=f"{node.name} ({node.op_type})",
            got=node.domain or "standard operator",
            hint="cut the model in front of it, or replace it by supported operators",
        )
    inputs: list[str] = []
    constants: dict[int, str] = {}
    for position, value in enumerate(node.inputs):
        array = None if value is None else builder.float_constant(value)
        if value is not None and array is None:
            inputs.append(builder.read_float(value))
            continue
        inputs.append("")
        if value is not None and array is not None:
            constants[position] = builder.constant(value.name, np.asarray(array))
    builder.add(
        FloatOp(
            name=node.name,
            inputs=tuple(inputs),
            outputs=tuple(builder.float_tensor(v) if v.name else "" for v in node.outputs),
            op_type=node.op_type,
            attributes=dict(node.attributes),
            constants=constants,
        )
    )
    return None


def _finish_outputs(builder: Builder) -> None:
    """Model outputs that are the dequantization of integers nobody dequantized yet."""
    for value in builder.graph.outputs:
        builder.read_float(value)
