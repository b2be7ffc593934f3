"""How model inputs are fed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, ClassVar

from annotated_types import Ge, Gt, Le, MinLen

from toolchain.core.options.doc import STRICT, Doc


class Filter(StrEnum):
    """How an image is resized."""

    NEAREST = "nearest"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    LANCZOS = "lanczos"
    AREA = "area"


class Color(StrEnum):
    """Order of the colour channels that the model expects."""

    RGB = "rgb"
    BGR = "bgr"
    GRAY = "gray"


class Layout(StrEnum):
    """Order of the image axes that the model expects."""

    NCHW = "nchw"
    NHWC = "nhwc"


class Format(StrEnum):
    """What the files of a folder, list or archive hold, one sample each."""

    AUTO = "auto"
    IMAGE = "image"
    NUMPY = "numpy"
    BINARY = "binary"
    NUMPY_OBJECT = "numpy_object"


class RawDtype(StrEnum):
    """Element type of raw files, little-endian."""

    UINT8 = "uint8"
    INT8 = "int8"
    UINT16 = "uint16"
    INT16 = "int16"
    INT32 = "int32"
    INT64 = "int64"
    FLOAT16 = "float16"
    FLOAT32 = "float32"
    FLOAT64 = "float64"


PRESETS = ("IMAGENET", "PT_IMAGENET")
"""Preprocessors that resize and crop in a way of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InputOptions:
    """How one model input is fed."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    name: Annotated[
        str | None, Doc("Name of the model input; may be left out for the only one.")
    ] = None
    shape: Annotated[
        tuple[Annotated[int, Ge(1)], ...] | None,
        Doc("Shape to build the model for, batch first; needed where the model's is dynamic."),
    ] = None
    format: Annotated[
        Format,
        Doc(
            "What the files of a folder, list or archive hold: `image`, `numpy` (.npy, .npz), "
            "`binary` (raw), `numpy_object` (.npy of a dictionary); `auto` goes by their names and "
            "contents."
        ),
    ] = Format.AUTO
    raw_dtype: Annotated[
        RawDtype | None,
        Doc("Element type of raw files; the model input's where left out. The shape is always."),
    ] = None
    preprocess: Annotated[
        str,
        Doc(
            "Preprocessor: `auto` (images: `image`, arrays: `array`), `image`, `array`, "
            "`IMAGENET`, `PT_IMAGENET`, a Python function (`file.py:name`), or a plugin's."
        ),
    ] = "auto"
    resize: Annotated[
        int | tuple[int, int] | None,
        Doc("One number: the short side in pixels, aspect kept. Two: height and width, stretched."),
    ] = None
    crop: Annotated[
        tuple[int, int] | None, Doc("Height and width of the centre crop, after resizing.")
    ] = None
    letterbox: Annotated[
        int | None,
        Ge(0),
        Le(255),
        Doc("Keeps the aspect within `resize = [height, width]` and pads with pixels of this."),
    ] = None
    filter: Annotated[
        Filter, Doc("Interpolation of `resize`; `area` averages as OpenCV's INTER_AREA does.")
    ] = Filter.BILINEAR
    color: Annotated[Color, Doc("Colour order that the model expects.")] = Color.RGB
    mean: Annotated[
        tuple[float, ...], MinLen(1), Doc("Subtracted per channel, in units of the pixels 0..255.")
    ] = (0.0,)
    std: Annotated[
        tuple[Annotated[float, Gt(0)], ...],
        MinLen(1),
        Doc("Divides per channel, after `mean` is subtracted."),
    ] = (1.0,)
    layout: Annotated[Layout, Doc("Axis order that the model expects.")] = Layout.NCHW
