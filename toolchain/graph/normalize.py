"""One form for all models: static shapes, one opset, constants as initializers, unique names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolchain.errors import Code, ModelError
from toolchain.graph.half import widen_half
from toolchain.graph.inputs import describe, static_shapes
from toolchain.graph.opset import convert_opset
from toolchain.graph.shapes import clear_shapes, infer_shapes
from toolchain.graph.tensors import static_shape
from toolchain.graph.validate import check_finite

if TYPE_CHECKING:
    from collections.abc import Mapping

    import onnx_ir as ir


def normalize(model: ir.Model, shapes: Mapping[str, tuple[int, ...]]) -> ir.Model:
    """Bring a loaded model into the form that passes and all later stages expect.

    16-bit floats become float32, functions are inlined, constants become initializers, initializers
    are no inputs, nodes and values have unique names (existing ones are kept), convolutions say
    their kernel, inputs have the static `shapes` (batch first; a dynamic batch without an entry
    becomes 1), the opset is the internal one and all shapes that can be inferred are. `model` is
    used up. Raises ConfigError and ModelError as `static_shapes`, `convert_opset` and
    `infer_shapes`.
    """
    _inline(model)
    _tidy(model)
    widen_half(model)
    check_finite(model)
    _set_input_shapes(model, shapes)
    clear_shapes(model)
    infer_shapes(model)
    converted = convert_opset(model)
    _tidy(converted)
    infer_shapes(converted)
    _spell_out_kernels(converted)
    return converted


def _spell_out_kernels(model: ir.Model) -> None:
    """Give convolutions their optional `kernel_shape`, which runtimes ask for."""
    import onnx_ir as ir

    for node in model.graph.all_nodes():
        if node.op_type not in ("Conv", "ConvTranspose") or "kernel_shape" in node.attributes:
            continue
        weight = static_shape(node.inputs[1])
        if weight is not None:
            node.attributes.add(ir.AttrInt64s("kernel_shape", weight[2:]))


def _inline(model: ir.Model) -> None:
    import onnx_ir as ir
    from onnx_ir.passes import common

    try:
        common.InlinePass()(model)
    except (ir.passes.PassError, ValueError, KeyError) as error:
        raise ModelError(
            Code.MODEL_INVALID,
            "The model's functions cannot be inlined",
            got=str(error.__cause__ or error),
        ) from error
    model.functions.clear()


def _tidy(model: ir.Model) -> None:
    import onnx_ir as ir
    from onnx_ir.passes import common

    common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(model)
    common.RemoveInitializersFromInputsPass()(model)
    used = {node.domain for node in model.graph.all_nodes()} | {""}
    for domain in [name for name in model.graph.opset_imports if name not in used]:
        del model.graph.opset_imports[domain]
    model.graph.sort()
    for node in model.graph.all_nodes():
        node.name = node.name or node.op_type
    common.NameFixPass()(model)
    for value in model.graph.initializers.values():
        if value.const_value is not None:
            value.shape = ir.Shape(value.const_value.shape.numpy())
            value.type = ir.TensorType(value.const_value.dtype)


def _set_input_shapes(model: ir.Model, shapes: Mapping[str, tuple[int, ...]]) -> None:
    import onnx_ir as ir

    static = static_shapes(describe(model.graph.inputs), shapes)
    for value in model.graph.inputs:
        value.shape = ir.Shape(static[value.name or ""])
