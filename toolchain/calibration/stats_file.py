"""Statistics on disk: the same statistics always give the same bytes.

A file is the magic number, the length of the header as 8 bytes, a canonical JSON header, and the
arrays of every value, little-endian, one behind the other in the order of the header.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from toolchain.core.stats import TensorStats
from toolchain.errors import CalibrationError, Code

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_MAGIC = b"TCSTATS1"
_ARRAYS: dict[str, np.dtype[Any]] = {
    "bins": np.dtype("<u2"),
    "histogram": np.dtype("<i8"),
    "channel_abs_max": np.dtype("<f4"),
    "channel_sum": np.dtype("<f8"),
}
_NUMBERS = ("count", "minimum", "maximum", "channel_count")


def save_stats(stats: Mapping[str, TensorStats], path: Path) -> None:
    """Write the statistics of every value; under a temporary name first, then renamed."""
    records, arrays = [], []
    for value, item in sorted(stats.items()):
        record: dict[str, Any] = {name: getattr(item, name) for name in _NUMBERS}
        record["value"] = value
        for name, dtype in _ARRAYS.items():
            array = np.ascontiguousarray(getattr(item, name), dtype)
            record[name] = array.size
            arrays.append(array)
        records.append(record)
    header = json.dumps(records, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:
        file.write(_MAGIC + len(header).to_bytes(8, "little") + header)
        for array in arrays:
            file.write(array.tobytes())
    partial.replace(path)


def load_stats(path: Path) -> dict[str, TensorStats]:
    """Read what `save_stats` wrote, values in alphabetical order.

    Raises:
        CalibrationError: The file is not there, is none of these, or is cut short.
    """
    try:
        return _parse(path.read_bytes())
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CalibrationError(
            Code.CALIBRATION_FAILED,
            f"The statistics cannot be read: {error}",
            where=str(path),
            hint="delete the file; the sweep makes it again",
        ) from error


def _parse(data: bytes) -> dict[str, TensorStats]:
    if data[: len(_MAGIC)] != _MAGIC:
        raise ValueError("it is not a statistics file")
    begin = len(_MAGIC) + 8
    offset = begin + int.from_bytes(data[len(_MAGIC) : begin], "little")
    stats: dict[str, TensorStats] = {}
    for record in json.loads(data[begin:offset]):
        arrays: dict[str, Any] = {}
        for name, dtype in _ARRAYS.items():
            arrays[name] = np.frombuffer(data, dtype, record[name], offset)
            offset += arrays[name].nbytes
        numbers: dict[str, Any] = {name: record[name] for name in _NUMBERS}
        stats[record["value"]] = TensorStats(**numbers, **arrays)
    if offset != len(data):
        raise ValueError("it is longer than its header says")
    return stats
