"""Decoding of image files to RGB."""

from __future__ import annotations

import struct
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np

from toolchain.calibration.members import unreadable

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from PIL.Image import Image

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp"})
"""What counts as an image, in any letter case."""


def is_image(path: Path) -> bool:
    """True if the name says that it is an image."""
    return path.suffix.lower() in IMAGE_SUFFIXES


def decode_image(data: bytes, where: str) -> NDArray[np.uint8]:
    """Decode one image to uint8 (height, width, 3) in RGB; errors say that it is at `where`.

    The orientation of the EXIF record is applied. Gray is repeated into three channels, 16-bit gray
    keeps its upper 8 bits, palettes are looked up, CMYK is converted, and alpha is left out, as
    the image loaders that models are trained with do.

    Raises:
        DataError: The file is truncated, corrupt, no image, or a decompression bomb.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    broken = (UnidentifiedImageError, Image.DecompressionBombError, SyntaxError, EOFError)
    try:
        with Image.open(BytesIO(data)) as image:
            image.load()
            return np.asarray(_to_rgb(ImageOps.exif_transpose(image)), np.uint8)
    except (*broken, OSError, ValueError, struct.error) as error:
        raise unreadable(where, error) from error


def _to_rgb(image: Image) -> Image:
    from PIL.Image import fromarray

    if image.mode.startswith("I"):
        wide: NDArray[np.int64] = np.asarray(image, np.int64)
        return fromarray((wide >> 8).clip(0, 255).astype(np.uint8)).convert("RGB")
    if "transparency" in image.info:
        # Pillow wants the transparent colour of a palette resolved before it is dropped.
        return image.convert("RGBA").convert("RGB")
    return image.convert("RGB")
