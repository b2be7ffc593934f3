"""The method `default` on its own; what it is given is tested with the parameters."""

from __future__ import annotations

import numpy as np
import pytest

from toolchain.calibration.ranges.default import FEW_BINS, default
from toolchain.calibration.ranges.methods import RANGE_METHODS
from toolchain.calibration.ranges.mse import mse
from toolchain.calibration.statistics import stats_of
from toolchain.core.quant import QuantSpec


def test_it_alone_asks_for_weighed_statistics():
    assert [method.name for method in RANGE_METHODS if method.weighed] == ["default"]


@pytest.mark.parametrize("spec", [QuantSpec(), QuantSpec(symmetric=True)])
def test_it_searches_as_mse(spec):
    values = np.random.default_rng(0).standard_t(3, (1, 50_000)).astype(np.float32)
    found, searched = (method(stats_of(values), spec, 1.0) for method in (default, mse))
    assert (found.minimum, found.maximum) == (searched.minimum, searched.maximum)
    assert found.method == "default (mse)"
    assert found.maximum < values.max()


def test_few_numbers_are_stored_as_they_are():
    values = np.append(np.zeros(10_000), 2.0 ** np.arange(FEW_BINS - 1)).astype(np.float32)
    found = default(stats_of(values.reshape(1, -1)), QuantSpec(), 1.0)
    assert (found.minimum, found.maximum, found.method) == (0.0, 2.0**14, "minmax")


def test_zero_alone():
    found = default(stats_of(np.zeros((1, 4), np.float32)), QuantSpec(), 1.0)
    assert (found.minimum, found.maximum) == (0.0, 0.0)
