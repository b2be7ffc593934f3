"""What every quantizer has to know of the ONNX operators, whatever the target.

Which inputs carry data, where the weight, its channel axis and the bias are, and which operators
only move elements, so that their output is stored as their input is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from toolchain.core.graph_view import NodeView, ValueView


QUANTIZE, DEQUANTIZE = "QuantizeLinear", "DequantizeLinear"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpTraits:
    """How one operator uses its inputs.

    Attributes:
        data: Inputs that carry activations (or constants in their place); None means all.
        weight: Input that carries the weight, if it is constant.
        bias: Input that carries the bias added to the accumulator.
        moves: True where the output holds elements of the input, or a constant fill.
        counts: True where the output holds indices: it is no quantized value.
    """

    data: tuple[int, ...] | None = (0,)
    weight: int | None = None
    bias: int | None = None
    moves: bool = False
    counts: bool = False


_MOVES = OpTraits(moves=True)
_ALL = OpTraits(data=None)

TRAITS: dict[str, OpTraits] = {
    "Conv": OpTraits(weight=1, bias=2),
    "ConvTranspose": OpTraits(weight=1, bias=2),
    "Gemm": OpTraits(data=(0, 1), weight=1, bias=2),
    "MatMul": OpTraits(data=(0, 1), weight=1),
    **dict.fromkeys(("Add", "Sub", "Mul", "Div", "Min", "Max", "Sum", "Pow"), _ALL),
    "Concat": OpTraits(data=None, moves=True),
    "Where": OpTraits(data=(1, 2), moves=True),
    **dict.fromkeys(("ArgMax", "ArgMin"), OpTraits(counts=True)),
    **dict.fromkeys(
        (
            "MaxPool",
            "GlobalMaxPool",
            "ReduceMax",
            "ReduceMin",
            "Reshape",
            "Flatten",
            "Squeeze",
            "Unsqueeze",
            "Transpose",
            "Slice",
            "Split",
            "Pad",
            "Gather",
            "Expand",
            "Tile",
            "DepthToSpace",
            "SpaceToDepth",
            "Identity",
            "Dropout",
        ),
        _MOVES,
    ),
}

_DEFAULT = OpTraits()


def traits(node: NodeView) -> OpTraits:
    """Traits of `node`; an operator not listed reads its first input only."""
    if node.domain not in ("", "ai.onnx"):
        return _DEFAULT
    if node.op_type == "Resize" and node.str_attribute("mode", "nearest") == "nearest":
        return _MOVES
    return TRAITS.get(node.op_type, _DEFAULT)


def weight_input(node: NodeView) -> ValueView | None:
    """The constant weight of `node`, or None (an activation in its place is not a weight)."""
    index = traits(node).weight
    value = None if index is None else node.input(index)
    return value if value is not None and value.is_constant else None


def data_inputs(node: NodeView) -> tuple[tuple[int, ValueView], ...]:
    """Index and value of the inputs that carry activations, the weight left out."""
    known = traits(node)
    weight = weight_input(node)
    indices = range(len(node.inputs)) if known.data is None else known.data
    found = ((index, node.input(index)) for index in indices)
    return tuple(
        (i, v) for i, v in found if v is not None and not (v is weight and i == known.weight)
    )


def reduction_axis(node: NodeView) -> int:
    """Axis of the weight along which every input channel lies, whose products are summed.

    Conv (M, C/g, k...): 1. ConvTranspose (C, M/g, k...): 0. Gemm: 1 if transB else 0.
    MatMul (..., K, N): the last but one.
    """
    match node.op_type:
        case "Conv":
            return 1
        case "ConvTranspose":
            return 0
        case "Gemm":
            return 1 if node.int_attribute("transB", 0) else 0
        case _:
            return max(weight_axis(node) - 1, 0)


def weight_axis(node: NodeView) -> int:
    """Axis of the weight along which every output channel lies.

    Conv (M, C/g, k...): 0. ConvTranspose (C, M/g, k...): 1. Gemm: 0 if transB else 1.
    MatMul (..., K, N): the last.
    """
    match node.op_type:
        case "Conv":
            return 0
        case "ConvTranspose":
            return 1
        case "Gemm":
            return 0 if node.int_attribute("transB", 0) else 1
        case _:
            value = node.input(traits(node).weight or 0)
            rank = 1 if value is None or value.shape is None else len(value.shape)
            return max(rank - 1, 0)
