"""Tensors as generated code keeps them: where, and in which order of axes."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TypeAlias

from toolchain.core.dtypes import DType

Order: TypeAlias = tuple[int, ...]
"""Axes of a tensor from the slowest to the fastest in memory."""


def row_major(rank: int) -> Order:
    """The order of ONNX: last axis fastest."""
    return tuple(range(rank))


def channels_last(rank: int) -> Order:
    """Batch, spatial axes, channels: axis 1 fastest. Row-major below rank 3."""
    return row_major(rank) if rank < 3 else (0, *range(2, rank), 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operand:
    """A tensor in memory.

    Attributes:
        buffer: What holds it; several operands may be views of one buffer.
        dtype: Stored type.
        shape: Shape, as in the program.
        order: How its axes lie in memory.
    """

    buffer: str
    dtype: DType
    shape: tuple[int, ...]
    order: Order

    @property
    def elements(self) -> int:
        """Number of elements."""
        return prod(self.shape)

    @property
    def size_bytes(self) -> int:
        """Bytes in memory."""
        return self.elements * self.dtype.numpy.itemsize

    @property
    def extents(self) -> tuple[int, ...]:
        """The shape as it lies in memory, slowest axis first."""
        return tuple(self.shape[axis] for axis in self.order)

    @property
    def strides(self) -> tuple[int, ...]:
        """Elements from one index to the next, for each axis of the shape."""
        found = dict.fromkeys(self.order, 1)
        step = 1
        for axis in reversed(self.order):
            found[axis] = step
            step *= self.shape[axis]
        return tuple(found[axis] for axis in range(len(self.shape)))

    def lies_as(self, order: Order) -> bool:
        """True if its bytes are the same in `order`: axes of one element may stand anywhere."""
        return self._long(self.order) == self._long(order)

    def reshaped(self, shape: tuple[int, ...]) -> Order | None:
        """The order in which the same bytes are a tensor of another shape; None if there is none.

        Neighbouring axes that become others must lie one within the next.
        """
        places = {axis: place for place, axis in enumerate(self._long(self.order))}
        own = [axis for axis, extent in enumerate(self.shape) if extent > 1]
        others = [axis for axis, extent in enumerate(shape) if extent > 1]
        found: list[tuple[int, list[int]]] = []
        while own:
            old, new = [own.pop(0)], [others.pop(0)]
            while (left := prod(self.shape[a] for a in old) - prod(shape[a] for a in new)) != 0:
                if left < 0:
                    old.append(own.pop(0))
                else:
                    new.append(others.pop(0))
            first = places[old[0]]
            if any(places[axis] != first + i for i, axis in enumerate(old)):
                return None
            found.append((first, new))
        short = [axis for axis, extent in enumerate(shape) if extent == 1]
        return (*short, *(axis for _, axes in sorted(found) for axis in axes))

    def _long(self, axes: Order) -> Order:
        return tuple(axis for axis in axes if self.shape[axis] > 1)
