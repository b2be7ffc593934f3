"""The step as a whole: what algorithms change, what is observed again, and what is reported."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from tc_target_riscv.facts import SPEC
from toolchain.calibration.ranges.methods import RANGE_METHODS
from toolchain.calibration.sweep import SweepOptions, sweep
from toolchain.core.dtypes import DType
from toolchain.core.options import QuantizeOptions
from toolchain.core.progress import SilentProgress
from toolchain.core.registry import AlgorithmDef, AlgorithmInput, AlgorithmOutput
from toolchain.core.samples import InputSpec, SampleStore
from toolchain.errors import ConfigError
from toolchain.graph.observe import write_observed
from toolchain.numerics.affine import params_from_range
from toolchain.quantization.algorithms import ALGORITHMS
from toolchain.quantization.parameters import observed_values
from toolchain.quantization.plan import make_plan
from toolchain.quantization.quantize import Quantization, Quantized, quantize_model

SAMPLES = 5


@pytest.fixture
def quantize(make_text_model: Callable, graph_of: Callable, tmp_path: Path) -> Callable:
    """Conv, Relu, depthwise Conv on two channels, one 32 times larger; any algorithms."""
    rng = np.random.default_rng(0)
    graph = graph_of(
        make_text_model(
            "c = Conv(x, v, b) r = Relu(c) y = Conv<group=2>(r, d, e)",
            "float[1,1,4,4] x",
            "float[1,2,4,4] y",
            v=np.array([32, 1], np.float32).reshape(2, 1, 1, 1),
            b=np.array([3.2, 0.1], np.float32),
            d=np.array([0.3, 10.1], np.float32).reshape(2, 1, 1, 1),
            e=np.array([0.5, -0.5], np.float32),
        )
    )
    store = SampleStore(
        folder=tmp_path,
        inputs=(InputSpec(name="x", dtype="float32", shape=(1, 1, 4, 4)),),
        names=tuple(map(str, range(SAMPLES))),
    )
    rng.normal(size=(SAMPLES, 16)).astype(np.float32).tofile(store.path(0))
    values = observed_values(graph, {"c"})
    write_observed(tmp_path / "float.onnx", {}, values, tmp_path / "exposed.onnx")
    options = SweepOptions(threads=1)
    stats, _ = sweep(tmp_path / "exposed.onnx", values, store, options, SilentProgress())
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    base = Quantization(
        target=SPEC,
        stats=stats,
        options=QuantizeOptions(),
        methods={method.name: method for method in RANGE_METHODS},
        algorithms={algorithm.name: algorithm for algorithm in ALGORITHMS},
        samples=store,
        threads=1,
        scratch=scratch,
    )
    plan = make_plan(graph, SPEC, bias_dtype=DType.INT32)

    def run(*algorithms: AlgorithmDef | str) -> Quantized:
        names = tuple(a if isinstance(a, str) else a.name for a in algorithms)
        own = {a.name: a for a in algorithms if isinstance(a, AlgorithmDef)}
        given = replace(
            base,
            options=QuantizeOptions(algorithms=names, method="minmax"),
            algorithms={**base.algorithms, **own},
        )
        return quantize_model(tmp_path / "float.onnx", tmp_path / "qdq.onnx", graph, plan, given)

    return run


def stored(result: Quantized, name: str) -> np.ndarray:
    tensors = onnx.load(result.model.path).graph.initializer
    return next(numpy_helper.to_array(tensor) for tensor in tensors if tensor.name == name)


def test_default_algorithms():
    assert QuantizeOptions().algorithms == tuple(algorithm.name for algorithm in ALGORITHMS)


def test_without_algorithms(quantize: Callable):
    result = quantize()
    assert result.report.algorithms == ()
    assert result.report.extra_forwards == 0


def test_what_equalization_changes_is_observed_again(quantize: Callable):
    plain, even = quantize(), quantize("equalization")
    assert even.report.algorithms == ("equalization: 1 groups of channels",)
    assert even.report.extra_forwards == SAMPLES
    # The channels were 32 to 1 and are even now: the largest has not changed, the range neither.
    np.testing.assert_allclose(
        even.params.values["r"].scale, plain.params.values["r"].scale, rtol=1e-5
    )
    weights = even.params.values["v"].scale
    assert weights[0] == pytest.approx(weights[1], rel=1e-3)
    np.testing.assert_array_equal(stored(even, "v/quantized").ravel(), [127, 127])


def test_only_biases_change_by_correction(quantize: Callable):
    plain, corrected = quantize(), quantize("bias_correction")
    assert corrected.report.algorithms == ("bias_correction: 2 biases",)
    assert corrected.report.extra_forwards == 0
    for name, params in plain.params.values.items():
        assert corrected.params.values[name].same_numbers(params)


def test_algorithms_see_what_those_before_them_changed(quantize: Callable):
    seen: list[AlgorithmInput] = []

    def double(given: AlgorithmInput) -> AlgorithmOutput:
        seen.append(given)
        given.params()
        weight = given.graph.values["v"].constant
        return AlgorithmOutput(
            constants={"v": np.asarray(weight * 2, np.float32)},
            changed_values=frozenset({"c", "r", "y"}),
            summary="doubled",
        )

    doubling = AlgorithmDef(name="double", summary="", function=double)
    again = AlgorithmDef(name="again", summary="", function=double)
    result = quantize(doubling, again)
    first, second = seen
    np.testing.assert_array_equal(
        second.graph.values["v"].constant, 2 * first.graph.values["v"].constant
    )
    np.testing.assert_array_equal(
        second.graph.node_by_name["c_node"].inputs[1].constant, second.graph.values["v"].constant
    )
    assert second.stats["x"] is first.stats["x"]
    assert second.stats["r"].maximum > 1.5 * first.stats["r"].maximum
    assert result.report.extra_forwards == 2 * SAMPLES
    expected = params_from_range(0.0, 1.27 * 4 * 32 / 1.27, SPEC.weight, SPEC.min_scale)
    assert result.params.values["v"].scale[0] == expected.scale


def test_unknown_names(quantize: Callable):
    with pytest.raises(ConfigError, match="no algorithm of this name") as caught:
        quantize("equalisation")
    (problem,) = caught.value.problems
    assert problem.where == "quantize.algorithms"
    assert problem.hint == "did you mean `equalization`?"
