"""Preprocessors by name, with the presets that vendors' tools know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolchain.calibration.preprocess import array, checked, finished, image
from toolchain.calibration.resize import resized
from toolchain.core.options import Filter, InputOptions, Layout
from toolchain.core.registry import PreprocessorDef
from toolchain.errors import Code, DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from toolchain.core.dtypes import Array
    from toolchain.core.samples import InputSpec


def imagenet(sample: Array, options: InputOptions, spec: InputSpec) -> Array:
    """The preset IMAGENET of XQuant and XSlim (calibration_helper.py, ImagenetPreprocess).

    The short side becomes floor(8/7 of the input's), the long one keeps the aspect, rounded down;
    by area. Then a centre crop of the input's size with floor((size - crop) / 2) pixels above and
    to the left, colour order, (x - mean) / std in units of the pixels 0..255, layout.

    Raises:
        DataError, ConfigError: As `preprocess.image`.
    """
    pixels = checked(sample, spec)
    height, width = _size(options, spec)
    rows, columns = pixels.shape[:2]
    short = (height * 8 // 7, width * 8 // 7)
    if rows > columns:
        size = (short[0] * rows // columns, short[1])
    else:
        size = (short[0], short[1] * columns // rows)
    large = resized(pixels, *size, Filter.AREA)
    top, left = (size[0] - height) // 2, (size[1] - width) // 2
    return finished(large[top : top + height, left : left + width], options, spec)


def pt_imagenet(sample: Array, options: InputOptions, spec: InputSpec) -> Array:
    """The preset PT_IMAGENET of XQuant and XSlim (PTImagenetPreprocess), which is torchvision's.

    The short side becomes floor(8/7 of the input's height), the long one keeps the aspect, rounded
    down; by Pillow's bilinear filter. Then a square centre crop of the input's height with
    (size - crop) / 2 pixels above and to the left, halves to even. Pixels stay 0..255: `mean` and
    `std` are 123.675 and 58.395, not 0.485 and 0.229.

    Raises:
        DataError, ConfigError: As `preprocess.image`.
    """
    pixels = checked(sample, spec)
    side = _size(options, spec)[0]
    rows, columns = pixels.shape[:2]
    wanted, short = side * 8 // 7, min(rows, columns)
    large = resized(pixels, wanted * rows // short, wanted * columns // short, Filter.BILINEAR)
    return finished(_torchvision_crop(large, side), options, spec)


def _torchvision_crop(pixels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    top, left = (round((size - side) / 2) for size in pixels.shape[:2])
    return pixels[top : top + side, left : left + side]


def _size(options: InputOptions, spec: InputSpec) -> tuple[int, int]:
    """Height and width of the model input."""
    if len(spec.shape) != 4:
        raise DataError(
            Code.DATA_SHAPE,
            "The model input is no image",
            where=f"input '{spec.name}'",
            got=str(spec.shape),
            allowed="(1, channels, height, width) or (1, height, width, channels)",
            hint='set preprocess = "array"',
        )
    first = 2 if options.layout is Layout.NCHW else 1
    return spec.shape[first], spec.shape[first + 1]


PREPROCESSORS: tuple[PreprocessorDef, ...] = (
    PreprocessorDef(
        name="image",
        summary="Resize, letterbox or centre crop, colour order, mean and std, layout",
        function=image,
    ),
    PreprocessorDef(
        name="array", summary="Shape and dtype checked, mean and std where set", function=array
    ),
    PreprocessorDef(
        name="IMAGENET",
        summary="Short side to 8/7 by area, centre crop, colour order, mean and std, layout",
        function=imagenet,
    ),
    PreprocessorDef(
        name="PT_IMAGENET",
        summary="As torchvision: short side to 8/7 bilinear, centre crop, mean and std, layout",
        function=pt_imagenet,
    ),
)
"""`auto` picks between the first two by what the reader delivers."""
