"""Write a model to the same bytes every time, and identify it by them.

The file is written as a stream, one weight after the other, so that no second copy of the weights
is ever in memory: protobuf messages nest by length, and every length is known beforehand.
"""

from __future__ import annotations

import errno
import hashlib
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from toolchain.core.artifacts import ModelArtifact
from toolchain.errors import Code, SystemFailure
from toolchain.graph.external import external_files
from toolchain.graph.load import from_proto
from toolchain.graph.read import read_proto

if TYPE_CHECKING:
    from collections.abc import Iterable

    import onnx
    import onnx_ir as ir

PRODUCER = "toolchain"
IR_VERSION = 10
"""Oldest ONNX file format that has 4-bit integers; every runtime of opset 21 and later reads it."""
EXTERNAL_BYTES = 1_800_000_000
"""Weights of more bytes in all go to a file of their own: protobuf ends at 2 GiB."""
_SMALL_BYTES = 1024
_ALIGNMENT = 64
_GRAPH_TAG, _INITIALIZER_TAG = 7 << 3 | 2, 5 << 3 | 2


def save_model(
    model: ir.Model,
    path: Path,
    *,
    external_bytes: int = EXTERNAL_BYTES,
    ir_version: int = IR_VERSION,
) -> ModelArtifact:
    """Write `model` to `path`, and its weights to `<path>.data` where they exceed `external_bytes`.

    The bytes depend on graph, weights and metadata only: documentation strings and metadata of
    nodes are left out. Files appear complete or not at all. Raises SystemFailure where the place
    cannot be written.
    """
    values = [value for value in model.graph.initializers.values() if value.const_value is not None]
    large = sum(value.const_value.nbytes for value in values if value.const_value) > external_bytes
    data_path = path.with_name(path.name + ".data")
    partial, partial_data = (item.with_name(item.name + ".part") for item in (path, data_path))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if large:
            with partial_data.open("wb") as stream:
                tensors = [_outside(value, stream, data_path.name) for value in values]
        else:
            tensors = [value.const_value for value in values if value.const_value is not None]
        with partial.open("wb") as stream:
            _write(_frame(model, ir_version), tensors, stream)
        if large:
            partial_data.replace(data_path)
        partial.replace(path)
    except OSError as error:
        raise SystemFailure(
            Code.DISK_FULL if error.errno == errno.ENOSPC else Code.NOT_WRITABLE,
            "The model cannot be written",
            where=str(path),
            got=error.strerror,
        ) from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
            partial_data.unlink(missing_ok=True)
    if not large:
        data_path.unlink(missing_ok=True)
    return ModelArtifact(path=path, digest=_digest(path, [data_path] if large else []))


def model_digest(path: Path) -> str:
    """SHA-256 of the model file and of all its external data files, in hexadecimal.

    Raises ModelError where the file is no model.
    """
    files = external_files(read_proto(path))
    return _digest(path, [path.parent / name for name in files])


def read(path: Path) -> ir.Model:
    """Read a model that `save_model` wrote, without validating it again."""
    return from_proto(read_proto(path), path)


def _digest(path: Path, data: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for item in (path, *data):
        if item.is_file():
            with item.open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()


def _outside(value: ir.Value, stream: IO[bytes], location: str) -> ir.TensorProtocol:
    """Append a large tensor to the data file; what refers to it there."""
    import onnx_ir as ir

    tensor = value.const_value
    if tensor is None or tensor.nbytes <= _SMALL_BYTES or tensor.dtype is ir.DataType.STRING:
        return tensor  # type: ignore[return-value]  # the caller leaves out values without one
    stream.write(b"\0" * (-stream.tell() % _ALIGNMENT))
    offset = stream.tell()
    stream.write(tensor.tobytes())
    return ir.ExternalTensor(
        location,
        offset,
        tensor.nbytes,
        tensor.dtype,
        shape=ir.Shape(tensor.shape.numpy()),
        name=value.name or "",
    )


def _frame(model: ir.Model, ir_version: int) -> onnx.ModelProto:
    """The model without its initializers."""
    import onnx_ir as ir
    from onnx_ir.passes import common

    frame = model.clone()
    frame.graph.initializers.clear()
    common.ClearMetadataAndDocStringPass()(frame)
    proto = ir.serde.serialize_model(frame)
    proto.ir_version, proto.producer_name = ir_version, PRODUCER
    for field in ("producer_version", "domain", "model_version", "doc_string", "metadata_props"):
        proto.ClearField(field)
    for key, text in sorted(model.metadata_props.items()):
        proto.metadata_props.add(key=key, value=text)
    infos = sorted(proto.graph.value_info, key=lambda info: info.name)
    proto.graph.ClearField("value_info")
    proto.graph.value_info.extend(infos)
    return proto


def _write(proto: onnx.ModelProto, tensors: Iterable[ir.TensorProtocol], stream: IO[bytes]) -> None:
    import onnx_ir as ir

    tensors = list(tensors)
    graph = proto.graph.SerializeToString(deterministic=True)
    proto.ClearField("graph")
    sizes = [ir.serde.serialize_tensor(tensor).ByteSize() for tensor in tensors]
    total = len(graph) + sum(1 + len(_varint(size)) + size for size in sizes)
    stream.write(proto.SerializeToString(deterministic=True))
    stream.write(bytes([_GRAPH_TAG]) + _varint(total) + graph)
    for tensor, size in zip(tensors, sizes, strict=True):
        stream.write(bytes([_INITIALIZER_TAG]) + _varint(size))
        stream.write(ir.serde.serialize_tensor(tensor).SerializeToString(deterministic=True))


def _varint(number: int) -> bytes:
    """Protobuf's base-128 integer, low groups first."""
    groups = bytearray()
    while number > 0x7F:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    groups.append(number)
    return bytes(groups)
