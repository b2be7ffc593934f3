"""One tensor in a file, as ONNX's own test data are stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from toolchain.core.dtypes import Array


def save_tensor(path: Path, name: str, array: Array) -> None:
    """Write `array` as a serialized TensorProto called `name`."""
    from onnx import numpy_helper

    path.write_bytes(numpy_helper.from_array(array, name).SerializeToString())
