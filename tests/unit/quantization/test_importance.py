"""What an error in a channel does to the outputs, by hand and by running it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toolchain.calibration.statistics import stats_of
from toolchain.graph.session import open_session
from toolchain.quantization.importance import channel_importance, mean_square


@pytest.fixture
def importance(make_text_model: Callable, graph_of: Callable) -> Callable:
    def of(body: str, inputs: str, outputs: str, stats=None, **constants):
        arrays = {name: np.asarray(value, np.float32) for name, value in constants.items()}
        graph = graph_of(make_text_model(body, inputs, outputs, **arrays))
        return channel_importance(graph, stats or {})

    return of


def test_gemm_adds_squared_weights(importance: Callable):
    weight = [[1, 2, 3], [0, -4, 0]]
    found = importance("y = Gemm(x, w)", "float[1,2] x", "float[1,3] y", w=weight)
    np.testing.assert_allclose(found["x"], [14, 16])
    transposed = np.transpose(weight)
    found = importance("y = Gemm<transB=1>(x, w)", "float[1,2] x", "float[1,3] y", w=transposed)
    np.testing.assert_allclose(found["x"], [14, 16])
    found = importance("y = MatMul(x, w)", "float[1,2] x", "float[1,3] y", w=weight)
    np.testing.assert_allclose(found["x"], [14, 16])


def test_layers_multiply(importance: Callable):
    found = importance(
        "h = Gemm(x, a) r = Relu(h) y = Gemm(r, b)",
        "float[1,1] x",
        "float[1,1] y",
        a=[[2, 3]],
        b=[[5], [7]],
    )
    np.testing.assert_allclose(found["r"], [25, 49])
    np.testing.assert_allclose(found["x"], [4 * 25 + 9 * 49])


def test_grouped_convolution(importance: Callable):
    weight = np.array([1, 2, 3, 4], np.float32).reshape(4, 1, 1, 1)
    found = importance("y = Conv<group=2>(x, w)", "float[1,2,3,3] x", "float[1,4,3,3] y", w=weight)
    np.testing.assert_allclose(found["x"], [1 + 4, 9 + 16])


def test_transposed_convolution(importance: Callable):
    weight = np.arange(1, 9, dtype=np.float32).reshape(2, 1, 2, 2)
    found = importance(
        "y = ConvTranspose<group=2, strides=[2,2]>(x, w)",
        "float[1,2,3,3] x",
        "float[1,2,6,6] y",
        w=weight,
    )
    np.testing.assert_allclose(found["x"], [1 + 4 + 9 + 16, 25 + 36 + 49 + 64])


def test_a_sum_adds_up_and_a_mean_divides(importance: Callable):
    found = importance(
        "c = Conv(x, w) s = Add(c, x) y = GlobalAveragePool(s)",
        "float[1,1,2,2] x",
        "float[1,1,1,1] y",
        w=np.full((1, 1, 1, 1), 3),
    )
    np.testing.assert_allclose(found["s"], [1 / 16])
    np.testing.assert_allclose(found["x"], [9 / 16 + 1 / 16])


def test_a_gate_has_the_size_of_what_it_is_multiplied_with(importance: Callable):
    data = stats_of(np.array([[[[1, 3]], [[2, -2]]]], np.float32))
    gate = stats_of(np.array([[[[0.5]], [[0.25]]]], np.float32))
    found = importance(
        "y = Mul(x, g)",
        "float[1,2,1,2] x, float[1,2,1,1] g",
        "float[1,2,1,2] y",
        stats={"x": data, "g": gate},
    )
    # Mean square: mean**2 + (largest / 4)**2.
    np.testing.assert_allclose(found["x"], [0.25 + 1 / 64, 1 / 16 + 1 / 256])
    np.testing.assert_allclose(found["g"], [2 * (4 + 9 / 16), 2 * (0 + 1 / 4)])
    np.testing.assert_allclose(mean_square(data), [4 + 9 / 16, 1 / 4])


def test_concat_keeps_channels_apart(importance: Callable):
    found = importance(
        "j = Concat<axis=1>(a, b) y = Gemm(j, w)",
        "float[1,1] a, float[1,2] b",
        "float[1,1] y",
        w=[[1], [2], [3]],
    )
    np.testing.assert_allclose(found["a"], [1])
    np.testing.assert_allclose(found["b"], [4, 9])


def test_a_dead_channel_lets_nothing_through(importance: Callable):
    seen = stats_of(np.array([[0.0, 2.0]], np.float32))
    found = importance(
        "h = Gemm(x, a) r = Relu(h) y = Gemm(r, b)",
        "float[1,1] x",
        "float[1,1] y",
        stats={"r": seen},
        a=[[100, 1]],
        b=[[100], [1]],
    )
    np.testing.assert_allclose(found["r"], [0, 1])
    np.testing.assert_allclose(found["x"], [1])


def test_what_no_output_depends_on_is_absent(importance: Callable):
    found = importance("y = Relu(x) z = Neg(x)", "float[1,2] x", "float[1,2] y")
    assert "z" not in found


@given(st.integers(0, 1000), st.integers(1, 3), st.integers(1, 4), st.integers(1, 3))
@settings(
    deadline=None, max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_one_convolution_against_onnxruntime(
    make_text_model: Callable, graph_of: Callable, tmp_path, seed, inputs, outputs, kernel
):
    """Non-overlapping windows: unit errors in every element, one after the other."""
    weight = np.random.default_rng(seed).normal(size=(outputs, inputs, kernel, kernel))
    size = 2 * kernel
    graph = graph_of(
        make_text_model(
            f"y = Conv<strides=[{kernel},{kernel}]>(x, w)",
            f"float[1,{inputs},{size},{size}] x",
            f"float[1,{outputs},2,2] y",
            w=weight.astype(np.float32),
        )
    )
    session = open_session(tmp_path / "float.onnx")
    unit = np.eye(inputs * size * size, dtype=np.float32).reshape(-1, 1, inputs, size, size)
    powers = np.array([np.sum(session.run(None, {"x": error})[0] ** 2) for error in unit])
    measured = powers.reshape(inputs, -1).mean(axis=1)
    np.testing.assert_allclose(channel_importance(graph, {})["x"], measured, rtol=1e-4)
