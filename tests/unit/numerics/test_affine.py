from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from toolchain.core.dtypes import DType
from toolchain.core.quant import PerBlock, PerChannel, QuantParams, QuantSpec, Rounding, ScaleKind
from toolchain.numerics.affine import (
    along_axis,
    dequantize,
    fake_quantize,
    params_from_range,
    quantize,
)

TINY = 2.0**-126


@pytest.mark.parametrize(
    ("spec", "low", "high", "scale", "zero_point"),
    [
        # Asymmetric int8: 255 steps; -128 - rint(-1 / (1/128)) = 0.
        (QuantSpec(), -1.0, 127 / 128, 1 / 128, 0),
        # The range is widened to hold 0 on either side.
        (QuantSpec(), 1.0, 2.55, 0.01, -128),
        (QuantSpec(), -2.55, -1.0, 0.01, 127),
        (QuantSpec(dtype=DType.UINT8), -51.0, 204.0, 1.0, 51),
        # Symmetric: 127 steps on each side, narrow or not; the middle for unsigned types.
        (QuantSpec(symmetric=True), -1.27, 0.5, 0.01, 0),
        (QuantSpec(symmetric=True, narrow_range=True), 0.0, 1.27, 0.01, 0),
        (QuantSpec(dtype=DType.UINT8, symmetric=True), -1.27, 1.0, 0.01, 128),
        (QuantSpec(dtype=DType.INT4, symmetric=True), -7.0, 7.0, 1.0, 0),
        (QuantSpec(dtype=DType.INT16, symmetric=True), -3.0, 32767.0, 1.0, 0),
        # Narrow asymmetric: 254 steps from -127.
        (QuantSpec(narrow_range=True), 0.0, 2.54, 0.01, -127),
        # Powers of two are rounded up, exact ones stay.
        (QuantSpec(symmetric=True, scale_kind=ScaleKind.POWER_OF_TWO), -1.0, 1.0, 2.0**-6, 0),
        (QuantSpec(symmetric=True, scale_kind=ScaleKind.POWER_OF_TWO), 0.0, 127.0, 1.0, 0),
        (QuantSpec(symmetric=True, scale_kind=ScaleKind.POWER_OF_TWO), 0.0, 127.001, 2.0, 0),
    ],
)
def test_params_by_hand(spec, low, high, scale, zero_point) -> None:
    params = params_from_range(low, high, spec, TINY)
    assert params.scale == np.float32(scale)
    assert params.zero_point == zero_point


def test_an_all_zero_range_takes_the_smallest_scale() -> None:
    params = params_from_range(0.0, 0.0, QuantSpec(), 2.0**-14)
    assert params.scale == np.float32(2.0**-14)
    assert dequantize(quantize(np.zeros(3, np.float32), params), params).tolist() == [0, 0, 0]


def test_per_channel_by_hand() -> None:
    spec = QuantSpec(symmetric=True, granularity=PerChannel(1))
    params = params_from_range(np.array([-1.27, 0.0]), np.array([0.0, 12.7]), spec, TINY)
    np.testing.assert_array_equal(params.scale, np.array([0.01, 0.1], np.float32))
    values = np.array([[[1.27], [1.27]], [[-0.02], [-20.0]]], np.float32)
    integers = quantize(values, params)
    np.testing.assert_array_equal(integers[:, :, 0], [[127, 13], [-2, -128]])
    assert along_axis(params.scale, spec, 3).shape == (1, 2, 1)


@given(
    shape=st.tuples(st.integers(1, 5), st.integers(1, 5), st.integers(1, 3)),
    axis=st.integers(0, 2),
    size=st.integers(1, 6),
    seed=st.integers(0, 99),
)
@settings(max_examples=60, deadline=None)
def test_per_block_as_onnx_defines_it(shape, axis, size, seed) -> None:
    """Against onnx's reference of blocked DequantizeLinear and, element by element, Q."""
    rng = np.random.default_rng(seed)
    blocks = tuple(-(-n // size) if i == axis else n for i, n in enumerate(shape))
    spec = QuantSpec(dtype=DType.INT8, granularity=PerBlock(axis, size))
    scale = rng.uniform(0.1, 2, blocks).astype(np.float32)
    points = rng.integers(-5, 6, blocks)
    params = QuantParams(scale=scale, zero_point=points, spec=spec)
    integers = rng.integers(-128, 128, shape).astype(np.int8)
    found = dequantize(integers, params)
    for index in np.ndindex(shape):
        block = tuple(n // size if i == axis else n for i, n in enumerate(index))
        steps = np.float32(int(integers[index]) - int(points[block]))
        assert found[index] == steps * scale[block]
    if shape[axis] % size == 0:
        node = helper.make_node(
            "DequantizeLinear", ["x", "s", "z"], ["y"], axis=axis, block_size=size
        )
        feeds = {"x": integers, "s": scale, "z": points.astype(np.int8)}
        np.testing.assert_array_equal(found, ReferenceEvaluator(node).run(None, feeds)[0])
    np.testing.assert_array_equal(quantize(found, params), integers)


@pytest.mark.parametrize(
    ("rounding", "expected"),
    [
        (Rounding.HALF_EVEN, [-127, -1, 1, 3, 127]),
        (Rounding.HALF_UP, [-127, 0, 2, 3, 127]),
        (Rounding.HALF_AWAY, [-127, -1, 2, 3, 127]),
    ],
)
def test_ties_and_saturation_by_hand(rounding, expected) -> None:
    # x / 2 is -inf, -1.5, 0.5, 1.5, inf; zero point 1; the narrow range ends at -127.
    spec = QuantSpec(rounding=rounding, narrow_range=True)
    params = QuantParams(scale=np.float32(2), zero_point=np.int32(1), spec=spec)
    values = np.array([-np.inf, -3, 1, 3, np.inf], np.float32)
    np.testing.assert_array_equal(quantize(values, params), expected)


def test_a_quotient_beyond_float32_saturates() -> None:
    params = QuantParams(scale=np.float32(TINY), zero_point=np.int32(0), spec=QuantSpec())
    np.testing.assert_array_equal(
        quantize(np.array([1e30, -1e30], np.float32), params), [127, -128]
    )


@pytest.mark.parametrize(
    ("dtype", "kind"), [(DType.INT8, TensorProto.INT8), (DType.UINT16, TensorProto.UINT16)]
)
def test_equals_onnxruntime(dtype, kind) -> None:
    values = np.random.default_rng(0).normal(0, 3, 5000).astype(np.float32)
    spec = QuantSpec(dtype=dtype)
    params = params_from_range(-7.0, 9.0, spec, TINY)
    numbers = [
        helper.make_tensor("s", TensorProto.FLOAT, (), [float(params.scale)]),
        helper.make_tensor("z", kind, (), [int(params.zero_point)]),
    ]
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "pair",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (5000,))],
        [
            helper.make_tensor_value_info("q", kind, (5000,)),
            helper.make_tensor_value_info("y", TensorProto.FLOAT, (5000,)),
        ],
        numbers,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    integers, real = session.run(None, {"x": values})
    np.testing.assert_array_equal(quantize(values, params), integers)
    np.testing.assert_array_equal(fake_quantize(values, params), real)


@settings(deadline=None, max_examples=100)
@given(
    st.floats(-1e6, 1e6, width=32),
    st.floats(-1e6, 1e6, width=32),
    st.sampled_from([DType.INT4, DType.INT8, DType.UINT8, DType.INT16]),
    st.booleans(),
    st.sampled_from(Rounding),
)
def test_the_error_is_at_most_half_a_step(first, second, dtype, symmetric, rounding) -> None:
    low, high = min(first, second), max(first, second)
    spec = QuantSpec(dtype=dtype, symmetric=symmetric, rounding=rounding)
    params = params_from_range(low, high, spec, 1e-6)
    values = np.linspace(min(low, 0), max(high, 0), 50).astype(np.float32)
    scale = float(params.scale)
    error = np.abs(fake_quantize(values, params).astype(np.float64) - values)
    # Half a step, and at the ends of an asymmetric range half a step of the zero point more.
    limit = scale * (0.5 if symmetric else 1.0)
    assert np.all(error <= limit * (1 + 1e-3) + np.abs(values) * 2.0**-22)


@settings(deadline=None, max_examples=100)
@given(st.floats(1e-30, 1e30))
def test_powers_of_two_are_exact(high) -> None:
    spec = QuantSpec(symmetric=True, scale_kind=ScaleKind.POWER_OF_TWO)
    scale = float(params_from_range(0.0, high, spec, TINY).scale)
    assert np.frexp(scale)[0] == 0.5
    assert scale / 2 < high / 127 <= scale
