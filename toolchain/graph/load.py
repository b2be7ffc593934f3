"""Load a user's model and say everything that is wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from toolchain.errors import Code, ModelError
from toolchain.graph.external import check_external
from toolchain.graph.read import read_proto
from toolchain.graph.tensors import tensor_of

if TYPE_CHECKING:
    import onnx
    import onnx_ir as ir

_SMALL_BYTES = 1024
"""External tensors up to this size are read at once: shape inference needs their values."""


def load_model(path: Path) -> ir.Model:
    """Load and validate `.onnx`, `.onnx.xz` or `.onnx.gz`, nodes in topological order.

    External data stays in its file and is mapped on use. Raises ModelError with all problems of a
    kind: see `toolchain.graph.read`, `.external` and `.validate`.
    """
    from toolchain.graph.validate import validate

    proto = read_proto(path)
    check_external(proto, path.parent)
    model = from_proto(proto, path)
    del proto
    validate(model, path)
    return model


def from_proto(proto: onnx.ModelProto, path: Path) -> ir.Model:
    """Protobuf to onnx_ir, weights detached from the protobuf so that it can be freed.

    Raises ModelError (MODEL_INVALID) where the protobuf is no graph at all.
    """
    import onnx_ir as ir

    if proto.graph.sparse_initializer:
        names = ", ".join(item.values.name for item in proto.graph.sparse_initializer)
        raise ModelError(
            Code.MODEL_INVALID, "Sparse initializers are not supported", where=str(path), got=names
        )
    try:
        model = ir.serde.deserialize_model(proto)
        ir.external_data.set_base_dir(model.graph, path.parent.resolve())
        for graph in model.graphs():
            for value in graph.initializers.values():
                value.const_value = _detached(value.const_value)
    except (ir.serde.SerdeError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ModelError(
            Code.MODEL_INVALID, "The model is damaged", where=str(path), got=_root_cause(error)
        ) from error
    version = model.graph.opset_imports.pop("ai.onnx", None)
    if version is not None:
        model.graph.opset_imports.setdefault("", version)
    return model


def _detached(tensor: ir.TensorProtocol | None) -> ir.TensorProtocol | None:
    import onnx_ir as ir

    if tensor is None or tensor.dtype is ir.DataType.STRING:
        return tensor
    if isinstance(tensor, ir.ExternalTensor) and tensor.nbytes > _SMALL_BYTES:
        return tensor
    array = tensor.numpy()
    copy = array.copy() if isinstance(tensor, ir.ExternalTensor) else array
    detached = tensor_of(copy)
    detached.name = tensor.name
    return detached


def _root_cause(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error) or type(error).__name__
