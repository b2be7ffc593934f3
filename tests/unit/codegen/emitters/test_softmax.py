"""Softmax and WideSoftmax along any axis of tensors that lie in any order."""

from __future__ import annotations

from math import exp

import numpy as np
import pytest

from toolchain.core.dtypes import DType
from toolchain.core.quant import Rounding
from toolchain.program.records import Softmax, WideSoftmax

SHAPE = (2, 300, 3, 4)


@pytest.mark.parametrize(
    ("axis", "kernels"),
    [
        (1, ["tc_softmax"]),  # channels are neighbours
        (2, ["tc_copy", "tc_softmax"]),
        (0, ["tc_copy", "tc_softmax"]),
    ],
)
@pytest.mark.parametrize("types", [("int8", "uint8"), ("uint8", "int16")])
def test_axes(between, axis, kernels, types) -> None:
    source, result = map(DType, types)
    table = np.array([round(exp(-d * 0.02) * 2**23) for d in range(256)], np.int32)
    op = Softmax(
        name="softmax", inputs=("x",), outputs=("y",), axis=axis, exponentials="table",
        factor=2.0**result.bits, zero_point=result.qmin,
    )  # fmt: skip
    found = between(op, (source, SHAPE), (result, SHAPE), {"table": table})
    assert found == kernels


@pytest.mark.parametrize("rounding", list(Rounding))
@pytest.mark.parametrize("source", [DType.INT16, DType.UINT16])
def test_rows_of_16_bits(between, source, rounding) -> None:
    scale, steps = 1e-4, range(256)
    constants = {
        "high": np.array([round(exp(-256 * h * scale) * 2**30) for h in steps], np.int32),
        "low": np.array([round(exp(-low * scale) * 2**30) for low in steps], np.int32),
    }
    op = WideSoftmax(
        name="softmax", inputs=("x",), outputs=("y",), axis=1, high="high", low="low",
        factor=65536.0, zero_point=-32768,
    )  # fmt: skip
    shape = (2, 700, 3)
    found = between(op, (source, shape), (DType.INT16, shape), constants, rounding)
    assert found == ["tc_softmax"]
