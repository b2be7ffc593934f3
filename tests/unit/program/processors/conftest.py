"""A model that only stores its input, and what is computed without the toolchain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from toolchain.core.dtypes import DType
from toolchain.core.options import Color, Layout, Source
from toolchain.core.quant import Rounding
from toolchain.program.processors import InputSource
from toolchain.program.records import Program, Quantize, Tensor

Make = Callable[..., Any]


@pytest.fixture
def storing() -> Make:
    """A program of one `Quantize` of an input `x`, which hands out the integers `q`."""

    def make(
        shape: tuple[int, ...] = (1, 3, 4, 6),
        dtype: DType = DType.UINT8,
        scale: float = 0.0173,
        zero_point: int = 114,
        rounding: Rounding = Rounding.HALF_EVEN,
        **more: Any,
    ) -> Program:
        tensors = (
            Tensor(name="x", dtype=DType.FLOAT32, shape=shape),
            Tensor(name="q", dtype=dtype, shape=shape, scale=scale, zero_point=zero_point),
        )
        return Program(
            name="storing",
            rounding=rounding,
            inputs=("x",),
            outputs=("q",),
            tensors={tensor.name: tensor for tensor in tensors},
            constants={},
            operations=(Quantize(name="quantize", inputs=("x",), outputs=("q",)),),
            **more,
        )

    return make


@pytest.fixture
def pixels() -> Make:
    """A source of pixels as they are: 8 bits, NCHW, mean 0 and std 1."""

    def make(**more: Any) -> InputSource:
        fields: dict[str, Any] = {
            "name": "x",
            "format": Source.RAW,
            "color": None if more.get("format", Source.RAW) is Source.RAW else Color.RGB,
            "layout": Layout.NCHW,
            "model_layout": Layout.NCHW,
            "dtype": DType.UINT8,
            "conversion": None,
            "mean": (0.0,),
            "std": (1.0,),
        }
        return InputSource(**fields | more)

    return make


@pytest.fixture
def noise() -> Make:
    """Bytes of a shape, the same every time."""

    def make(shape: tuple[int, ...]) -> np.ndarray:
        return np.random.default_rng(5).integers(0, 256, shape, dtype=np.uint8)

    return make
