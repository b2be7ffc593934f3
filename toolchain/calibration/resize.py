"""Images made larger or smaller."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from toolchain.core.options import Filter

if TYPE_CHECKING:
    from numpy.typing import NDArray

_STRIPE = 64
"""Columns that are summed at once."""


def resized(
    pixels: NDArray[np.uint8], height: int, width: int, chosen: Filter
) -> NDArray[np.uint8]:
    """The image in another size; what surrounds it does not count.

    AREA averages what a pixel of the result covers, everything else is Pillow's filter of that
    name, which widens with the reduction.

    Args:
        pixels: uint8 (rows, columns) or (rows, columns, channels).
        height: Rows of the result.
        width: Columns of the result.
        chosen: The filter.
    """
    from PIL import Image

    if chosen is Filter.AREA:
        return _by_area(pixels, height, width)
    filters = Image.Resampling
    return np.asarray(Image.fromarray(pixels).resize((width, height), filters[chosen.name]))


def letterboxed(
    pixels: NDArray[np.uint8], height: int, width: int, chosen: Filter, value: int
) -> NDArray[np.uint8]:
    """The whole image, aspect kept, in the middle of height x width pixels of `value`.

    The side that limits fills the box, the other is rounded to the nearest pixel (halves up), at
    least 1; an odd pixel of padding is below or on the right.
    """
    rows, columns = pixels.shape[:2]
    if columns * height <= width * rows:
        inner = (height, max(1, (2 * columns * height + rows) // (2 * rows)))
    else:
        inner = (max(1, (2 * rows * width + columns) // (2 * columns)), width)
    box = np.full((height, width, *pixels.shape[2:]), value, np.uint8)
    top, left = (height - inner[0]) // 2, (width - inner[1]) // 2
    box[top : top + inner[0], left : left + inner[1]] = resized(pixels, *inner, chosen)
    return box


def _by_area(pixels: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Mean of the area under every pixel, parts of pixels counted by their part; halves to even.

    What OpenCV documents as INTER_AREA where both sides shrink, and computes where both grow; its
    own rounding differs by one at some halves. Pillow's BOX is not the same: it takes a pixel as a
    whole or not at all, and rounds between the two passes.
    """
    # In stripes, since the sums take eight times the memory of the pixels.
    stripes = range(0, pixels.shape[1], _STRIPE)
    lower = np.concatenate([_sums(pixels[:, x : x + _STRIPE], height) for x in stripes], axis=1)
    sums = _sums(lower.swapaxes(0, 1), width).swapaxes(0, 1)
    # Whole numbers up to here, so that neither order nor halves are a matter of rounding.
    mean: NDArray[np.uint8] = np.rint(sums / (pixels.shape[0] * pixels.shape[1])).astype(np.uint8)
    return mean


def _sums(values: NDArray[Any], count: int) -> NDArray[np.int64]:
    """Axis 0 cut into `count` equal pieces: the sum of each, times `count`.

    The integral of the values is exact at their borders and grows linearly in between.
    """
    size = values.shape[0]
    whole, part = np.divmod(np.arange(count + 1) * size, count)
    integral = np.zeros((size + 1, *values.shape[1:]), np.int64)
    np.cumsum(values, axis=0, dtype=np.int64, out=integral[1:])
    # The last border is that of the last value, of which no part is left.
    begun = values[np.minimum(whole, size - 1)] * part.reshape(-1, *[1] * (values.ndim - 1))
    pieces: NDArray[np.int64] = np.diff(integral[whole] * count + begun, axis=0)
    return pieces
