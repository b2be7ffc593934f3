"""What a compiled model does with its inputs and outputs itself."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, ClassVar

from annotated_types import Ge, Gt, Le, Len, MinLen

from toolchain.core.options.doc import STRICT, Doc
from toolchain.core.options.inputs import Color, Layout


class Source(StrEnum):
    """What the elements of a source are."""

    RAW = "raw"
    GRAY = "gray"
    RGB = "rgb"
    BGR = "bgr"
    NV12 = "nv12"
    NV21 = "nv21"
    YUYV = "yuyv"
    UYVY = "uyvy"


class YuvRange(StrEnum):
    """Which integers black and white are."""

    FULL = "full"
    LIMITED = "limited"


class SourceDtype(StrEnum):
    """Element type of a source."""

    UINT8 = "uint8"
    INT8 = "int8"


class OutputDtype(StrEnum):
    """How an output is handed out."""

    FLOAT32 = "float32"
    STORED = "stored"


_Index = Annotated[int, Ge(0)]


@dataclass(frozen=True, slots=True, kw_only=True)
class InputProcessor:
    """What the compiled model is fed for one input, in place of preprocessed floats."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    name: Annotated[
        str | None, Doc("Name of the model input; may be left out for the only one.")
    ] = None
    format: Annotated[
        Source,
        Doc(
            "What is fed: `gray`, `rgb`, `bgr`, `nv12`, `nv21`, `yuyv`, `uyvy`; `raw` for channels "
            "as the model takes them, whatever they are."
        ),
    ]
    color: Annotated[
        Color | None,
        Doc(
            "Colour order that the model expects, into which `format` is converted; needed with "
            "every format but `raw` and `gray`."
        ),
    ] = None
    layout: Annotated[
        Layout | None,
        Doc(
            "Axis order of what is fed; the model's (`input.layout`) where left out. YUV has its "
            "own."
        ),
    ] = None
    dtype: Annotated[SourceDtype, Doc("Element type of what is fed.")] = SourceDtype.UINT8
    range: Annotated[
        YuvRange | None,
        Doc(
            "Of YUV, by ITU-R BT.601: `limited` has Y from 16 to 235, `full` from 0 to 255. YUV "
            "needs this or `matrix`."
        ),
    ] = None
    matrix: Annotated[
        tuple[float, ...] | None,
        Len(12, 12),
        Doc(
            "YUV to the model's colours instead of `range`: for each channel of `color` what Y, U "
            "and V are multiplied by (from -8 to below 8) and what is added, in units of pixels."
        ),
    ] = None
    mean: Annotated[
        tuple[float, ...] | None,
        MinLen(1),
        Doc("Subtracted per channel; that of `[[input]]` where left out."),
    ] = None
    std: Annotated[
        tuple[Annotated[float, Gt(0)], ...] | None,
        MinLen(1),
        Doc("Divides per channel; that of `[[input]]` where left out."),
    ] = None
    shape: Annotated[
        tuple[Annotated[int, Ge(1)], ...] | None,
        Doc("Shape of what is fed, batch first; needed where `slicing` cuts."),
    ] = None
    slicing: Annotated[
        tuple[_Index, ...],
        Doc(
            "What is kept of the pixels: the first index of every axis of the model input, then "
            "the index behind the last."
        ),
    ] = ()
    padding: Annotated[
        tuple[_Index, ...],
        Doc("Pixels added around what is kept: before every axis of the model input, then behind."),
    ] = ()
    padding_value: Annotated[int, Ge(-128), Le(255), Doc("What the added pixels are.")] = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputProcessor:
    """How the compiled model hands out one output."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    name: Annotated[
        str | None, Doc("Name of the model output; may be left out for the only one.")
    ] = None
    perm: Annotated[
        tuple[_Index, ...],
        Doc("Order of axes to hand out, as in ONNX Transpose; the model's where left out."),
    ] = ()
    dtype: Annotated[
        OutputDtype,
        Doc("`float32` as the model, or the integers as they are `stored`, with their parameters."),
    ] = OutputDtype.FLOAT32
