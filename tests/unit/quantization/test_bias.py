"""Bias scales, and weight scales large enough for the bias."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolchain.core.dtypes import DType
from toolchain.core.options import RangePin
from toolchain.core.quant import PerChannel, PerTensor, QuantParams, QuantSpec
from toolchain.core.target import BiasRule
from toolchain.errors import Code, QuantizationError
from toolchain.quantization.bias import bias_params, raise_to_bias

SPEC = QuantSpec(dtype=DType.INT32, symmetric=True, granularity=PerChannel(0))


def params(scale: object) -> QuantParams:
    array = np.asarray(scale, np.float32)
    return QuantParams(scale=array, zero_point=np.zeros(array.shape, np.int32), spec=QuantSpec())


def test_scale_is_the_float32_product():
    found = bias_params(params(0.1), params([0.3, 0.7]), SPEC, 2)
    expected = [np.float32(0.1) * np.float32(0.3), np.float32(0.1) * np.float32(0.7)]
    assert found.scale.tolist() == [float(value) for value in expected]
    assert found.zero_point.tolist() == [0, 0]
    assert found.spec == SPEC


def test_one_weight_scale_gives_one_bias_scale():
    found = bias_params(params(0.5), params(0.25), SPEC, 6)
    assert (found.scale.shape, found.scale.tolist()) == ((), 0.125)
    assert isinstance(found.spec.granularity, PerTensor)


def test_weight_scales_repeat_with_the_groups():
    found = bias_params(params(0.5), params([0.25, 0.5, 1.0]), SPEC, 6)
    assert found.scale.tolist() == [0.125, 0.25, 0.5, 0.125, 0.25, 0.5]


def test_only_scales_that_are_too_small_are_raised():
    # 2**-40 * 2**-10 would make 2**50 steps of the bias 1; 2**30 are allowed.
    weight, x = params([2.0**-40, 0.5]), params(2.0**-10)
    bias = np.array([1.0, 1.0], np.float32)
    found = raise_to_bias(weight, x, bias, BiasRule(accumulator_headroom_bits=1))
    assert found.scale.tolist() == [2.0**-20, 0.5]


def test_headroom():
    found = raise_to_bias(
        params(2.0**-40),
        params(1.0),
        np.array([-3, 1], np.float32),
        BiasRule(accumulator_headroom_bits=4),
    )
    assert found.scale >= 3 / 2**27
    assert found.scale <= 3 / 2**27 * (1 + 2**-22)


def test_channels_of_a_grouped_transposed_convolution():
    # Channel m of the bias belongs to scale m modulo 2.
    bias = np.array([1, 2, 4, 1], np.float32)
    found = raise_to_bias(params([2.0**-60] * 2), params(1.0), bias, BiasRule())
    assert found.scale.tolist() == [4 / 2**30, 2 / 2**30]


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=8),
    st.floats(2.0**-30, 1e3, width=32),
    st.floats(2.0**-60, 1.0, width=32),
)
def test_bias_fits_behind(values: list[float], input_scale: float, weight_scale: float):
    bias = np.array(values, np.float32)
    weight, x = params([weight_scale] * bias.size), params(input_scale)
    raised = raise_to_bias(weight, x, bias, BiasRule())
    steps = np.abs(bias.astype(np.float64)) / (
        raised.scale.astype(np.float64) * np.float64(x.scale)
    )
    assert np.all(steps <= 2.0**30)
    assert np.all(raised.scale >= weight.scale)


def near_dead(make_text_model: Callable):
    weight = np.ones((2, 2, 1, 1), np.float32)
    weight[1] = 1e-12
    return make_text_model(
        "y = Conv(x, w, b)",
        "float[1,2,4,4] x",
        "float[A,B,C,D] y",
        w=weight,
        b=np.array([0.5, 3.0], np.float32),
    )


def test_near_dead_channel(make_text_model: Callable, build: Callable, compare_layers: Callable):
    built = build(near_dead(make_text_model))
    bias = built.program.constants["y_node/bias"]
    assert np.abs(bias).max() <= 2**30
    compare_layers(built.qdq_path, built.program, built.samples).check()


def test_pinned_weight_that_leaves_no_room_for_the_bias(make_text_model: Callable, build: Callable):
    with pytest.raises(QuantizationError) as caught:
        build(near_dead(make_text_model), pins=[RangePin(tensor="w", scale=(0.01, 1e-12))])
    problem = caught.value.problems[0]
    assert (problem.code, problem.where) == (Code.PARAMS_INVALID, "b")
    assert (problem.got or "").startswith("channel 1:")
