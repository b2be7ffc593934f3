"""The same model with more outputs, so that what flows inside can be observed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx_ir as ir

from toolchain.errors import Code, InternalError
from toolchain.graph.save import read, save_model
from toolchain.graph.shapes import clear_shapes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from toolchain.core.artifacts import ModelArtifact


def write_with_outputs(
    source: Path, values: Sequence[str], destination: Path, *, free_batch: bool = False
) -> ModelArtifact:
    """Write the model of `source` with `values` as further outputs behind its own, in that order.

    Values that are outputs already are not repeated. `free_batch` opens axis 0 of the inputs, and
    drops all shapes that followed from it; whether the graph really takes any batch, only running
    it tells.
    """
    model = expose(read(source), values)
    if free_batch:
        clear_shapes(model)
        for value in model.graph.inputs:
            if value.shape is not None and len(value.shape) > 0:
                value.shape = ir.Shape(["N", *value.shape[1:]])
    return save_model(model, destination)


def expose(model: ir.Model, values: Sequence[str]) -> ir.Model:
    """A copy of `model` that shares its weights and has `values` as further outputs."""
    exposed = model.clone()
    graph = exposed.graph
    known = {value.name: value for node in graph for value in node.outputs}
    known |= {value.name: value for value in graph.inputs}
    unknown = [name for name in values if name not in known]
    if unknown:
        raise InternalError(Code.INTERNAL, f"There are no values {unknown}")
    for name in dict.fromkeys(values):
        if not known[name].is_graph_output():
            graph.outputs.append(known[name])
    return exposed
