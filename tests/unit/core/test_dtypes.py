"""Element types."""

from __future__ import annotations

import numpy as np
import pytest

from toolchain.core.dtypes import DType


@pytest.mark.parametrize(
    ("dtype", "bits", "signed", "low", "high", "holder"),
    [
        (DType.INT4, 4, True, -8, 7, np.int8),
        (DType.UINT4, 4, False, 0, 15, np.uint8),
        (DType.INT8, 8, True, -128, 127, np.int8),
        (DType.UINT8, 8, False, 0, 255, np.uint8),
        (DType.INT16, 16, True, -32768, 32767, np.int16),
        (DType.UINT16, 16, False, 0, 65535, np.uint16),
        (DType.INT32, 32, True, -(2**31), 2**31 - 1, np.int32),
        (DType.INT64, 64, True, -(2**63), 2**63 - 1, np.int64),
    ],
)
def test_integers(dtype: DType, bits: int, signed: bool, low: int, high: int, holder: type):
    assert dtype.is_integer
    assert not dtype.is_float
    assert (dtype.bits, dtype.signed, dtype.qmin, dtype.qmax) == (bits, signed, low, high)
    assert dtype.numpy == np.dtype(holder)


@pytest.mark.parametrize(
    ("dtype", "bits"), [(DType.FLOAT16, 16), (DType.FLOAT32, 32), (DType.FLOAT64, 64)]
)
def test_floats(dtype: DType, bits: int):
    assert dtype.is_float
    assert not dtype.is_integer
    assert dtype.signed
    assert dtype.bits == bits
    assert dtype.numpy == np.dtype(dtype.value)


def test_bool():
    assert not DType.BOOL.is_integer
    assert not DType.BOOL.is_float
    assert not DType.BOOL.signed
    assert (DType.BOOL.bits, DType.BOOL.numpy) == (8, np.dtype(bool))


def test_words_are_what_users_write():
    assert DType("int8") is DType.INT8
    assert f"{DType.UINT16}" == "uint16"
