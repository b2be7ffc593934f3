"""Slope and Table: element by element, wherever they lie, in 8 and 16 bits."""

from __future__ import annotations

import numpy as np
import pytest

from toolchain.core.dtypes import DType
from toolchain.core.quant import Rounding
from toolchain.program.records import Slope, Table

SHAPE = (2, 6, 4, 90)


@pytest.mark.parametrize(
    ("negative", "types"),
    [
        ((6, 1, 1), ("int8", "int8")),
        ((4, 90), ("uint16", "int8")),
        ((6, 4, 1), ("int8", "int16")),
        ((), ("int16", "uint8")),
        ((2, 6, 4, 90), ("int16", "int16")),
    ],
)
def test_slopes_broadcast_channels_last(between, negative, types) -> None:
    slopes = np.random.default_rng(5).standard_normal(negative)
    op = Slope(
        name="slope", inputs=("x",), outputs=("y",), x_zero_point=11, factor=0.6,
        negative="slopes", zero_point=2,
    )  # fmt: skip
    constants = {"slopes": np.asarray(slopes, np.float32)}
    source, result = map(DType, types)
    kernels = between(op, (source, SHAPE), (result, SHAPE), constants, Rounding.HALF_UP)
    assert kernels == ["tc_slope"]


@pytest.mark.parametrize("source", [DType.INT8, DType.UINT8])
@pytest.mark.parametrize("result", [DType.INT16, DType.UINT16, DType.INT8])
def test_tables_channels_last(between, source, result) -> None:
    entries = np.random.default_rng(6).integers(result.qmin, result.qmax + 1, 256)
    op = Table(name="table", inputs=("x",), outputs=("y",), table="entries")
    constants = {"entries": entries.astype(result.numpy)}
    assert between(op, (source, SHAPE), (result, SHAPE), constants) == ["tc_table"]
