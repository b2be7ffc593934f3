"""The memories of a machine, as bytes: regions of the DDR, and those on the chip."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from toolchain.accelerator.isa.code import Code
from toolchain.accelerator.isa.operands import EVERY_CORE, Space, View
from toolchain.core.dtypes import Array

Bytes: TypeAlias = NDArray[np.uint8]
"""A memory."""

Place: TypeAlias = tuple[Space, int]
"""A memory and the core that it belongs to, 0 for those of all cores."""


def places(view: View, cores: int) -> tuple[Place, ...]:
    """The memories that a view is in: several only for targets of `EVERY_CORE`."""
    if view.core == EVERY_CORE:
        return tuple((view.space, core) for core in range(cores))
    return ((view.space, view.core),)


class Memories:
    """The memories of code that was verified: every view lies within.

    Attributes:
        regions: The bytes of each.
    """

    def __init__(self, code: Code, cores: int, constants: bytes) -> None:
        """Lay out all memories; `constants` are the region of constants."""
        self._cores = cores
        self.regions: dict[Place, Bytes] = {}
        for space, size in code.sizes.items():
            for core in range(cores if space.per_core else 1):
                self.regions[space, core] = np.zeros(size, np.uint8)
        self.regions[Space.CONSTANTS, 0] = np.frombuffer(constants, np.uint8)

    def fill(self, space: Space, content: Bytes) -> None:
        """Write a whole region of the DDR."""
        self.regions[space, 0][:] = content

    def read(self, view: View) -> Array:
        """The elements of a view where they lie; not to be written to."""
        return self._array(view, (view.space, view.core))

    def write(self, view: View, elements: Array) -> None:
        """Write a target, into the memories of all cores for `EVERY_CORE`."""
        for place in places(view, self._cores):
            self._array(view, place)[...] = elements

    def _array(self, view: View, place: Place) -> NDArray[Any]:
        return np.ndarray(
            view.shape, view.dtype.numpy, self.regions[place].data, view.offset, view.strides
        )
