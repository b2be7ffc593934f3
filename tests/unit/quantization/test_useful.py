"""What readers can tell apart."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from toolchain.calibration.statistics import stats_of
from toolchain.quantization.useful import clamp, useful_interval

INF = float("inf")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("y = Relu(h)", (0.0, INF)),
        ("y = HardSwish(h)", (-3.0, INF)),
        ("y = HardSigmoid<alpha=0.25, beta=0.5>(h)", (-2.0, 2.0)),
        ("y = HardSigmoid<alpha=-0.25>(h)", (-INF, INF)),
        ("y = Clip(h, low, high)", (-1.0, 6.0)),
        ("y = Clip(h, , high)", (-INF, 6.0)),
        ("y = Swish(h)", (-11.0, INF)),
        ("y = Swish<alpha=2.0>(h)", (-INF, INF)),
        ("a = Relu(h) b = HardSwish(h) y = Add(a, b)", (-3.0, INF)),
        ("a = Relu(h) y = Add(a, h)", (-INF, INF)),
        ("y = Neg(h)", (-INF, INF)),
    ],
)
def test_interval(make_text_model: Callable, graph_of: Callable, body, expected):
    model = make_text_model(
        f"h = Neg(x) {body}",
        "float[1,4] x",
        "float[1,4] y",
        low=np.float32(-1),
        high=np.float32(6),
    )
    assert useful_interval(graph_of(model), "h") == expected


def test_16_bits_tell_more_apart(make_text_model: Callable, graph_of: Callable):
    """Beyond the interval each function is within half a step of 2**-16 of its limit."""
    for op_type, limit in (("Sigmoid", 1.0), ("Tanh", 1.0), ("Swish", 0.0), ("Gelu", 0.0)):
        model = make_text_model(f"h = Neg(x) y = {op_type}(h)", "float[4] x", "float[4] y")
        low, high = useful_interval(graph_of(model), "h", bits=16)
        end = high if limit else low
        function = {
            "Sigmoid": lambda x: 1 / (1 + math.exp(-x)),
            "Tanh": math.tanh,
            "Swish": lambda x: x / (1 + math.exp(-x)),
            "Gelu": lambda x: x * (1 + math.erf(x / math.sqrt(2))) / 2,
        }[op_type]
        assert abs(function(end) - limit) < 2.0**-17
        assert abs(function(end / 2) - limit) > 2.0**-17


def test_a_model_output_is_read_by_everybody(make_text_model: Callable, graph_of: Callable):
    model = make_text_model("h = Neg(x) y = Relu(h)", "float[1,4] x", "float[1,4] h, float[1,4] y")
    graph = graph_of(model)
    assert useful_interval(graph, "h") == useful_interval(graph, "y") == (-INF, INF)


def test_clamp_moves_counts_to_the_limits():
    stats = stats_of(np.array([[-8.0, -4.0, -3.0, 0.0, 1.0, 9.0]], np.float32))
    found = clamp(stats, -3.0, INF)
    values = (found.bins.astype(np.uint32) << 16).view(np.float32).tolist()
    counted = dict(zip(values, found.histogram.tolist(), strict=True))
    assert counted == {-3.0: 3, 0.0: 1, 1.0: 1, 9.0: 1}
    assert (found.minimum, found.maximum, found.count) == (-3.0, 9.0, 6)


def test_clamp_leaves_what_lies_inside():
    stats = stats_of(np.array([[-1.0, 2.0]], np.float32))
    assert clamp(stats, -3.0, 6.0) is stats


def test_clamp_to_an_interval_without_elements():
    found = clamp(stats_of(np.array([[-5.0, -4.0]], np.float32)), 0.0, INF)
    assert (found.minimum, found.maximum, found.histogram.tolist()) == (0.0, 0.0, [2])
