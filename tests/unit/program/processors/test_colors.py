"""BT.601 in fixed point against published numbers."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from toolchain.core.options import Color, YuvRange
from toolchain.program.processors.colors import FRACTION_BITS, to_colors, to_yuv

# The colour bars 100/0/100/0 of ITU-R BT.601 in 8 bits: R, G, B in units of white, then Y, Cb, Cr.
BARS = {
    "white": ((1, 1, 1), (235, 128, 128)),
    "yellow": ((1, 1, 0), (210, 16, 146)),
    "cyan": ((0, 1, 1), (170, 166, 16)),
    "green": ((0, 1, 0), (145, 54, 34)),
    "magenta": ((1, 0, 1), (106, 202, 222)),
    "red": ((1, 0, 0), (81, 90, 240)),
    "blue": ((0, 0, 1), (41, 240, 110)),
    "black": ((0, 0, 0), (16, 128, 128)),
}
# The matrix to BGR in Pulsar2's document, with three decimals. Its last number must be a slip: by
# its own factors the offset of red is -(16 * 1.164 + 128 * 1.596) = -222.912.
PULSAR2 = (1.164, 2.017, 0, -276.8, 1.164, -0.392, -0.813, 135.616, 1.164, 0, 1.596, -221.912)


def converted(yuv: tuple[int, ...], conversion: object, color: Color) -> list[Fraction]:
    numbers = to_colors(conversion, color)
    return [
        (sum(int(w) * v for w, v in zip(row, yuv, strict=True)) + int(b))
        / Fraction(2**FRACTION_BITS)
        for row, b in zip(numbers.weight, numbers.bias, strict=True)
    ]


@pytest.mark.parametrize(("rgb", "yuv"), BARS.values(), ids=BARS)
def test_colour_bars(rgb: tuple[int, ...], yuv: tuple[int, ...]) -> None:
    # Y, Cb and Cr are rounded to integers, which is up to 0.5 * (1.164 + 2.017) of a colour.
    found = converted(yuv, YuvRange.LIMITED, Color.RGB)
    assert all(abs(c - 255 * want) <= 1.6 for c, want in zip(found, rgb, strict=True))
    back = to_yuv(255.0 * np.array(rgb, float), YuvRange.LIMITED, Color.RGB)
    np.testing.assert_allclose(back, yuv, atol=0.51)


@pytest.mark.parametrize("color", [Color.RGB, Color.BGR])
def test_gray_stays_gray(color: Color) -> None:
    for y in range(256):
        assert converted((y, 128, 128), YuvRange.FULL, color) == [y] * 3
        assert len(set(converted((y, 128, 128), YuvRange.LIMITED, color))) == 1


def test_the_ends_of_limited_range_are_black_and_white() -> None:
    assert converted((16, 128, 128), YuvRange.LIMITED, Color.RGB) == [0] * 3
    white = converted((235, 128, 128), YuvRange.LIMITED, Color.RGB)
    assert [round(c) for c in white] == [255] * 3


def test_limited_range_is_the_published_matrix() -> None:
    ours, theirs = (to_colors(each, Color.BGR) for each in (YuvRange.LIMITED, PULSAR2))
    np.testing.assert_allclose(ours.weight / 4096, theirs.weight / 4096, atol=1e-3)
    offsets = [-276.8, 135.616, -222.912]
    np.testing.assert_allclose(ours.bias / 4096, offsets, atol=0.05)
    assert theirs.weight[0].tolist() == [4768, 8262, 0]  # rint of 4096 times the first row
    assert theirs.bias.tolist() == [-1133773, 555483, -908952]


def test_full_range_has_the_factors_of_jfif() -> None:
    # JFIF 1.02: R = Y + 1.402 V, G = Y - 0.34414 U - 0.71414 V, B = Y + 1.772 U.
    rows = np.array([[1, 0, 1.402], [1, -0.34414, -0.71414], [1, 1.772, 0]])
    numbers = to_colors(YuvRange.FULL, Color.RGB)
    assert numbers.weight.tolist() == np.rint(rows * 4096).astype(int).tolist()
    assert to_colors(YuvRange.FULL, Color.BGR).weight.tolist() == numbers.weight[::-1].tolist()


def test_pixels_from_a_matrix_and_back() -> None:
    pixels = np.array([[10.0, 200.0, 90.0]])
    yuv = to_yuv(pixels, PULSAR2, Color.BGR)
    matrix = np.array(PULSAR2).reshape(3, 4)
    np.testing.assert_allclose(matrix[:, :3] @ yuv[0] + matrix[:, 3], pixels[0])
