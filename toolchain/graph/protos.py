"""Models as objects, for those who have or want them in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from toolchain.errors import Code, ModelError
from toolchain.graph.external import check_external, external_files
from toolchain.graph.read import read_proto

if TYPE_CHECKING:
    from pathlib import Path

    import onnx

    ModelProto: TypeAlias = onnx.ModelProto


def write_proto(model: object, path: Path) -> None:
    """Write an `onnx.ModelProto` to `path`.

    Raises ModelError where it is none, or too large for a file without external data.
    """
    import onnx
    from google.protobuf.message import EncodeError  # type: ignore[import-untyped]

    if not isinstance(model, onnx.ModelProto):
        raise ModelError(
            Code.MODEL_NOT_ONNX,
            "This is no model",
            got=type(model).__name__,
            allowed="a path or an onnx.ModelProto",
        )
    try:
        path.write_bytes(model.SerializeToString(deterministic=True))
    except (EncodeError, ValueError) as error:
        raise ModelError(
            Code.MODEL_NOT_ONNX,
            "The model is larger than protobuf allows",
            got=str(error),
            hint="save it with external data, and give the path",
        ) from error


def load_proto(path: Path) -> ModelProto:
    """Read a model with the weights that lie outside of its file.

    Raises ModelError as `read_proto`, and where external data is missing or outside the folder.
    """
    import onnx

    proto = read_proto(path)
    if external_files(proto):
        check_external(proto, path.parent)
        onnx.load_external_data_for_model(proto, str(path.parent))
    return proto
