from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from toolchain.calibration.images import decode_image, is_image
from toolchain.errors import Code, DataError

LEFT_RED = np.zeros((2, 4, 3), np.uint8)
LEFT_RED[:, :2] = (255, 0, 0)
LEFT_RED[:, 2:] = (0, 0, 255)


def read_image(path):
    return decode_image(path.read_bytes(), str(path))


def save(path, pixels, mode=None, **options):
    image = Image.fromarray(np.asarray(pixels))
    (image.convert(mode) if mode else image).save(path, **options)
    return path


def test_png_comes_back_unchanged(tmp_path):
    np.testing.assert_array_equal(read_image(save(tmp_path / "a.png", LEFT_RED)), LEFT_RED)


def test_exif_orientation_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise to show
    path = save(tmp_path / "a.png", LEFT_RED, exif=exif)
    np.testing.assert_array_equal(read_image(path), np.rot90(LEFT_RED, -1))


def test_gray_is_repeated(tmp_path):
    gray = np.array([[0, 100], [200, 255]], np.uint8)
    expected = np.repeat(gray[:, :, None], 3, axis=2)
    np.testing.assert_array_equal(read_image(save(tmp_path / "a.png", gray)), expected)


def test_16_bit_gray_keeps_the_upper_byte(tmp_path):
    gray = np.array([[0x1234, 0xFFFF], [0x00FF, 0x8000]], np.uint16)
    expected = np.array([[0x12, 0xFF], [0, 0x80]], np.uint8)
    np.testing.assert_array_equal(read_image(save(tmp_path / "a.png", gray))[:, :, 1], expected)


def test_palette_is_looked_up(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(LEFT_RED).quantize(4).save(path, transparency=bytes([0, 255]))
    np.testing.assert_array_equal(read_image(path), LEFT_RED)


def test_alpha_is_left_out(tmp_path):
    rgba = np.dstack([LEFT_RED, np.full((2, 4), 7, np.uint8)])
    np.testing.assert_array_equal(read_image(save(tmp_path / "a.png", rgba)), LEFT_RED)


def test_cmyk_is_converted(tmp_path):
    flat = np.full((8, 8, 3), (250, 10, 10), np.uint8)
    path = save(tmp_path / "a.jpg", flat, "CMYK", quality=95)
    assert np.abs(read_image(path).astype(int) - flat).max() < 12


@pytest.mark.parametrize("content", [b"", b"hello", None])
def test_broken_images_are_unreadable(tmp_path, content):
    path = tmp_path / "a.jpg"
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    save(path, noise)
    path.write_bytes(path.read_bytes()[:900] if content is None else content)
    with pytest.raises(DataError) as caught:
        read_image(path)
    assert caught.value.code is Code.DATA_UNREADABLE
    assert caught.value.problems[0].where == str(path)


def test_decompression_bomb_is_refused(tmp_path, monkeypatch):
    path = save(tmp_path / "a.png", np.zeros((64, 64), np.uint8))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(DataError) as caught:
        read_image(path)
    assert caught.value.code is Code.DATA_UNREADABLE


def test_suffix_in_any_case(tmp_path):
    assert is_image(tmp_path / "A.JPeG")
    assert not is_image(tmp_path / "a.txt")
