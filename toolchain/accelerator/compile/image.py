"""The region of constants: everything once, for all variants and cores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolchain.core.dtypes import Array

ALIGNMENT = 64
"""Blocks begin at multiples of it: a burst of any machine here."""

_INNER = 16
"""Parameters of a block begin at multiples of it."""


def packed(sizes: Sequence[int]) -> tuple[tuple[int, ...], int]:
    """Where things of some sizes in bytes lie behind each other, and where the last one ends."""
    offsets: list[int] = []
    end = 0
    for length in sizes:
        end = -(-end // _INNER) * _INNER
        offsets.append(end)
        end += length
    return tuple(offsets), end


class ConstantImage:
    """Collects the constants of all variants of a model.

    Blocks of equal bytes are stored once.
    """

    def __init__(self) -> None:
        """Begin without any."""
        self._data = bytearray()
        self._known: dict[bytes, int] = {}

    def add(self, arrays: Sequence[Array]) -> tuple[int, ...]:
        """Store the parameters of an operation as one block; their offsets."""
        offsets, end = packed([array.nbytes for array in arrays])
        block = bytearray(end)
        for offset, array in zip(offsets, arrays, strict=True):
            little = array.astype(array.dtype.newbyteorder("<"), copy=False)
            block[offset : offset + array.nbytes] = np.ascontiguousarray(little).tobytes()
        content = bytes(block)
        if content not in self._known:
            self._data.extend(bytes(-len(self._data) % ALIGNMENT))
            self._known[content] = len(self._data)
            self._data.extend(content)
        start = self._known[content]
        return tuple(start + offset for offset in offsets)

    def content(self) -> bytes:
        """All bytes."""
        return bytes(self._data)
