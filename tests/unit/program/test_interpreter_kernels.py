from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from toolchain.core.dtypes import DType
from toolchain.core.quant import Rounding
from toolchain.program.interpreter.kernels import ArrayKernels, CompiledKernels
from toolchain.program.interpreter.saturation import Saturation

ARRAYS = ArrayKernels()
COMPILED = CompiledKernels(2)
DTYPES = [DType.INT4, DType.INT8, DType.UINT8, DType.INT16, DType.UINT16, DType.INT32]

finite = st.floats(width=32, allow_nan=False)
grids = st.builds(
    lambda dtype, rounding, share: (
        dtype,
        Saturation.of(dtype, rounding, dtype.qmin + int(share * (dtype.qmax - dtype.qmin))),
    ),
    st.sampled_from(DTYPES),
    st.sampled_from(Rounding),
    st.floats(0, 1),
)
# Values that matter: ties, the last float below a tie, signed zeros, infinities.
EDGES = np.array(
    [0.5, 1.5, -0.5, -1.5, -2.5, 0.49999997, -0.49999997, 0.0, -0.0, np.inf, -np.inf, 8388609.0],
    np.float32,
)


@settings(deadline=None, max_examples=60)
@given(hnp.arrays(np.float32, st.integers(0, 70), elements=finite), grids)
def test_saturation_agrees_bit_for_bit(real, target) -> None:
    dtype, grid = target
    real = np.concatenate([real, EDGES]).reshape(1, -1)
    expected = ARRAYS.saturate(real, grid, dtype)
    actual = COMPILED.saturate(real, grid, dtype)
    assert actual.dtype == expected.dtype == dtype.numpy
    np.testing.assert_array_equal(actual, expected)


@settings(deadline=None, max_examples=60)
@given(
    hnp.array_shapes(min_dims=3, max_dims=3, max_side=9),
    st.sampled_from([np.int32, np.float32, np.float64]),
    grids,
    st.integers(0, 2**32 - 1),
)
def test_requantization_agrees_bit_for_bit(shape, kind, target, seed) -> None:
    dtype, grid = target
    random = np.random.default_rng(seed)
    limit = 2**24 if kind is np.float32 else 2**30
    accumulators = random.integers(-limit, limit + 1, shape).astype(kind)
    bias = random.integers(-(2**30), 2**30, shape[1]).astype(np.int32)
    factor = random.uniform(0, 2.0 ** -random.integers(0, 30), shape[1]).astype(np.float32)
    expected = ARRAYS.requantize(accumulators, bias, factor, grid, dtype)
    actual = COMPILED.requantize(accumulators, bias, factor, grid, dtype)
    assert actual.dtype == expected.dtype == dtype.numpy
    np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize("rounding", Rounding)
def test_requantization_of_all_ties_agrees(rounding) -> None:
    # Odd accumulators times 1/2 are all ties; the widest zero point.
    grid = Saturation.of(DType.UINT8, rounding, 255)
    accumulators = np.arange(-701, 701, 2, dtype=np.int32).reshape(1, 1, -1)
    bias, factor = np.zeros(1, np.int32), np.full(1, 0.5, np.float32)
    expected = ARRAYS.requantize(accumulators, bias, factor, grid, DType.UINT8)
    actual = COMPILED.requantize(accumulators, bias, factor, grid, DType.UINT8)
    np.testing.assert_array_equal(actual, expected)


def test_strided_and_read_only_arrays_are_taken() -> None:
    real = np.arange(24, dtype=np.float32).reshape(4, 6).T
    real.setflags(write=False)
    grid = Saturation.of(DType.INT8, Rounding.HALF_EVEN, 0)
    np.testing.assert_array_equal(COMPILED.saturate(real, grid, DType.INT8), real)
    values = np.arange(6, dtype=np.uint8).reshape(2, 3).T
    table = np.arange(256, dtype=np.int16) * 2
    np.testing.assert_array_equal(COMPILED.look_up(values, 0, table), values * 2)
