"""How the result of an accumulating node leaves it: through which activation, in which type."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from toolchain.core.dtypes import Array
from toolchain.core.graph_view import NodeView, ValueView
from toolchain.numerics.affine import quantize
from toolchain.program.lowering.builder import Builder
from toolchain.program.lowering.quantized import Quantized


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class IntegerOutput:
    """The node's result is quantized at once.

    Attributes:
        quantized: The integers written.
        shape: Static shape.
        low: Smallest integer kept, raised by absorbed activations.
        high: Largest integer kept.
        absorbed: Names of the activation nodes in between.
    """

    quantized: Quantized
    shape: tuple[int, ...]
    low: int
    high: int
    absorbed: tuple[str, ...]


def integer_output(builder: Builder, node: NodeView, *, clamps: bool) -> IntegerOutput | None:
    """Where `node`'s first output becomes integers, or None where somebody reads it in float.

    With `clamps`, activations that the target fuses are followed and become bounds. Marks what it
    found as lowered, so call it only when the node itself will be lowered.
    """
    value, activations = node.outputs[0], list[NodeView]()
    while True:
        quantizer = builder.sole_quantizer(value.name)
        if quantizer is not None:
            break
        behind = _fused_activation(builder, value) if clamps else None
        if behind is None:
            return None
        activations.append(behind)
        value = behind.outputs[0]
    shape = value.static_shape
    if shape is None:
        return None
    found = builder.quantized_by(quantizer)
    spec = found.params.spec
    low, high = spec.qmin, spec.qmax
    for activation in activations:
        bounds = np.array(activation_bounds(activation), np.float32)
        smallest, largest = (int(v) for v in quantize(bounds, found.params))
        low, high = max(low, smallest), min(high, largest)
        builder.done.add(activation.name)
    return IntegerOutput(
        quantized=found,
        shape=shape,
        low=low,
        high=high,
        absorbed=tuple(a.name for a in activations),
    )


def activation_bounds(node: NodeView) -> tuple[float, float]:
    """Real bounds of a Relu or Clip."""
    if node.op_type == "Relu":
        return 0.0, float("inf")
    low, high = node.constant_input(1), node.constant_input(2)
    return _scalar(low, float("-inf")), _scalar(high, float("inf"))


def _scalar(array: Array | None, default: float) -> float:
    return default if array is None or array.size == 0 else float(array.reshape(-1)[0])


def _fused_activation(builder: Builder, value: ValueView) -> NodeView | None:
    uses = builder.graph.uses(value.name)
    if len(uses) != 1 or value.name in builder.graph.output_names or uses[0].position != 0:
        return None
    node = uses[0].node
    bounded = node.op_type == "Relu" or (
        node.op_type == "Clip" and all(v is None or v.is_constant for v in node.inputs[1:])
    )
    fused = node.op_type in builder.target.fused_activations and bounded
    return node if fused and node.name not in builder.float_nodes else None
