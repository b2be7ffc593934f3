from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from toolchain.calibration.preprocess import array, image
from toolchain.core.options import Color, Filter, InputOptions, Layout
from toolchain.core.samples import InputSpec
from toolchain.errors import Code, ConfigError, DataError

PIXELS = np.random.default_rng(0).integers(0, 256, (10, 14, 3), np.uint8)


def spec(*shape, dtype="float32"):
    return InputSpec(name="x", dtype=dtype, shape=shape)


def code_of(caught):
    return caught.value.problems[0].code


def test_layout_and_normalization_by_hand():
    pixels = np.array([[[10, 20, 30]]], np.uint8)
    options = InputOptions(mean=(4.0, 5.0, 6.0), std=(2.0, 5.0, 8.0))
    expected = np.array([3.0, 3.0, 3.0], np.float32)
    np.testing.assert_array_equal(image(pixels, options, spec(1, 3, 1, 1)).ravel(), expected)
    nhwc = InputOptions(layout=Layout.NHWC, color=Color.BGR)
    assert image(pixels, nhwc, spec(1, 1, 1, 3)).ravel().tolist() == [30.0, 20.0, 10.0]


def test_mean_is_in_the_order_of_the_model():
    options = InputOptions(mean=(1.0, 2.0, 3.0), color=Color.BGR)
    result = image(np.array([[[10, 20, 30]]], np.uint8), options, spec(1, 3, 1, 1))
    assert result.ravel().tolist() == [29.0, 18.0, 7.0]


def test_short_side_keeps_the_aspect():
    result = image(PIXELS, InputOptions(resize=5), spec(1, 3, 5, 7))
    expected = np.asarray(Image.fromarray(PIXELS).resize((7, 5), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(result[0].transpose(1, 2, 0), expected)


def test_two_sides_stretch_with_the_filter():
    options = InputOptions(resize=(6, 5), filter=Filter.LANCZOS)
    expected = np.asarray(Image.fromarray(PIXELS).resize((5, 6), Image.Resampling.LANCZOS))
    result = image(PIXELS, options, spec(1, 3, 6, 5))
    np.testing.assert_array_equal(result[0].transpose(1, 2, 0), expected)


def test_centre_crop_floors_the_margin():
    result = image(PIXELS, InputOptions(crop=(7, 8)), spec(1, 3, 7, 8))
    np.testing.assert_array_equal(result[0].transpose(1, 2, 0), PIXELS[1:8, 3:11])


@pytest.mark.parametrize("shape", [(10, 14), (10, 14, 1)])
def test_gray_samples(shape):
    gray = PIXELS[:, :, 0].reshape(shape)
    one = image(gray, InputOptions(color=Color.GRAY), spec(1, 1, 10, 14))
    np.testing.assert_array_equal(one[0, 0], PIXELS[:, :, 0])
    three = image(gray, InputOptions(), spec(1, 3, 10, 14))
    np.testing.assert_array_equal(three[0, 2], PIXELS[:, :, 0])


def test_colour_to_gray_weighs_as_bt_601():
    pixels = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8)
    result = image(pixels, InputOptions(color=Color.GRAY), spec(1, 1, 1, 3))
    assert result.ravel().tolist() == [76.0, 150.0, 29.0]


def test_integer_input_takes_the_pixels():
    result = image(PIXELS, InputOptions(), spec(1, 3, 10, 14, dtype="uint8"))
    assert result.dtype == np.uint8
    with pytest.raises(DataError) as caught:
        image(PIXELS, InputOptions(std=(255.0,)), spec(1, 3, 10, 14, dtype="uint8"))
    assert code_of(caught) is Code.DATA_DTYPE


@pytest.mark.parametrize(
    ("options", "shape", "hint"),
    [
        (InputOptions(), (1, 3, 8, 8), "crop = [8, 8]"),
        (InputOptions(), (1, 10, 14, 3), 'layout = "nhwc"'),
        (InputOptions(), (1, 1, 10, 14), "color"),
        (InputOptions(layout=Layout.NHWC), (1, 3, 10, 14), 'layout = "nchw"'),
        (InputOptions(), (1, 30), 'preprocess = "array"'),
    ],
)
def test_a_wrong_shape_says_what_to_set(options, shape, hint):
    with pytest.raises(DataError) as caught:
        image(PIXELS, options, spec(*shape))
    assert code_of(caught) is Code.DATA_SHAPE
    assert hint in caught.value.problems[0].hint


def test_images_that_are_none():
    for sample, code in (
        (PIXELS.astype(np.float32), Code.DATA_DTYPE),
        (np.zeros((4, 4, 4), np.uint8), Code.DATA_SHAPE),
        (np.zeros(4, np.uint8), Code.DATA_SHAPE),
    ):
        with pytest.raises(DataError) as caught:
            image(sample, InputOptions(), spec(1, 3, 4, 4))
        assert code_of(caught) is code
    with pytest.raises(DataError, match="smaller than the crop"):
        image(PIXELS, InputOptions(crop=(11, 4)), spec(1, 3, 11, 4))


def test_mean_must_fit_the_channels():
    with pytest.raises(ConfigError) as caught:
        image(PIXELS, InputOptions(mean=(1.0, 2.0)), spec(1, 3, 10, 14))
    assert code_of(caught) is Code.BAD_VALUE
    with pytest.raises(ConfigError):
        array(np.zeros((3, 2)), InputOptions(std=(1.0, 2.0)), spec(1, 3, 2))


def test_array_with_and_without_batch():
    sample = np.arange(6, dtype=np.float64).reshape(2, 3)
    for shaped in (sample, sample[None]):
        result = array(shaped, InputOptions(), spec(1, 2, 3))
        assert (result.shape, result.dtype) == ((1, 2, 3), np.float32)
    options = InputOptions(mean=(0.0, 3.0), std=(1.0, 2.0))
    result = array(sample, options, spec(1, 2, 3))
    assert result.ravel().tolist() == [0.0, 1.0, 2.0, 0.0, 0.5, 1.0]


@pytest.mark.parametrize(
    ("sample", "dtype", "code"),
    [
        (np.array([[1, 2**24 + 1]]), "float32", Code.DATA_DTYPE),
        (np.array([[1.5, 2.0]]), "int64", Code.DATA_DTYPE),
        (np.array([[-1, 2]]), "uint8", Code.DATA_DTYPE),
        (np.array([[1j, 2]]), "float32", Code.DATA_DTYPE),
        (np.array([["a", "b"]]), "float32", Code.DATA_DTYPE),
        (np.array([[np.nan, 0]]), "float32", Code.DATA_NOT_FINITE),
        (np.array([[1e300, 0]]), "float32", Code.DATA_NOT_FINITE),
        (np.array([[np.inf, 0]]), "int32", Code.DATA_NOT_FINITE),
        (np.array([[1.0, 2.0, 3.0]]), "float32", Code.DATA_SHAPE),
    ],
)
def test_arrays_that_do_not_fit(sample, dtype, code):
    with pytest.raises(DataError) as caught:
        array(sample, InputOptions(), spec(1, 2, dtype=dtype))
    assert code_of(caught) is code


def test_casts_without_loss():
    for sample, dtype in ((np.array([[2**24, -3]]), "float32"), (np.array([[4.0, -5.0]]), "int8")):
        result = array(sample, InputOptions(), spec(1, 2, dtype=dtype))
        assert result.dtype == np.dtype(dtype)
        assert result.ravel().tolist() == sample.ravel().tolist()
