"""The metric file of configs/fastestdet.toml, on outputs that are made by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from toolchain.core.registry import MetricDef
from toolchain.plugin.userfile import load_user_object

FILE = Path(__file__).parents[3] / "configs" / "fastestdet_metric.py"


@pytest.fixture
def decode() -> Any:
    return load_user_object(FILE, "decode", "evaluation.metric").value


def test_one_object_in_one_cell(decode: Any) -> None:
    outputs = np.zeros((1, 85, 22, 22), np.float32)
    outputs[0, 0, 3, 5] = 0.5
    outputs[0, 1:5, 3, 5] = (np.arctanh(0.5), -np.arctanh(0.25), np.log(0.25 / 0.75), 0.0)
    outputs[0, 5 + 17, 3, 5] = 0.25
    # Centre (5 + 0.5) / 22, (3 - 0.25) / 22; sizes 0.25 and 0.5.
    x, y = 5.5 / 22, 2.75 / 22
    expected = [x - 0.125, y - 0.25, x + 0.125, y + 0.25, 0.5**0.6 * 0.25**0.4, 17]
    np.testing.assert_allclose(decode({"758": outputs}), [expected], rtol=1e-6)


def test_nothing_is_there(decode: Any) -> None:
    assert decode({"758": np.zeros((1, 85, 22, 22), np.float32)}).shape == (0, 6)


def test_the_metric_is_one() -> None:
    assert isinstance(load_user_object(FILE, "METRIC", "evaluation.metric").value, MetricDef)
