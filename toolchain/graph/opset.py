"""Conversion of a model to the one opset that is used inside."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolchain.errors import Code, ModelError, Problem
from toolchain.graph.light import light_proto

if TYPE_CHECKING:
    import onnx_ir as ir

OPSET = 24
"""The opset of every model behind `optimize`; HardSwish, Gelu, Swish and the norms exist here."""


def convert_opset(model: ir.Model, opset: int = OPSET) -> ir.Model:
    """The model in `opset`, by onnx's version converter; weights are shared, not copied.

    Raises ModelError (UNKNOWN_OPSET) where an operator cannot be expressed in that opset.
    """
    import onnx
    import onnx_ir as ir
    from onnx import version_converter

    version = model.graph.opset_imports[""]
    if version == opset:
        return model
    try:
        proto = version_converter.convert_version(light_proto(model), opset)
    except (version_converter.ConvertError, onnx.checker.ValidationError, RuntimeError) as error:
        raise ModelError(
            Code.UNKNOWN_OPSET,
            f"The model cannot be converted from opset {version} to {opset}",
            got=str(error).strip().splitlines()[0].rpartition("failed: ")[2],
            hint=f"export the model with opset {opset} or a little lower",
        ) from error
    converted = ir.serde.deserialize_model(proto)
    _restore(converted, model)
    converted.metadata_props.update(model.metadata_props)
    _check_known(converted, opset)
    return converted


def _restore(converted: ir.Model, original: ir.Model) -> None:
    """Put back the large constants that the converter did not see."""
    inputs = {value.name: value for value in converted.graph.inputs}
    for name, value in original.graph.initializers.items():
        if value.const_value is None or name in converted.graph.initializers:
            continue
        if name in inputs:
            converted.graph.inputs.remove(inputs[name])
            inputs[name].const_value = value.const_value
            converted.graph.register_initializer(inputs[name])


def _check_known(model: ir.Model, opset: int) -> None:
    import onnx

    problems = [
        Problem(
            code=Code.UNKNOWN_OPSET,
            message=f"ONNX opset {opset} has no operator {node.op_type}",
            where=f"node {node.name!r}",
            hint=f"export the model with opset {opset} or lower",
        )
        for node in model.graph.all_nodes()
        if not onnx.defs.has(node.op_type, max_inclusive_version=opset)
    ]
    if problems:
        raise ModelError.of(problems)
