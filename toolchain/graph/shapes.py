"""Shapes of all values: inferred by onnx, and observed by running where it cannot infer them."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from toolchain.errors import Code, ModelError, Problem
from toolchain.graph.light import light_proto
from toolchain.graph.tensors import static_shape

if TYPE_CHECKING:
    from collections.abc import Mapping

    import onnx_ir as ir

    from toolchain.core.dtypes import Array


def infer_shapes(model: ir.Model) -> None:
    """Fill in types and shapes that onnx can infer; a known dimension is never made unknown.

    Raises ModelError (MODEL_INVALID) where onnx finds shapes that contradict each other.
    """
    import onnx
    import onnx_ir as ir

    try:
        proto = onnx.shape_inference.infer_shapes(light_proto(model), data_prop=True)
    except (onnx.shape_inference.InferenceError, ValueError, RuntimeError) as error:
        raise ModelError(
            Code.MODEL_INVALID,
            "The shapes in the model contradict each other",
            got=str(error).strip().splitlines()[0],
        ) from error
    found = {info.name: info for info in (*proto.graph.value_info, *proto.graph.output)}
    for node in model.graph:
        for value in node.outputs:
            if value.name in found:
                inferred = ir.serde.deserialize_value_info_proto(found[value.name], None)
                _merge(value, inferred)


def clear_shapes(model: ir.Model) -> None:
    """Forget the shapes of everything that nodes compute; they belong to another batch."""
    for node in model.graph:
        for value in node.outputs:
            value.shape = None


def unknown_shapes(model: ir.Model) -> tuple[str, ...]:
    """Names of all tensors of the main graph whose shape is not fully known."""
    import onnx_ir as ir

    return tuple(
        value.name or ""
        for node in model.graph
        for value in node.outputs
        if value.name
        and isinstance(value.type, (ir.TensorType, type(None)))
        and static_shape(value) is None
    )


def observe_shapes(model: ir.Model, *samples: Mapping[str, Array]) -> None:
    """Fill in the shapes that inference left open by running the model on real samples.

    Raises ModelError (SHAPE_UNKNOWN) that lists the values whose shape differs between samples or
    contradicts what is known of it.
    """
    import onnx_ir as ir

    from toolchain.graph.expose import expose
    from toolchain.graph.save import save_model
    from toolchain.graph.session import open_session, run

    names = unknown_shapes(model)
    if not names:
        return
    values = {value.name: value for node in model.graph for value in node.outputs}
    problems = []
    with tempfile.TemporaryDirectory() as folder:
        artifact = save_model(expose(model, names), Path(folder) / "observed.onnx")
        session = open_session(artifact.path, optimize=False)
        for feeds in samples:
            for name, array in run(session, feeds, names).items():
                value, shape = values[name], np.shape(array)
                if not _fits(value.shape, shape):
                    problems.append(_contradiction(name, value.shape, shape))
                value.shape = ir.Shape(shape)
                value.type = value.type or ir.TensorType(ir.DataType.from_numpy(array.dtype))
        del session
    if problems:
        raise ModelError.of(problems)


def _merge(value: ir.Value, inferred: ir.Value) -> None:
    """Take over what was inferred, except where less is known than before."""
    value.type = inferred.type or value.type
    if inferred.shape is not None and (value.shape is None or static_shape(value) is None):
        value.shape = inferred.shape


def _fits(known: ir.Shape | None, shape: tuple[int, ...]) -> bool:
    if known is None:
        return True
    pairs = zip(known, shape, strict=False)
    return len(known) == len(shape) and all(a == b for a, b in pairs if isinstance(a, int))


def _contradiction(name: str, known: ir.Shape | None, shape: tuple[int, ...]) -> Problem:
    return Problem(
        code=Code.SHAPE_UNKNOWN,
        message="A shape depends on the data",
        where=f"value {name!r}",
        got=f"{known}, then {list(shape)}",
        allowed="shapes that are the same for every sample",
    )
