"""Bytes of a model file to protobuf, without looking at what the graph means."""

from __future__ import annotations

import gzip
import lzma
import zlib
from typing import TYPE_CHECKING, Protocol

from toolchain.errors import Code, ModelError

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    import onnx
    from google.protobuf.message import Message  # type: ignore[import-untyped]


class SupportsRead(Protocol):
    """An open binary file."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes, none at the end."""
        ...


MAX_UNPACKED_BYTES = 4 << 30
"""A compressed model that unpacks to more is refused: it is most likely a bomb."""
MAX_PROTOBUF_BYTES = (2 << 30) - 1
"""Limit of protobuf itself; larger models keep their weights as external data."""
_CHUNK_BYTES = 1 << 20
_OPENERS: dict[str, Callable[[Path], AbstractContextManager[SupportsRead]]] = {
    ".xz": lzma.LZMAFile,
    ".gz": gzip.GzipFile,
}


def read_proto(path: Path, max_bytes: int = MAX_UNPACKED_BYTES) -> onnx.ModelProto:
    """Read `.onnx`, `.onnx.xz` or `.onnx.gz`; external data is not touched.

    Raises ModelError: MODEL_NOT_FOUND, or MODEL_NOT_ONNX for what is empty, truncated, damaged,
    larger than `max_bytes` unpacked, or something else than ONNX.
    """
    import onnx
    from google.protobuf.message import DecodeError

    data = read_bytes(path, max_bytes)
    if not data:
        raise ModelError(Code.MODEL_NOT_ONNX, "The model file is empty", where=str(path))
    if len(data) > MAX_PROTOBUF_BYTES:
        raise ModelError(
            Code.MODEL_NOT_ONNX,
            "The model file is larger than protobuf allows",
            where=str(path),
            got=f"{len(data)} bytes",
            allowed=f"at most {MAX_PROTOBUF_BYTES} bytes",
            hint="save the model with its weights as external data",
        )
    try:
        proto = onnx.load_model_from_string(bytes(data))
    except DecodeError as error:
        raise ModelError(
            Code.MODEL_NOT_ONNX,
            "The file is truncated, damaged or not an ONNX model",
            where=str(path),
            got=str(error) or None,
        ) from error
    if not proto.HasField("graph") or not proto.graph.output:
        raise ModelError(
            Code.MODEL_NOT_ONNX,
            "The file is not an ONNX model",
            where=str(path),
            got="no graph" if not proto.HasField("graph") else "a graph without outputs",
        )
    if not _is_text(proto):
        raise ModelError(
            Code.MODEL_NOT_ONNX, "The model is damaged: its names are no text", where=str(path)
        )
    return proto


def _is_text(message: Message) -> bool:
    """True if all strings are UTF-8: protobuf hands out bytes where they are not.

    Of tensors only the name is looked at, so that no weights are copied.
    """
    if message.DESCRIPTOR.name == "TensorProto":
        return isinstance(message.name, str)
    for field, value in message.ListFields():
        single = isinstance(value, (str, bytes)) or hasattr(value, "ListFields")
        items = [value] if single else value
        if field.type == field.TYPE_STRING and not all(isinstance(item, str) for item in items):
            return False
        if field.type == field.TYPE_MESSAGE and not all(_is_text(item) for item in items):
            return False
    return True


def is_compressed(path: Path) -> bool:
    """True if the name says that the file is compressed."""
    return path.suffix.lower() in _OPENERS


def read_bytes(path: Path, max_bytes: int = MAX_UNPACKED_BYTES) -> bytes | bytearray:
    """All bytes of the file, unpacked where its name ends in `.xz` or `.gz`.

    Raises ModelError as `read_proto`.
    """
    opener = _OPENERS.get(path.suffix.lower())
    try:
        return path.read_bytes() if opener is None else _unpack(path, opener, max_bytes)
    except FileNotFoundError as error:
        raise ModelError(
            Code.MODEL_NOT_FOUND, "The model file does not exist", where=str(path)
        ) from error
    except (lzma.LZMAError, gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise ModelError(
            Code.MODEL_NOT_ONNX,
            "The compressed model is truncated or damaged",
            where=str(path),
            got=str(error),
        ) from error
    except OSError as error:
        raise ModelError(
            Code.MODEL_NOT_FOUND,
            "The model file cannot be read",
            where=str(path),
            got=error.strerror or str(error),
        ) from error


def _unpack(
    path: Path, opener: Callable[[Path], AbstractContextManager[SupportsRead]], max_bytes: int
) -> bytearray:
    data = bytearray()
    with opener(path) as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            data += chunk
            if len(data) > max_bytes:
                raise ModelError(
                    Code.MODEL_NOT_ONNX,
                    "The compressed model unpacks to too much",
                    where=str(path),
                    got=f"more than {max_bytes} bytes",
                    allowed=f"at most {max_bytes} bytes",
                    hint="unpack it and give the .onnx file",
                )
    return data
