from __future__ import annotations

import math
from math import gcd

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from toolchain.calibration import fallback, kernel
from toolchain.calibration.statistics import (
    THIN_ABOVE,
    Tables,
    arrange,
    grid_shift,
    merge,
    stats_of,
    stride_of,
)

SHAPES = [(1, 3, 112, 113), (2, 5, 7, 7), (7,), (3, 1), (1, 1000), (4, 4, 300), (1, 2, 1030), ()]
FINITE = st.floats(width=32, allow_nan=False, allow_infinity=False)


def observed(observe, slots, arenas):
    tables = Tables.empty(slots)
    sums = np.zeros(tables.abs_max.size)
    for number, arena in enumerate(arenas):
        assert observe(arena, number, tables, sums) == -1
    return tables, sums


def heavy(rng, size):
    values = rng.standard_t(2, size).astype(np.float32)
    values[rng.random(size) < 0.3] = 0.0
    values[rng.random(size) < 0.1] = -0.0
    return values


def test_by_hand():
    stats = stats_of(np.array([[[1.0, -0.0], [0.0, -3.0]], [[1.0, 2.0], [0.0, 0.5]]], np.float32))
    assert (stats.count, stats.minimum, stats.maximum) == (8, -3.0, 2.0)
    patterns = {0.0: 3, 0.5: 1, 1.0: 2, 2.0: 1, -3.0: 1}
    expected = sorted(
        (int(np.float32(value).view(np.uint32)) >> 16, count) for value, count in patterns.items()
    )
    assert list(zip(stats.bins.tolist(), stats.histogram.tolist(), strict=True)) == expected
    assert stats.channel_abs_max.tolist() == [2.0, 3.0]
    assert stats.channel_sum.tolist() == [4.0, -2.5]
    assert stats.channel_count == 4
    assert (stats.bins.dtype, stats.histogram.dtype) == (np.uint16, np.int64)
    assert not stats.bins.flags.writeable


@pytest.mark.parametrize("values", [[-5.0, -2.0], [2.0, 5.0], [-0.0], [0.0, 7.0], [-7.0, 0.0]])
def test_extremes_of_one_sign(values):
    array = np.array([values], np.float32)
    stats = stats_of(array)
    assert (stats.minimum, stats.maximum) == (min(values), max(values))
    assert not np.signbit(stats.minimum) or stats.minimum < 0
    assert stats.channel_abs_max.tolist() == np.abs(array[0]).tolist()


@pytest.mark.parametrize("shape", [(5,), ()])
def test_tensors_of_few_axes_have_no_channels(shape):
    stats = stats_of(np.full(shape, 2.0, np.float32))
    assert (stats.minimum, stats.maximum, stats.channel_count) == (2.0, 2.0, 0)
    assert stats.channel_sum.size == stats.channel_abs_max.size == 0


def test_kernel_and_fallback_are_equal_bit_for_bit():
    rng = np.random.default_rng(1)
    slots, length = arrange(SHAPES)
    arenas = [heavy(rng, length), heavy(rng, length), -1 - np.abs(heavy(rng, length))]
    compiled, compiled_sums = observed(kernel.observe, slots, arenas)
    numpy, numpy_sums = observed(fallback.observe, slots, arenas)
    assert compiled_sums.tobytes() == numpy_sums.tobytes()
    for name in ("bounds", "abs_max", "histograms"):
        np.testing.assert_array_equal(getattr(compiled, name), getattr(numpy, name))


@given(hnp.arrays(np.float32, hnp.array_shapes(max_dims=4, max_side=9), elements=FINITE))
@settings(deadline=None, max_examples=40)
def test_kernel_against_numpy(array):
    slots, length = arrange([array.shape])
    arena = np.zeros(length, np.float32)
    arena[: array.size] = array.ravel()
    tables, sums = observed(kernel.observe, slots, [arena])
    stats = tables.result(0, sums, 1)
    assert (stats.minimum, stats.maximum) == (array.min(), array.max())
    assert stats.count == array.size
    if array.ndim > 1:
        rows = np.moveaxis(array, 1, 0).reshape(array.shape[1], -1).astype(np.float64)
        np.testing.assert_array_equal(stats.channel_abs_max, np.abs(rows).max(axis=1))
        largest = np.abs(rows).sum(axis=1).max()
        np.testing.assert_allclose(stats.channel_sum, rows.sum(axis=1), atol=1e-12 * largest)


@pytest.mark.parametrize(
    ("largest", "elements", "shift"),
    [
        (1.0, 1, 6.0),
        (1.99, 4, 6.0),
        (1.0, 5, 12.0),
        (-0.25, 1024, 384.0),
        (2.0**127, 1, 1.5 * 2.0**129),
    ],
)
def test_shift_to_the_grid_by_hand(largest, elements, shift):
    pattern = int(np.abs(np.float32(largest)).view(np.uint32))
    assert grid_shift(pattern, elements) == shift


@given(hnp.arrays(np.float32, st.integers(1, 400), elements=FINITE), st.randoms())
@settings(deadline=None, max_examples=60)
def test_channel_sums_do_not_depend_on_the_order(row, random):
    order = list(range(row.size))
    random.shuffle(order)
    sums = [stats_of(part.reshape(1, 1, -1)).channel_sum[0] for part in (row, row[order])]
    assert sums[0] == sums[1]
    doublings = max((row.size - 1).bit_length(), 2)
    bound = row.size * 2.0 ** (doublings - 53) * float(np.abs(row).max())
    assert abs(sums[0] - math.fsum(row.tolist())) <= bound


@pytest.mark.parametrize("observe", [kernel.observe, fallback.observe])
@pytest.mark.parametrize("bad", [np.nan, -np.nan, np.inf, -np.inf])
def test_the_first_tensor_that_is_not_finite(observe, bad):
    slots, length = arrange([(1, 4), (2, 3), (1, 5)])
    arena = np.zeros(length, np.float32)
    arena[slots[1].offset + 4] = bad
    arena[slots[2].offset] = bad
    tables = Tables.empty(slots)
    assert observe(arena, 0, tables, np.zeros(tables.abs_max.size)) == 1


@given(st.integers(1, 10**7))
@settings(deadline=None, max_examples=60)
def test_stride_is_coprime_and_leaves_enough(elements):
    stride = stride_of(elements)
    if elements <= THIN_ABOVE:
        assert stride == 1
        return
    assert gcd(stride, elements) == 1
    assert THIN_ABOVE // 16 <= elements / stride <= THIN_ABOVE


@pytest.mark.parametrize(
    ("elements", "stride"),
    [(1, 1), (32768, 1), (32769, 2), (70308, 5), (96 * 112 * 112, 37), (10**7, 307)],
)
def test_stride_by_hand(elements, stride):
    assert stride_of(elements) == stride


def test_thinning_counts_every_position_once_in_stride_samples():
    elements = 3 * 65536 + 2
    stride = stride_of(elements)
    slots, length = arrange([(1, 2, elements // 2)])
    arena = np.zeros(length, np.float32)
    arena[12345] = 8.0
    tables, sums = observed(kernel.observe, slots, [arena] * stride)
    stats = tables.result(0, sums, stride)
    assert stats.histogram.tolist() == [elements - 1, 1]
    assert stats.channel_abs_max.tolist() == [8.0, 0.0]
    assert stats.channel_count == elements // 2 * stride


def test_batches_see_what_single_samples_see():
    rng = np.random.default_rng(2)
    shape = (1, 3, 160, 161)
    slots, length = arrange([shape])
    arenas = [heavy(rng, length) for _ in range(4)]
    single, _ = observed(kernel.observe, slots, arenas)
    wide, wide_length = arrange([(4, *shape[1:])], samples=4)
    arena = np.zeros(wide_length, np.float32)
    size = 3 * 160 * 161
    for number, part in enumerate(arenas):
        arena[number * size : (number + 1) * size] = part[:size]
    batched, _ = observed(kernel.observe, wide, [arena])
    np.testing.assert_array_equal(single.histograms, batched.histograms)
    np.testing.assert_array_equal(single.abs_max, batched.abs_max)


@given(st.lists(hnp.arrays(np.float32, (2, 3, 4), elements=FINITE), min_size=3, max_size=3))
@settings(deadline=None, max_examples=30)
def test_merge_is_associative_and_equals_the_whole(arrays):
    a, b, c = (stats_of(array) for array in arrays)
    left, right, whole = (
        merge(merge(a, b), c),
        merge(a, merge(b, c)),
        stats_of(np.concatenate(arrays)),
    )
    for other in (right, whole):
        assert (left.count, left.minimum, left.maximum, left.channel_count) == (
            other.count,
            other.minimum,
            other.maximum,
            other.channel_count,
        )
        for name in ("bins", "histogram", "channel_abs_max"):
            np.testing.assert_array_equal(getattr(left, name), getattr(other, name))
    np.testing.assert_array_equal(left.channel_sum, (a.channel_sum + b.channel_sum) + c.channel_sum)


def test_tables_add():
    rng = np.random.default_rng(3)
    slots, length = arrange(SHAPES)
    arenas = [heavy(rng, length) for _ in range(4)]
    whole, _ = observed(kernel.observe, slots, arenas)
    one, two = Tables.empty(slots), Tables.empty(slots)
    sums = np.zeros(whole.abs_max.size)
    for number in (2, 0):
        kernel.observe(arenas[number], number, one, sums)
    for number in (3, 1):
        kernel.observe(arenas[number], number, two, sums)
    one.add(two)
    for name in ("bounds", "abs_max", "histograms"):
        np.testing.assert_array_equal(getattr(one, name), getattr(whole, name))
