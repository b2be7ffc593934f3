"""External data: which files a model's weights lie in, and that they lie inside its folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from toolchain.errors import Code, ModelError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    import onnx


def external_files(proto: onnx.ModelProto) -> tuple[str, ...]:
    """Locations of all external data of the model as written there, sorted."""
    found = {_entries(tensor).get("location", "") for tensor in _external_tensors(proto)}
    return tuple(sorted(found))


def check_external(proto: onnx.ModelProto, folder: Path) -> None:
    """Check that all external data lies inside `folder` and is complete.

    Raises ModelError (EXTERNAL_DATA) that lists every tensor whose location is absolute, leaves the
    folder (`..`, symbolic links), is missing, or is too short.
    """
    problems = [
        problem
        for tensor in _external_tensors(proto)
        if (problem := _problem(tensor, folder)) is not None
    ]
    if problems:
        raise ModelError.of(problems)


def _problem(tensor: onnx.TensorProto, folder: Path) -> Problem | None:
    import onnx_ir as ir

    entries = _entries(tensor)
    location = entries.get("location", "")
    try:
        offset, dtype = int(entries.get("offset") or 0), ir.DataType(tensor.data_type)
        length = (dtype.bitwidth * _product(tensor.dims) + 7) // 8
        stated = int(entries.get("length") or length)
    except (ValueError, TypeError):
        return _made(tensor, "has external data that makes no sense", str(entries), None)
    if not location or Path(location).is_absolute() or ".." in Path(location).parts:
        allowed = "a path relative to the model's folder, without `..`"
        return _made(tensor, "has external data outside the model's folder", location, allowed)
    real = (folder / location).resolve()
    if not real.is_relative_to(folder.resolve()):
        allowed = f"a file inside {folder}"
        return _made(tensor, "has external data outside the model's folder", str(real), allowed)
    if not real.is_file():
        return _made(tensor, "has external data that is missing", str(folder / location), None)
    size = real.stat().st_size
    if offset < 0 or stated != length or offset + length > size:
        got = f"{size} bytes in {location}, {stated} stated from byte {offset}"
        return _made(tensor, "has external data that is truncated", got, f"{length} bytes")
    return None


def _made(tensor: onnx.TensorProto, message: str, got: str, allowed: str | None) -> Problem:
    return Problem(
        code=Code.EXTERNAL_DATA,
        message=f"A tensor {message}",
        where=f"tensor {tensor.name!r}",
        got=got or "no location",
        allowed=allowed,
        hint="put the complete external data file beside the model",
    )


def _external_tensors(proto: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    from onnx import TensorProto

    graphs = [proto.graph]
    nodes = [node for function in proto.functions for node in function.node]
    while graphs or nodes:
        if graphs:
            graph = graphs.pop()
            yield from (t for t in graph.initializer if t.data_location == TensorProto.EXTERNAL)
            nodes.extend(graph.node)
        for node in nodes:
            for attribute in node.attribute:
                graphs.extend([attribute.g] if attribute.HasField("g") else attribute.graphs)
                tensors = [attribute.t] if attribute.HasField("t") else attribute.tensors
                yield from (t for t in tensors if t.data_location == TensorProto.EXTERNAL)
        nodes = []


def _entries(tensor: onnx.TensorProto) -> dict[str, str]:
    return {entry.key: entry.value for entry in tensor.external_data}


def _product(dims: object) -> int:
    result = 1
    for dim in dims:  # type: ignore[attr-defined]
        result *= int(dim)
    return result
