"""What a device would be fed, from samples of the model input."""

from __future__ import annotations

import numpy as np
import pytest

from toolchain.core.dtypes import DType
from toolchain.core.options import Color, Layout, Source, YuvRange
from toolchain.program.interpreter import Interpreter
from toolchain.program.processors import apply_input, beside_pixels, source_sample

MEAN, STD = (123.68, 116.779, 103.939), (58.62, 57.34, 57.6)


def normalized(image: np.ndarray) -> np.ndarray:
    """(H, W, 3) as a model input, as `preprocess = "image"` computes it."""
    real = (image.astype(np.float32) - np.array(MEAN, np.float32)) / np.array(STD, np.float32)
    return real.astype(np.float32).transpose(2, 0, 1)[np.newaxis]


def test_pixels_come_back_exactly(pixels, noise) -> None:
    image = noise((4, 6, 3))
    rgb = pixels(format=Source.RGB, layout=Layout.NHWC, mean=MEAN, std=STD)
    bgr = pixels(format=Source.BGR, layout=Layout.NCHW, mean=MEAN, std=STD)
    sample = normalized(image)
    np.testing.assert_array_equal(source_sample(rgb, sample), image[np.newaxis], strict=True)
    swapped = image[np.newaxis, :, :, ::-1].transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(source_sample(bgr, sample), swapped, strict=True)


def test_padding_is_taken_off_and_what_was_cut_off_is_0(pixels, noise) -> None:
    sample = noise((1, 3, 4, 6)).astype(np.float32)
    source = pixels(
        shape=(1, 3, 5, 5),
        slicing=(0, 0, 1, 0, 1, 3, 4, 4),
        padding=(0, 0, 1, 0, 0, 0, 0, 2),
    )
    found = source_sample(source, sample)
    assert found.shape == (1, 3, 5, 5)
    np.testing.assert_array_equal(found[:, :, 1:4, :4], sample[:, :, 1:, :4])
    assert found.sum() == found[:, :, 1:4, :4].sum()


def test_what_pixels_cannot_say_is_cut_and_rounded(pixels) -> None:
    sample = np.array([[-300.0, -5.5, 2.5, 3.5, 999.0]], np.float32)
    found = source_sample(pixels(), sample)
    np.testing.assert_array_equal(found, np.array([[0, 0, 2, 4, 255]], np.uint8), strict=True)
    found = source_sample(pixels(dtype=DType.INT8), sample)
    np.testing.assert_array_equal(found, np.array([[-128, -6, 2, 4, 127]], np.int8), strict=True)


def test_how_far_samples_are_from_pixels(pixels, noise) -> None:
    source = pixels(format=Source.RGB, layout=Layout.NHWC, mean=MEAN, std=STD)
    assert beside_pixels(source, normalized(noise((4, 6, 3)))).max() < 1e-4
    sample = np.array([[-2.0, 0.25, 7.0, 255.5, 300.0]], np.float32)
    np.testing.assert_array_equal(beside_pixels(pixels(), sample), [[2, 0.25, 0, 0.5, 45]])
    padded = pixels(padding=(0, 1, 0, 0))
    np.testing.assert_array_equal(beside_pixels(padded, sample), [[0.25, 0, 0.5, 45]])


@pytest.mark.parametrize("conversion", YuvRange)
@pytest.mark.parametrize("color", [Color.RGB, Color.BGR])
@pytest.mark.parametrize("kind", [Source.NV12, Source.NV21, Source.YUYV, Source.UYVY])
def test_images_in_yuv_are_what_they_were(storing, pixels, kind, color, conversion) -> None:
    """Blocks of 2 x 2 equal pixels lose only what rounding Y, U and V costs."""
    blocks = np.random.default_rng(2).integers(0, 256, (1, 3, 2, 3)).astype(np.float32)
    sample = blocks.repeat(2, axis=2).repeat(2, axis=3)
    source = pixels(format=kind, color=color, conversion=conversion)
    fed = source_sample(source, sample)
    program = apply_input(storing(scale=1.0, zero_point=0), source)
    assert fed.shape == program.tensors["x"].shape
    found = Interpreter(program).run({"x": fed})["q"]
    # Half a step of Y and of a colour, and of the result: 0.5 * (1.164 + 2.017) + 0.5.
    assert np.abs(found.astype(float) - sample).max() <= 2.1
