"""YUV and RGB of 8 bits (ITU-R BT.601-7, 2.5.1 to 2.5.3; full range as in JFIF 1.02).

Y = 0.299 R + 0.587 G + 0.114 B, U = (B - Y) / 1.772, V = (R - Y) / 1.402. In 8 bits, limited range
has Y in 219 steps from 16 on and colours in 224 steps around 128, full range 255 of both, Y from 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from toolchain.core.options import Color, YuvRange

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from toolchain.program.processors.records import Matrix

FRACTION_BITS = 12
"""Bits of a factor behind the point: 16-bit integers then hold factors from -8 to below 8."""

RED, GREEN, BLUE = 0.299, 0.587, 0.114
_LUMA = np.array([RED, GREEN, BLUE])
_STEPS = {YuvRange.LIMITED: (16, 219.0, 224.0), YuvRange.FULL: (0, 255.0, 255.0)}
"""Y of black, steps from black to white, steps of U and V."""
_MIDDLE = 128


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FixedPoint:
    """A conversion in integers: (weight @ (Y, U, V) + bias) / 2**FRACTION_BITS.

    Attributes:
        weight: int16 (3, 3), a row for each channel of the result.
        bias: int32 (3,).
    """

    weight: NDArray[np.int16]
    bias: NDArray[np.int32]


def to_colors(conversion: YuvRange | Matrix, color: Color) -> FixedPoint:
    """Fixed-point factors from YUV to the channels of `color`, each rounded half to even.

    Of a range, the bias is what the rounded factors make of black: gray stays gray exactly.
    """
    one = 2**FRACTION_BITS
    if isinstance(conversion, tuple):
        matrix = np.array(conversion, np.float64).reshape(3, 4)
        rounded = np.rint(matrix * one)
        return FixedPoint(
            weight=rounded[:, :3].astype(np.int16), bias=rounded[:, 3].astype(np.int32)
        )
    black, luma, chroma = _STEPS[conversion]
    y, u, v = 255.0 / luma, 255.0 / chroma * 1.772, 255.0 / chroma * 1.402
    rows = np.array([[y, 0, v], [y, -u * BLUE / GREEN, -v * RED / GREEN], [y, u, 0]])
    weight = np.rint(rows * one).astype(np.int16)
    bias = -(weight.astype(np.int32) @ np.array([black, _MIDDLE, _MIDDLE], np.int32))
    order = slice(None, None, -1) if color is Color.BGR else slice(None)
    return FixedPoint(weight=weight[order], bias=bias[order].astype(np.int32))


def to_yuv(
    pixels: NDArray[np.float64], conversion: YuvRange | Matrix, color: Color
) -> NDArray[np.float64]:
    """Pixels (..., 3) in the order of `color` as YUV of the same shape, neither rounded nor cut."""
    if isinstance(conversion, tuple):
        matrix = np.array(conversion, np.float64).reshape(3, 4)
        return (pixels - matrix[:, 3]) @ np.linalg.pinv(matrix[:, :3]).T
    black, luma, chroma = _STEPS[conversion]
    rgb = (pixels[..., ::-1] if color is Color.BGR else pixels) / 255.0
    y = rgb @ _LUMA
    u, v = (rgb[..., 2] - y) / 1.772, (rgb[..., 0] - y) / 1.402
    return np.stack([black + luma * y, _MIDDLE + chroma * u, _MIDDLE + chroma * v], axis=-1)
