"""Parameters of weights and biases, by hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tc_target_riscv.facts import SPEC
from toolchain.core.dtypes import DType
from toolchain.core.graph_view import GraphView
from toolchain.core.quant import Edge, ParamSet, PerTensor, QuantParams, QuantPlan, QuantSpec
from toolchain.quantization.plan import make_plan
from toolchain.quantization.weights import fit_biases, weight_params

INPUT = QuantParams(scale=np.float32(0.5), zero_point=np.int32(0), spec=QuantSpec())


@pytest.fixture
def convolutions(make_text_model: Callable, graph_of: Callable) -> Callable:
    """Two convolutions that read x through the weights of `body`."""

    def of(body: str, **constants) -> tuple[GraphView, QuantPlan]:
        arrays = {name: np.asarray(array, np.float32) for name, array in constants.items()}
        model = make_text_model(body, "float[1,1,4] x", "float[A,B,C] y", **arrays)
        graph = graph_of(model)
        return graph, make_plan(graph, SPEC, bias_dtype=DType.INT32)

    return of


def fitted(graph: GraphView, plan: QuantPlan, pinned=None) -> ParamSet:
    found = weight_params(graph, plan, pinned or {}, "minmax", SPEC.min_scale)
    inputs = ParamSet(values={**found.values, "x": INPUT, "h": INPUT}, edges=found.edges)
    return fit_biases(graph, plan, SPEC, pinned or {}, inputs)


def column(*numbers: float) -> np.ndarray:
    return np.array(numbers, np.float32).reshape(-1, 1, 1)


def test_scales_per_channel_and_bias_in_their_product(convolutions: Callable):
    graph, plan = convolutions("y = Conv(x, w, b)", w=column(1.27, -2.54), b=[1, 2])
    found = fitted(graph, plan)
    np.testing.assert_allclose(found.values["w"].scale, [0.01, 0.02], rtol=1e-6)
    bias = found.edges[Edge("b", "y_node", 2)]
    np.testing.assert_array_equal(bias.scale, np.float32(0.5) * found.values["w"].scale)
    assert bias.zero_point.tolist() == [0, 0]
    assert bias.spec.dtype is DType.INT32


def test_a_nearly_dead_channel_makes_room_for_its_bias(convolutions: Callable):
    """Scale 1e-9 / 127 and input scale 0.5: a bias of 800 would be 2e14 steps. Limit: 2**30."""
    graph, plan = convolutions("y = Conv(x, w, b)", w=column(1.27, 1e-9), b=[1, 800])
    found = fitted(graph, plan)
    scale = found.values["w"].scale
    np.testing.assert_allclose(scale, [0.01, 800 / (0.5 * 2**30)], rtol=1e-6)
    steps = np.float64(800) / found.edges[Edge("b", "y_node", 2)].scale[1]
    assert abs(steps) <= 2**30
    assert steps == pytest.approx(2**30, rel=1e-6)


def test_a_shared_weight_serves_the_larger_bias(convolutions: Callable):
    graph, plan = convolutions(
        "h = Conv(x, w, a) i = Conv(h, w, b) y = Add(h, i)", w=column(1e-9), a=[800], b=[-1600]
    )
    found = fitted(graph, plan)
    assert float(found.values["w"].scale[0]) == pytest.approx(1600 / (0.5 * 2**30), rel=1e-6)
    first, second = (found.edges[Edge(v, n, 2)] for v, n in (("a", "h_node"), ("b", "i_node")))
    np.testing.assert_array_equal(first.scale, second.scale)


def test_a_pinned_weight_stays(convolutions: Callable):
    graph, plan = convolutions("y = Conv(x, w, b)", w=column(1e-9), b=[8])
    pinned = QuantParams(
        scale=np.float32(0.25),
        zero_point=np.int32(0),
        spec=QuantSpec(symmetric=True, granularity=PerTensor()),
    )
    found = fitted(graph, plan, {"w": lambda _: pinned})
    assert found.values["w"] is pinned
    assert float(found.edges[Edge("b", "y_node", 2)].scale) == 0.125


def test_the_method_is_used(convolutions: Callable):
    """One outlier among many small weights: `mse` cuts it down, `minmax` does not."""
    weight = np.full((1, 1, 3), 0.01, np.float32)
    weight[0, 0, 0] = 1.0
    graph, plan = convolutions("y = Conv(x, w)", w=np.repeat(weight, 2, axis=0))
    small, large = (
        weight_params(graph, plan, {}, method, SPEC.min_scale).values["w"].scale
        for method in ("mse", "minmax")
    )
    np.testing.assert_allclose(large, 1 / 127, rtol=1e-6)
    assert (small <= large).all()


def test_float_biases_have_no_parameters(make_text_model: Callable, graph_of: Callable):
    model = make_text_model(
        "y = Conv(x, w, b)",
        "float[1,1,4] x",
        "float[A,B,C] y",
        w=column(1.27),
        b=np.array([1], np.float32),
    )
    graph = graph_of(model)
    plan = make_plan(graph, SPEC, bias_dtype=DType.FLOAT32)
    assert not fitted(graph, plan).edges
