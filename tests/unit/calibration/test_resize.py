from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from toolchain.calibration.resize import letterboxed, resized
from toolchain.core.options import Filter


def oracle(pixels, height, width):
    """Every pixel repeated until the cells of the result are whole pixels; exact means of them."""
    rows, columns = pixels.shape
    fine = np.kron(pixels.astype(int), np.ones((height, width), int))
    result = np.empty((height, width), np.uint8)
    for i in range(height):
        for j in range(width):
            cell = fine[i * rows : (i + 1) * rows, j * columns : (j + 1) * columns]
            result[i, j] = round(Fraction(int(cell.sum()), rows * columns))
    return result


def test_area_by_hand():
    row = np.array([[10, 20, 40]], np.uint8)
    # 3 to 2: (10 + 20/2) / 1.5 = 13.33 and (20/2 + 40) / 1.5 = 33.33
    assert resized(row, 1, 2, Filter.AREA).tolist() == [[13, 33]]
    # 2 to 3 grows: 10, the mean of both, 20
    assert resized(row[:, :2], 1, 3, Filter.AREA).tolist() == [[10, 15, 20]]
    # Halves go to even: 0.5 and 1.5
    assert resized(np.array([[0, 1, 1, 2]], np.uint8), 1, 2, Filter.AREA).tolist() == [[0, 2]]


@settings(max_examples=80, deadline=None)
@given(
    hnp.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9))),
    st.integers(1, 9),
    st.integers(1, 9),
)
def test_area_is_the_exact_mean(pixels, height, width):
    np.testing.assert_array_equal(
        resized(pixels, height, width, Filter.AREA), oracle(pixels, height, width)
    )


def test_area_of_a_wide_image():
    pixels = np.random.default_rng(1).integers(0, 256, (5, 150), np.uint8)
    np.testing.assert_array_equal(resized(pixels, 2, 77, Filter.AREA), oracle(pixels, 2, 77))


def test_area_by_channel_and_unlike_pillows_box():
    pixels = np.random.default_rng(0).integers(0, 256, (7, 10, 3), np.uint8)
    result = resized(pixels, 3, 4, Filter.AREA)
    for channel in range(3):
        np.testing.assert_array_equal(result[..., channel], oracle(pixels[..., channel], 3, 4))
    box = np.asarray(Image.fromarray(pixels).resize((4, 3), Image.Resampling.BOX))
    assert not np.array_equal(result, box)
    # Where every pixel of the result covers whole ones, both are the mean; Pillow rounds twice.
    whole = resized(pixels[:6], 3, 5, Filter.AREA).astype(int)
    halved = np.asarray(Image.fromarray(pixels[:6]).resize((5, 3), Image.Resampling.BOX))
    assert abs(whole - halved).max() <= 1


@pytest.mark.parametrize(
    ("rows", "columns", "top", "left", "inner"),
    [
        (10, 20, 2, 0, (4, 8)),
        (20, 10, 0, 2, (8, 4)),
        (8, 8, 0, 0, (8, 8)),
        (9, 16, 1, 0, (5, 8)),  # 4.5 rows are 5; of 3 rows of padding, 1 is above
        (100, 1, 0, 3, (8, 1)),
    ],
)
def test_letterbox(rows, columns, top, left, inner):
    pixels = np.full((rows, columns, 3), 200, np.uint8)
    result = letterboxed(pixels, 8, 8, Filter.BILINEAR, 114)
    expected = np.full((8, 8, 3), 114, np.uint8)
    expected[top : top + inner[0], left : left + inner[1]] = 200
    np.testing.assert_array_equal(result, expected)
