"""What segments of a container exchange, and how it lies in the regions of a machine."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from toolchain.accelerator.container.records import MachineSegment, Port, Segment, Variant

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from toolchain.core.dtypes import Array
    from toolchain.program.records import Program


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """An array at the seam of two segments.

    Attributes:
        dtype: numpy's type of its elements.
        shape: Its extents.
    """

    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    def sample(self, batch: int) -> Layout | None:
        """One of `batch` samples along the first axis; None if it cannot be divided like that."""
        if not self.shape:
            return self if batch == 1 else None
        if self.shape[0] % batch:
            return None
        return Layout(dtype=self.dtype, shape=(self.shape[0] // batch, *self.shape[1:]))

    def __str__(self) -> str:
        """Type and extents in one word: int8 1x3x2."""
        return f"{self.dtype.name} {'x'.join(str(extent) for extent in self.shape) or 'scalar'}"


def reads(segment: Segment) -> dict[str, Layout]:
    """What a segment reads, by the name of the tensor."""
    if isinstance(segment, MachineSegment):
        return {port.name: _of_port(port) for port in segment.inputs}
    return _of_program(segment.program, segment.program.inputs)


def writes(segment: Segment) -> dict[str, Layout]:
    """What later segments or the user read of a segment, by the name of the tensor."""
    if isinstance(segment, MachineSegment):
        return {port.name: _of_port(port) for port in segment.outputs}
    return _of_program(segment.program, segment.program.outputs)


def input_layouts(variant: Variant) -> dict[str, Layout]:
    """Inputs of a variant that any segment reads."""
    found = {name: layout for each in variant.segments for name, layout in reads(each).items()}
    return {name: found[name] for name in variant.inputs if name in found}


def output_layouts(variant: Variant) -> dict[str, Layout]:
    """Outputs of a variant that any segment writes."""
    found = {name: layout for each in variant.segments for name, layout in writes(each).items()}
    return {name: found[name] for name in variant.outputs if name in found}


def port_bytes(port: Port) -> int:
    """Length of a port in its region; its elements lie side by side, without gaps."""
    return math.prod(port.shape) * port.dtype.numpy.itemsize


def write_port(region: NDArray[np.uint8], port: Port, array: Array) -> None:
    """Lay `array`, of the shape and type of the port, into the region, little-endian."""
    laid = np.ascontiguousarray(array.transpose(port.order), _stored(port)).reshape(-1)
    region[port.offset : port.offset + port_bytes(port)] = laid.view(np.uint8)


def read_port(region: NDArray[np.uint8], port: Port) -> Array:
    """The array that lies in the region, with the shape and type of the port."""
    flat = region[port.offset : port.offset + port_bytes(port)].copy().view(_stored(port))
    laid = flat.reshape([port.shape[axis] for axis in port.order])
    back = np.argsort(np.array(port.order, np.int64))
    return np.ascontiguousarray(laid.transpose(back), port.dtype.numpy).reshape(port.shape)


def _stored(port: Port) -> np.dtype[Any]:
    return port.dtype.numpy.newbyteorder("<")


def _of_port(port: Port) -> Layout:
    return Layout(dtype=port.dtype.numpy, shape=port.shape)


def _of_program(program: Program, names: tuple[str, ...]) -> dict[str, Layout]:
    found = [program.tensors[name] for name in names]
    return {each.name: Layout(dtype=each.dtype.numpy, shape=each.shape) for each in found}
