"""Even channels: by hand, against onnxruntime, and where it is not worth it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tc_target_riscv.facts import SPEC
from toolchain.calibration.statistics import stats_of
from toolchain.core.dtypes import DType
from toolchain.core.graph_view import GraphView
from toolchain.core.registry import AlgorithmInput, AlgorithmOutput
from toolchain.graph.observe import write_observed
from toolchain.graph.session import open_session
from toolchain.quantization.algorithms.equalization import equalize
from toolchain.quantization.plan import make_plan


def given_to(graph: GraphView, stats: dict) -> AlgorithmInput:
    def never() -> None:
        raise AssertionError

    return AlgorithmInput(
        graph=graph,
        plan=make_plan(graph, SPEC, bias_dtype=DType.INT32),
        params=never,
        stats=stats,
        target=SPEC,
    )


def channels(*largest: float) -> np.ndarray:
    """One channel for each number, in which it is the largest of four."""
    rows = np.array(largest)[:, None] * np.array([0.0, 0.25, 0.5, 1.0])
    return rows.astype(np.float32).reshape(1, len(largest), 2, 2)


@pytest.fixture
def chain(make_text_model: Callable, graph_of: Callable) -> Callable:
    """x -> Conv v, b -> Relu -> depthwise Conv d -> y, with r as large as given."""

    def of(*largest: float) -> tuple[GraphView, AlgorithmOutput]:
        count = len(largest)
        rng = np.random.default_rng(0)
        model = make_text_model(
            f"c = Conv(x, v, b) r = Relu(c) y = Conv<group={count}>(r, d)",
            "float[1,1,2,2] x",
            f"float[1,{count},2,2] y",
            v=rng.normal(size=(count, 1, 1, 1)).astype(np.float32),
            b=rng.normal(size=count).astype(np.float32),
            # Small channels matter as much as large ones: errors in them are multiplied by more.
            d=(1.0 / np.maximum(largest, 1e-3)).astype(np.float32).reshape(count, 1, 1, 1),
        )
        graph = graph_of(model)
        stats = {"x": channels(1.0), "r": channels(*largest), "y": channels(*[0.01] * count)}
        return graph, equalize(given_to(graph, {n: stats_of(a) for n, a in stats.items()}))

    return of


def test_channels_before_a_depthwise_reader_become_even(chain: Callable):
    """A channel eight times smaller than the largest is made eight times larger."""
    graph, found = chain(4.0, 0.5, 0.0)
    before = {name: value.constant for name, value in graph.values.items()}
    factors = np.array([1.0, 8.0, 1.0])
    np.testing.assert_allclose(found.constants["v"][:, 0, 0, 0], before["v"].ravel() * factors)
    np.testing.assert_allclose(found.constants["b"], before["b"] * factors)
    np.testing.assert_allclose(found.constants["d"].ravel(), before["d"].ravel() / factors)
    assert found.changed_values == {"c", "r"}
    assert found.summary == "equalization: 1 groups of channels"
    assert all(array.dtype == np.float32 for array in found.constants.values())


def test_no_channel_is_enlarged_more_than_64_times(chain: Callable):
    graph, found = chain(4.0, 4e-6)
    np.testing.assert_allclose(found.constants["b"], graph.values["b"].constant * [1.0, 64.0])


def test_even_channels_are_left_alone(chain: Callable):
    """The noise of 1, 0.9, 0.9 would not become a half."""
    _, found = chain(1.0, 0.9, 0.9)
    assert not found.constants
    assert not found.changed_values


def test_it_is_not_done_for_nothing(make_text_model: Callable, graph_of: Callable):
    """Uneven channels that hardly reach the output, beside a value that does."""
    body = "c = Conv(x, v) r = Relu(c) d = Conv<group=2>(r, w) y = Add(d, z)"
    inputs, shape = "float[1,1,2,2] x, float[1,2,2,2] z", "float[1,2,2,2] y"
    for weight, changed in ((1.0, True), (1e-6, False)):
        reader = np.array([weight, 40 * weight], np.float32).reshape(2, 1, 1, 1)
        arrays = {"v": np.ones((2, 1, 1, 1), np.float32), "w": reader}
        graph = graph_of(make_text_model(body, inputs, shape, **arrays))
        seen = {"x": channels(1e-3), "r": channels(4, 0.1), "d": channels(1, 1)}
        seen |= {"z": channels(1, 1), "y": channels(1, 1)}
        found = equalize(given_to(graph, {n: stats_of(a) for n, a in seen.items()}))
        assert bool(found.constants) is changed


def test_a_dense_reader_stops_half_way(make_text_model: Callable, graph_of: Callable):
    """Rows of the reader become uneven; with all of the way gone their noise would decide."""
    rng = np.random.default_rng(0)
    largest = np.geomspace(1.0, 1 / 64, 16)
    graph = graph_of(
        make_text_model(
            "c = Conv(x, v) r = Relu(c) y = Conv(r, w)",
            "float[1,1,2,2] x",
            "float[1,16,2,2] y",
            v=np.ones((16, 1, 1, 1), np.float32),
            w=rng.normal(size=(16, 16, 1, 1)).astype(np.float32),
        )
    )
    stats = {"x": channels(1e-3), "r": channels(*largest), "y": channels(*[0.01] * 16)}
    found = equalize(given_to(graph, {n: stats_of(a) for n, a in stats.items()}))
    factors = found.constants["v"].ravel()
    exponent = np.log(factors[1:]) / -np.log(largest[1:])
    np.testing.assert_allclose(exponent, exponent[0], rtol=1e-4)
    assert exponent[0] in (pytest.approx(0.25), pytest.approx(0.5), pytest.approx(0.75))
    np.testing.assert_allclose(
        found.constants["w"] * factors[:, None, None], graph.values["w"].constant, rtol=1e-6
    )


BODY = """
    a = Conv(x, v, b1) r = Relu(a) d = Conv<group=8, pads=[1,1,1,1]>(r, w, b2) s = Relu(d)
    e = Conv(s, t, b3) j = Add(e, e) m = MaxPool<kernel_shape=[2,2]>(j) f = Conv(m, u, b4)
    k = LeakyRelu(f) p = GlobalAveragePool(k) h = Flatten(p) y = Gemm<transB=TRANS>(h, g, b5)
"""


@given(st.integers(0, 10_000), st.sampled_from([0, 1]))
@settings(
    deadline=None, max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_the_float_model_stays_the_same(
    make_text_model: Callable, graph_of: Callable, tmp_path: Path, seed: int, transposed: int
):
    """Every kind of reader and writer, channels of very different sizes, onnxruntime as judge."""
    rng = np.random.default_rng(seed)

    def uneven(*shape: int) -> np.ndarray:
        rows = np.exp(rng.normal(0, 2, (shape[0], *[1] * (len(shape) - 1))))
        return (rng.normal(size=shape) * rows).astype(np.float32)

    gemm = uneven(8, 3)
    model = make_text_model(
        BODY.replace("TRANS", str(transposed)),
        "float[1,2,6,6] x",
        "float[1,3] y",
        v=uneven(8, 2, 1, 1),
        w=uneven(8, 1, 3, 3),
        t=uneven(8, 8, 1, 1),
        u=uneven(8, 8, 3, 3),
        g=gemm.T.copy() if transposed else gemm,
        **{f"b{n}": uneven(8) for n in range(1, 5)},
        b5=uneven(3),
    )
    graph = graph_of(model)
    names = ["a", "r", "d", "s", "e", "j", "m", "f", "k", "p", "h", "y"]
    write_observed(tmp_path / "float.onnx", {}, names, tmp_path / "before.onnx")
    feeds = {"x": rng.normal(size=(1, 2, 6, 6)).astype(np.float32)}
    before = open_session(tmp_path / "before.onnx").run(names, feeds)
    stats = {name: stats_of(array) for name, array in zip(names, before, strict=True)}
    found = equalize(given_to(graph, {**stats, "x": stats_of(feeds["x"])}))
    write_observed(tmp_path / "float.onnx", found.constants, names, tmp_path / "after.onnx")
    after = open_session(tmp_path / "after.onnx").run(names, feeds)
    for name, old, new in zip(names, before, after, strict=True):
        if name not in found.changed_values:
            np.testing.assert_allclose(new, old, rtol=1e-4, atol=1e-5 * np.abs(old).max())
    assert found.changed_values.isdisjoint({"x", "y"})
