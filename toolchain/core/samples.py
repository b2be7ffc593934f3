"""Preprocessed samples on disk: the same bytes for every sweep, proof and check."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from toolchain.core.dtypes import Array


@dataclass(frozen=True, slots=True, kw_only=True)
class InputSpec:
    """One model input as samples are fed to it.

    Attributes:
        name: Name of the model input.
        dtype: numpy name of the element type ("float32").
        shape: Shape of one sample, batch of 1 first.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleStore:
    """A folder with one raw little-endian file per input, samples one behind the other.

    Attributes:
        folder: Where the files are.
        inputs: The model inputs, in the model's order.
        names: What each sample is called (file name or index), in order.
    """

    folder: Path
    inputs: tuple[InputSpec, ...]
    names: tuple[str, ...]

    def __len__(self) -> int:
        """Number of samples."""
        return len(self.names)

    def path(self, index: int) -> Path:
        """File that holds all samples of input number `index`."""
        return self.folder / f"input_{index}.bin"

    def batch(self, start: int, size: int = 1) -> dict[str, Array]:
        """Feeds of `size` samples from number `start` on, joined along the batch axis.

        Read with plain file reads: a memory map would count as memory used.
        """
        size = min(size, len(self) - start)
        feeds: dict[str, Array] = {}
        for index, spec in enumerate(self.inputs):
            dtype = np.dtype(spec.dtype)
            items = int(np.prod(spec.shape))
            data = np.fromfile(
                self.path(index),
                dtype=dtype,
                count=items * size,
                offset=start * items * dtype.itemsize,
            )
            feeds[spec.name] = data.reshape(size * spec.shape[0], *spec.shape[1:])
        return feeds

    def batches(self, size: int = 1, limit: int | None = None) -> Iterator[Mapping[str, Array]]:
        """All samples in order, `size` at a time, at most `limit` of them."""
        count = len(self) if limit is None else min(limit, len(self))
        for start in range(0, count, size):
            yield self.batch(start, min(size, count - start))

    @classmethod
    def open(cls, folder: Path) -> SampleStore:
        """Open a folder written earlier; its `samples.json` names inputs and samples."""
        record = json.loads((folder / "samples.json").read_text(encoding="utf-8"))
        inputs = tuple(
            InputSpec(name=item["name"], dtype=item["dtype"], shape=tuple(item["shape"]))
            for item in record["inputs"]
        )
        return cls(folder=folder, inputs=inputs, names=tuple(record["names"]))
