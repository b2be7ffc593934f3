"""Tensors that the QDQ model and the integer program both store as integers."""

from __future__ import annotations

from dataclasses import dataclass

from toolchain.core.graph_view import GraphView
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


def stored_tensors(graph: GraphView, program: Program) -> list[Stored]:
    """Every tensor that both the QDQ model `graph` and the program store as integers."""
    inputs = {
        use.node.outputs[0].name: value.name
        for value in graph.inputs
        for use in graph.uses(value.name)
        if use.node.op_type == "QuantizeLinear"
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
