"""Samples of the model input as a device would be fed them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from toolchain.core.options import Color, Layout, Source
from toolchain.program.processors.colors import to_yuv
from toolchain.program.processors.geometry import Geometry, geometry, permutation
from toolchain.program.processors.records import PLANAR, YUV

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from toolchain.core.dtypes import Array
    from toolchain.program.processors.records import InputSource


def source_sample(source: InputSource, sample: Array) -> Array:
    """What `source` is fed so that the model gets about `sample`, exactly where pixels can say it.

    The way back: sample * std + mean in float64, rounded half to even and cut to the type; padding
    taken off; what slicing cuts off is 0; colours and axes of the source. U and V are those of the
    mean of the pixels that share them.

    Args:
        source: How the input is fed.
        sample: float32, the shape of the model input.
    """
    source = source.for_batch(sample.shape[0])
    shapes = geometry(source, sample.shape)
    rank = sample.ndim
    kept = _unpadded(_denormalized(source, sample), source, rank)
    pixels = np.zeros(shapes.pixels, np.int16)
    firsts = source.slicing[:rank] or (0,) * rank
    window = tuple(slice(first, first + n) for first, n in zip(firsts, kept.shape, strict=True))
    pixels[window] = _nearest(source, kept)
    if source.format in YUV:
        return _encoded(pixels, source, shapes)
    if source.format in (Source.RGB, Source.BGR) and source.format.value != source.color:
        pixels = np.flip(pixels, source.channel_axis(rank))
    perm = permutation(source, rank)
    if perm is not None:
        pixels = pixels.transpose(np.argsort(perm))
    return np.ascontiguousarray(pixels.astype(source.dtype.numpy))


def beside_pixels(source: InputSource, sample: Array) -> NDArray[np.float64]:
    """How far every element of a sample lies beside the nearest pixel, in units of pixels.

    Nothing does in a sample that was made of pixels by the same mean and std, but for the last bits
    of float32. Padding does not count.
    """
    kept = _unpadded(_denormalized(source, sample), source, sample.ndim)
    return np.abs(kept - _nearest(source, kept))


def _nearest(source: InputSource, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The nearest numbers that the type of the source has, ties to even."""
    return np.clip(np.rint(values), source.dtype.qmin, source.dtype.qmax)


def _denormalized(source: InputSource, sample: Array) -> NDArray[np.float64]:
    """The pixels that `sample` was made of."""
    shape = [1] * sample.ndim
    shape[source.channel_axis(sample.ndim)] = -1
    mean, std = (np.array(each, np.float64).reshape(shape) for each in (source.mean, source.std))
    return np.asarray(sample.astype(np.float64) * std + mean, np.float64)


def _unpadded(pixels: NDArray[np.float64], source: InputSource, rank: int) -> NDArray[np.float64]:
    pads = source.padding or (0,) * (2 * rank)
    window = tuple(slice(pads[a], n - pads[rank + a]) for a, n in enumerate(pixels.shape))
    kept: NDArray[np.float64] = pixels[window]
    return kept


def _encoded(pixels: NDArray[np.int16], source: InputSource, shapes: Geometry) -> Array:
    """Pixels in the model's axes as YUV."""
    if source.conversion is None or source.color is None:
        raise ValueError(f"{source.format} without a range, a matrix or colours")
    if source.model_layout is not Layout.NHWC:
        pixels = pixels.transpose(0, 2, 3, 1)
    yuv = to_yuv(pixels.astype(np.float64), source.conversion, Color(source.color))
    batch, height, width, _ = yuv.shape
    rows = 2 if source.format in PLANAR else 1
    blocks = yuv.reshape(batch, height // rows, rows, width // 2, 2, 3)
    chroma = blocks[..., 1:].mean(axis=(2, 4))
    if source.format is Source.NV21:
        chroma = chroma[..., ::-1]
    luma = yuv[..., 0]
    if source.format in PLANAR:
        plane = chroma.reshape(batch, height // 2, width)
        mixed = np.concatenate([luma, plane], axis=1)
    else:
        parts = [luma, chroma.reshape(batch, height, width)]
        mixed = np.stack(parts if source.format is Source.YUYV else parts[::-1], axis=-1)
    return np.asarray(np.clip(np.rint(mixed), 0, 255), np.uint8).reshape(shapes.fed)
