from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from toolchain.calibration.ranges.kl import kl
from toolchain.calibration.ranges.methods import RANGE_METHODS
from toolchain.calibration.ranges.mse import mse
from toolchain.calibration.ranges.simple import minmax, percentile_range
from toolchain.calibration.statistics import stats_of
from toolchain.core.dtypes import DType
from toolchain.core.quant import QuantSpec, ScaleKind
from toolchain.numerics.affine import fake_quantize, params_from_range

METHODS = {method.name: method.function for method in RANGE_METHODS}
ASYMMETRIC, SYMMETRIC = QuantSpec(), QuantSpec(symmetric=True)
POWER = QuantSpec(symmetric=True, scale_kind=ScaleKind.POWER_OF_TWO)
WIDE = QuantSpec(dtype=DType.INT16, symmetric=True)


def true_error(values, found, spec):
    params = params_from_range(found.minimum, found.maximum, spec, 2.0**-126)
    return np.mean((fake_quantize(values, params).astype(np.float64) - values) ** 2)


def tensor(values):
    return np.asarray(values, np.float32).reshape(1, -1)


DATA = {
    "normal": lambda rng: rng.normal(size=30_000),
    "relu": lambda rng: np.maximum(rng.normal(size=30_000), 0),
    "student": lambda rng: rng.standard_t(2, 30_000),
    "laplace": lambda rng: rng.laplace(size=30_000) - 1,
    "outlier": lambda rng: np.append(rng.normal(size=30_000), 300.0),
    "relu6": lambda rng: np.clip(rng.normal(0, 4, 30_000), 0, 6),
}


def test_names():
    assert list(METHODS) == ["default", "minmax", "percentile", "mse", "kl"]


@given(
    hnp.arrays(
        np.float32, st.integers(1, 300), elements=st.floats(-(2.0**100), 2.0**100, width=32)
    ),
    st.sampled_from([ASYMMETRIC, SYMMETRIC, POWER, WIDE]),
    st.sampled_from(sorted(METHODS)),
)
@settings(deadline=None, max_examples=80)
def test_every_range_contains_zero_and_stays_within_the_extremes(values, spec, name):
    found = METHODS[name](stats_of(tensor(values)), spec, 0.999)
    low, high = min(values.min(), 0.0), max(values.max(), 0.0)
    assert found.minimum <= 0.0 <= found.maximum
    if spec.symmetric:
        assert found.minimum == -found.maximum
        assert found.maximum <= max(-low, high)
    else:
        assert low <= found.minimum
        assert found.maximum <= high


def test_minmax():
    stats = stats_of(tensor([-1.0, 3.0]))
    found = minmax(stats, ASYMMETRIC, 0.9)
    assert (found.minimum, found.maximum, found.method) == (-1.0, 3.0, "minmax")
    assert minmax(stats, SYMMETRIC, 0.9).minimum == -3.0
    assert minmax(stats_of(tensor([2.0, 3.0])), ASYMMETRIC, 0.9).minimum == 0.0


@pytest.mark.parametrize("name", sorted(DATA))
def test_percentile_against_sorted_numbers(name):
    values = tensor(DATA[name](np.random.default_rng(0)))
    stats = stats_of(values)
    found = percentile_range(stats, ASYMMETRIC, 0.99)
    inside = np.mean((values >= found.minimum) & (values <= found.maximum))
    assert inside == pytest.approx(0.99, abs=2e-3) or values.max() == 6.0
    low = 0.0 if values.min() >= 0 else np.quantile(values, 0.005)
    high = np.quantile(values, 0.99 if values.min() >= 0 else 0.995)
    assert found.minimum == pytest.approx(low, rel=0.01, abs=1e-3)
    assert found.maximum == pytest.approx(high, rel=0.01)
    limit = percentile_range(stats, SYMMETRIC, 0.99).maximum
    assert limit == pytest.approx(np.quantile(np.abs(values), 0.99), rel=0.01)
    whole = percentile_range(stats, ASYMMETRIC, 1.0)
    assert (whole.minimum, whole.maximum) == (min(values.min(), 0), values.max())


@pytest.mark.parametrize(("name", "seed"), list(product(sorted(DATA), (0, 1))))
@pytest.mark.parametrize("spec", [ASYMMETRIC, SYMMETRIC, POWER, WIDE])
def test_mse_is_no_worse_than_minmax(name, seed, spec):
    values = tensor(DATA[name](np.random.default_rng(seed)))
    stats = stats_of(values)
    whole = true_error(values, minmax(stats, spec, 1.0), spec)
    assert true_error(values, mse(stats, spec, 1.0), spec) <= 1.01 * whole


@pytest.mark.parametrize("name", ["normal", "student", "outlier"])
def test_mse_is_near_the_best_of_a_fine_grid(name):
    values = tensor(DATA[name](np.random.default_rng(0)))
    stats = stats_of(values)
    ends = np.geomspace(1.0, 0.01, 150) * max(-stats.minimum, stats.maximum)
    best = min(
        true_error(
            values,
            type(minmax(stats, SYMMETRIC, 1))(minimum=-end, maximum=end, method=""),
            SYMMETRIC,
        )
        for end in ends
    )
    assert true_error(values, mse(stats, SYMMETRIC, 1.0), SYMMETRIC) <= 1.03 * best


def test_kl_cuts_outliers_and_keeps_flat_data():
    rng = np.random.default_rng(0)
    outlier = kl(stats_of(tensor(DATA["outlier"](rng))), SYMMETRIC, 1.0)
    assert 2.0 < outlier.maximum < 40.0
    flat = kl(stats_of(tensor(rng.uniform(-1, 1, 30_000))), SYMMETRIC, 1.0)
    assert flat.maximum == pytest.approx(1.0, rel=0.02)
    values = stats_of(tensor([-5.0, 9.0]))
    assert kl(values, WIDE, 1.0).maximum == 9.0


def test_default_takes_minmax_for_few_numbers():
    found = METHODS["default"](stats_of(tensor([0.0] * 1000 + [7.0])), ASYMMETRIC, 0.9)
    assert (found.maximum, found.method) == (7.0, "minmax")
    zero = METHODS["default"](stats_of(tensor([0.0, 0.0])), ASYMMETRIC, 0.9)
    assert (zero.minimum, zero.maximum) == (0.0, 0.0)


@pytest.mark.parametrize("name", sorted(DATA))
def test_default_is_between_the_extremes(name):
    values = tensor(DATA[name](np.random.default_rng(0)))
    stats = stats_of(values)
    found = METHODS["default"](stats, ASYMMETRIC, 1.0)
    assert found.method.startswith("default (") or found.method == "minmax"
    whole = true_error(values, minmax(stats, ASYMMETRIC, 1.0), ASYMMETRIC)
    assert true_error(values, found, ASYMMETRIC) <= 1.01 * whole
