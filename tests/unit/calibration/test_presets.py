from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from toolchain.calibration.presets import imagenet, pt_imagenet
from toolchain.calibration.resize import resized
from toolchain.core.options import Color, Filter, InputOptions, Layout
from toolchain.core.samples import InputSpec
from toolchain.errors import Code, DataError

RNG = np.random.default_rng(4)


def spec(height, width):
    return InputSpec(name="x", dtype="float32", shape=(1, 3, height, width))


def pixels(*size):
    return RNG.integers(0, 256, (*size, 3), np.uint8)


@pytest.mark.parametrize(
    ("size", "large", "corner"),
    [
        # short side 14 * 8 // 7 = 16; the long one 30 * 16 // 20 = 24; (24 - 14) / 2 = 5, 1
        ((30, 20), (24, 16), (5, 1)),
        ((20, 30), (16, 24), (1, 5)),
        # 23 * 16 // 20 = 18
        ((20, 23), (16, 18), (1, 2)),
        ((20, 20), (16, 16), (1, 1)),
    ],
)
def test_imagenet(size, large, corner):
    image = pixels(*size)
    expected = resized(image, *large, Filter.AREA)
    expected = expected[corner[0] : corner[0] + 14, corner[1] : corner[1] + 14, ::-1]
    options = InputOptions(color=Color.BGR, mean=(103.94, 116.78, 123.68), std=(57.0, 58.0, 59.0))
    result = imagenet(image, options, spec(14, 14))
    mean, std = (np.array(values, np.float32) for values in (options.mean, options.std))
    np.testing.assert_array_equal(result[0].transpose(1, 2, 0), (expected - mean) / std)


def test_imagenet_of_an_input_that_is_no_square():
    result = imagenet(pixels(30, 20), InputOptions(), spec(14, 7))
    # width 7 * 8 // 7 = 8, height 16 * 30 // 20 = 24
    assert result.shape == (1, 3, 14, 7)


def test_pt_imagenet_is_torchvisions():
    # short side 7 * 8 // 7 = 8, long 8 * 21 // 16 = 10: (10 - 7) / 2 = 1.5 rounds to 2
    image = pixels(16, 21)
    large = np.asarray(Image.fromarray(image).resize((10, 8), Image.Resampling.BILINEAR))
    # (8 - 7) / 2 = 0.5 rounds to 0
    result = pt_imagenet(image, InputOptions(), spec(7, 7))
    np.testing.assert_array_equal(result[0].transpose(1, 2, 0), large[0:7, 2:9])
    assert result.dtype == np.float32
    nhwc = InputSpec(name="x", dtype="float32", shape=(1, 7, 7, 3))
    again = pt_imagenet(image, InputOptions(layout=Layout.NHWC), nhwc)
    np.testing.assert_array_equal(again[0], large[0:7, 2:9])


def test_presets_need_images():
    for function in (imagenet, pt_imagenet):
        with pytest.raises(DataError) as caught:
            function(
                pixels(9, 9), InputOptions(), InputSpec(name="x", dtype="float32", shape=(1, 9))
            )
        assert caught.value.code is Code.DATA_SHAPE
        with pytest.raises(DataError) as caught:
            function(np.zeros((9, 9, 3)), InputOptions(), spec(7, 7))
        assert caught.value.code is Code.DATA_DTYPE
    with pytest.raises(DataError):
        pt_imagenet(pixels(30, 20), InputOptions(), spec(14, 7))
