"""What is done to one input or output, every choice settled."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

from toolchain.core.dtypes import DType
from toolchain.core.options import Color, Layout, OutputDtype, Source, YuvRange

Matrix: TypeAlias = tuple[float, ...]
"""Three rows of four: factors of Y, U and V, and what is added, in units of pixels."""

YUV = frozenset({Source.NV12, Source.NV21, Source.YUYV, Source.UYVY})
PLANAR = frozenset({Source.NV12, Source.NV21})
"""Formats with a plane of Y before one of U and V; the others mix them pixel by pixel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InputSource:
    """What is fed for a model input.

    Attributes:
        name: Name of the model input.
        format: What the elements are.
        color: The model's colour order; None where `format` is raw.
        layout: Axis order of what is fed; without effect for YUV.
        model_layout: That of the model input.
        dtype: Type of what is fed.
        conversion: How YUV becomes RGB, by a range or a matrix with the rows of `color`; None for
            other formats.
        mean: One entry, or one per channel of the model.
        std: Alike.
        shape: Shape of what is fed, where it was given.
        slicing: First indices of the model's axes, then those behind the last; or none.
        padding: Pixels before every axis of the model input, then behind; or none.
        padding_value: What added pixels are.
    """

    name: str
    format: Source
    color: Color | None
    layout: Layout
    model_layout: Layout
    dtype: DType
    conversion: YuvRange | Matrix | None
    mean: tuple[float, ...]
    std: tuple[float, ...]
    shape: tuple[int, ...] | None = None
    slicing: tuple[int, ...] = ()
    padding: tuple[int, ...] = ()
    padding_value: int = 0

    @property
    def where(self) -> str:
        """The place that errors name."""
        return f"compile.input_processors, input {self.name!r}"

    def for_batch(self, batch: int) -> InputSource:
        """The same for another batch: how many samples are fed at once is no matter of pixels."""
        shape = self.shape and (batch, *self.shape[1:])
        ends = len(self.slicing) // 2
        slicing = self.slicing and (*self.slicing[:ends], batch, *self.slicing[ends + 1 :])
        return replace(self, shape=shape, slicing=slicing)

    def channel_axis(self, rank: int) -> int:
        """Axis of the model input along which `mean` and `std` count."""
        if rank == 4 and self.model_layout is Layout.NHWC:
            return 3
        return min(1, rank - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputForm:
    """How a model output is handed out.

    Attributes:
        name: Name of the model output.
        perm: Order of its axes; none for the model's.
        dtype: As floats or as it is stored.
    """

    name: str
    perm: tuple[int, ...] = ()
    dtype: OutputDtype = OutputDtype.FLOAT32

    @property
    def where(self) -> str:
        """The place that errors name."""
        return f"compile.output_processors, output {self.name!r}"
