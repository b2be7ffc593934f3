"""Float model and QDQ model in one graph, in which every layer reads what the float model has.

Each layer of the QDQ model is fed through the Q/DQ of its inputs, but these read the float model's
tensors, so that one run computes every layer's error on its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx_ir as ir

from toolchain.core.artifacts import ModelArtifact
from toolchain.core.dtypes import Array
from toolchain.core.operators import QUANTIZE
from toolchain.errors import Code, InternalError
from toolchain.graph.edit import add_initializer
from toolchain.graph.opset import convert_opset
from toolchain.graph.save import read, save_model

PREFIX = "tc.layer/"
"""In front of every name that comes from the QDQ model."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cut:
    """A tensor at which the models are cut into layers.

    Attributes:
        value: Name in the float model.
        quantized: Name in the QDQ model of what readers read: dequantized, or a float value.
        scales: What the QDQ model divides its channels (axis 1) by, or None.
    """

    value: str
    quantized: str
    scales: Array | None = None


def layer_output(cut: Cut) -> str:
    """Name in the joined graph of what the layer that ends in `cut` computes."""
    return PREFIX + cut.quantized


def write_layers(
    float_model: Path, qdq_model: Path, cuts: Sequence[Cut], destination: Path
) -> ModelArtifact:
    """Write the joined graph; its outputs are `cut.value` and `layer_output(cut)` of every cut.

    A cut at a model input has only the second: the first is fed. Divided channels are divided in
    front of the Q/DQ that reads them, and what comes out stays divided.
    """
    model, other = read(float_model), read(qdq_model)
    other = convert_opset(other, model.graph.opset_imports[""])
    join = _Join(model, other)
    for cut in cuts:
        join.cut(cut)
    inputs = {value.name for value in model.graph.inputs}
    join.finish(
        [cut.value for cut in cuts if cut.value not in inputs],
        [cut.quantized for cut in cuts],
    )
    return save_model(model, destination)


class _Join:
    """Brings a second graph into that of a model."""

    def __init__(self, model: ir.Model, other: ir.Model) -> None:
        self._model, self._graph, self._other = model, model.graph, other.graph
        self._values = _values(self._graph)
        self._quantized = _values(self._other)
        self._added: list[ir.Node] = []
        model.graph.opset_imports.update(
            {k: v for k, v in other.graph.opset_imports.items() if k not in model.opset_imports}
        )

    def cut(self, cut: Cut) -> None:
        """Let everyone who reads the cut in the QDQ graph read the float model's tensor."""
        source, behind = self._values[cut.value], self._quantized[cut.quantized]
        if source.is_graph_input():
            return  # it is fed to both
        readers = tuple((use.node, use.idx) for use in behind.uses())
        if not readers:
            return
        if cut.scales is not None:
            source = self._divided(cut, source)
        fed = self._requantized(cut, behind, source)
        for node, index in readers:
            node.replace_input_with(index, fed)

    def finish(self, values: Sequence[str], quantized: Sequence[str]) -> None:
        """Move the nodes over and set the outputs."""
        shown = [self._quantized[name] for name in quantized]
        for value in self._other.inputs:
            value.replace_all_uses_with(self._values[_name(value)])
        self._other.outputs.clear()
        constants = dict(self._other.initializers)
        self._other.initializers.clear()
        nodes = list(self._other)
        self._other.remove(nodes)
        for node in nodes:
            node.name = PREFIX + (node.name or "")
            for value in node.outputs:
                value.name = PREFIX + value.name if value.name else value.name
        for name, value in constants.items():
            value.name = PREFIX + name
            self._graph.register_initializer(value)
        self._graph.extend([*nodes, *self._added])
        self._graph.outputs.clear()
        self._graph.outputs.extend([*(self._values[name] for name in values), *shown])
        self._graph.sort()

    def _divided(self, cut: Cut, source: ir.Value) -> ir.Value:
        if source.shape is None:
            raise InternalError(Code.INTERNAL, f"The rank of {cut.value!r} is unknown")
        rank = len(source.shape)
        scales = np.asarray(cut.scales, np.float32).reshape(1, -1, *[1] * (rank - 2))
        divisor = add_initializer(self._model, f"{PREFIX}{cut.value}/scales", scales)
        return self._node("Div", [source, divisor], f"{PREFIX}{cut.value}/divided", source)

    def _requantized(self, cut: Cut, behind: ir.Value, source: ir.Value) -> ir.Value:
        """`source` through a copy of the Q/DQ that writes `behind`, if that is what writes it."""
        dequantize = behind.producer()
        if dequantize is None or dequantize.op_type != "DequantizeLinear":
            return source
        integers = dequantize.inputs[0]
        quantize = None if integers is None else integers.producer()
        if integers is None or quantize is None or quantize.op_type != QUANTIZE:
            raise InternalError(Code.INTERNAL, f"{cut.quantized!r} is not behind Q and DQ")
        name = f"{PREFIX}{cut.value}/fed"
        fed = self._copy(quantize, source, f"{name}/quantized", integers)
        return self._copy(dequantize, fed, name, behind)

    def _copy(self, node: ir.Node, source: ir.Value, name: str, like: ir.Value) -> ir.Value:
        inputs = [source, *node.inputs[1:]]
        return self._node(node.op_type, inputs, name, like, node.attributes)

    def _node(
        self,
        op_type: str,
        inputs: Sequence[ir.Value | None],
        name: str,
        like: ir.Value,
        attributes: Mapping[str, ir.Attr] | None = None,
    ) -> ir.Value:
        output = ir.Value(name=name, shape=like.shape, type=like.type)
        node = ir.node(op_type, inputs, attributes=attributes, outputs=[output], name=name)
        self._added.append(node)
        return output


def _values(graph: ir.Graph) -> dict[str, ir.Value]:
    found = {_name(value): value for value in graph.inputs}
    return found | {_name(value): value for node in graph for value in node.outputs if value.name}


def _name(value: ir.Value) -> str:
    return value.name or ""
