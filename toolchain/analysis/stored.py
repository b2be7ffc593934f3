"""Tensors that the QDQ model and the integer program both store as integers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from toolchain.core.dtypes import Array
from toolchain.core.graph_view import GraphView
from toolchain.core.operators import QUANTIZE
from toolchain.core.quant import QuantParams
from toolchain.program.lowering.quantized import dequantized_values
from toolchain.program.records import Program


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stored:
    """One quantized tensor in all three forms.

    Attributes:
        name: Name in the float model and, dequantized, in the QDQ model; inputs have their own.
        dequantized: Name in the QDQ model of what everybody reads.
        integers: Name of its integers, in the QDQ model and in the program.
        params: Its numbers.
    """

    name: str
    dequantized: str
    integers: str
    params: QuantParams


def undivided(values: Array, scales: Array | None) -> Array:
    """Values of the quantized forms in units of the float model: channels (axis 1) made whole."""
    if scales is None:
        return values
    return np.asarray(values * along_channels(scales, values.ndim), np.float32)


def along_channels(scales: Array, rank: int) -> Array:
    """One number per channel, shaped to broadcast against `rank` axes."""
    return scales.reshape(1, -1, *[1] * (rank - 2))


def stored_tensors(graph: GraphView, program: Program) -> list[Stored]:
    """Every tensor that both the QDQ model `graph` and the program store as integers."""
    inputs = {
        use.node.outputs[0].name: value.name
        for value in graph.inputs
        for use in graph.uses(value.name)
        if use.node.op_type == QUANTIZE
    }
    found = {
        stored.name: Stored(
            name=inputs.get(stored.name, name),
            dequantized=name,
            integers=stored.name,
            params=stored.params,
        )
        for name, stored in dequantized_values(graph, program.rounding).items()
        if stored.constant is None and stored.name in program.tensors
    }
    return list(found.values())
