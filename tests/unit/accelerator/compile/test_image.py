"""The region of constants, byte by byte."""

from __future__ import annotations

import numpy as np

from toolchain.accelerator.compile.image import ConstantImage, packed


def test_parameters_begin_at_multiples_of_16() -> None:
    assert packed([3, 16, 20, 0, 1]) == ((0, 16, 32, 64, 64), 65)
    assert packed([]) == ((), 0)


def test_blocks_begin_at_multiples_of_64() -> None:
    image = ConstantImage()
    assert image.add([np.arange(3, dtype=np.uint8), np.array([258], np.int32)]) == (0, 16)
    assert image.add([np.full(65, 7, np.int8)]) == (64,)
    assert image.add([np.array([1.0], np.float32)]) == (192,)
    content = image.content()
    assert content[:20] == bytes([0, 1, 2, *[0] * 13, 2, 1, 0, 0])
    assert content[64:129] == bytes([7] * 65)
    assert content[192:] == bytes([0, 0, 128, 63])
    assert not any(content[20:64])
    assert not any(content[129:192])


def test_equal_blocks_are_stored_once() -> None:
    image = ConstantImage()
    first = image.add([np.array([1, 2], np.int16)])
    image.add([np.array([3], np.int8)])
    size = len(image.content())
    assert image.add([np.array([1, 2], ">i2")]) == first
    assert image.add([np.array([1, 0, 2, 0], np.uint8)]) == first
    assert len(image.content()) == size


def test_rows_lie_behind_each_other_whatever_the_strides_of_the_array() -> None:
    image = ConstantImage()
    image.add([np.arange(6, dtype=np.uint8).reshape(2, 3).T])
    assert image.content() == bytes([0, 3, 1, 4, 2, 5])
