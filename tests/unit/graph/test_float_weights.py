"""Biases that stand for the same numbers, where onnxruntime would quantize float weights."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx_ir as ir
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolchain.graph.float_weights import exact_integers, protect_float_weights


@settings(deadline=None, max_examples=200)
@given(st.lists(st.floats(-(2.0**99), 2.0**99, width=32), min_size=1, max_size=20))
def test_products_are_the_bias(values: list[float]):
    bias = np.array(values, np.float32)
    integers, scale = exact_integers(bias)
    assert np.abs(integers).max() <= 2**24
    assert np.all(scale >= np.finfo(np.float32).tiny)
    product = integers.astype(np.float32) * scale
    np.testing.assert_array_equal(
        product[np.abs(bias) >= 2.0**-102], bias[np.abs(bias) >= 2.0**-102]
    )
    assert np.all(np.abs(product - bias) <= 2.0**-127)


def test_numbers_by_hand():
    integers, scale = exact_integers(np.array([0.0, 1.0, -0.75], np.float32))
    # 1 = 0.5 * 2 = 2**23 * 2**-23; -0.75 = -(3 * 2**22) * 2**-24.
    assert integers.tolist() == [0, 2**23, -3 * 2**22]
    assert scale.tolist() == [1.0, 2.0**-23, 2.0**-24]


HEAD = "q = QuantizeLinear(x, s, z) d = DequantizeLinear(q, s, z)"
TAIL = "o = QuantizeLinear(c, s, z) y = DequantizeLinear(o, s, z)"
CONSTANTS = {
    "s": np.float32(0.1),
    "z": np.int8(0),
    "w": np.ones((3, 2, 1, 1), np.float32),
    "b": np.ones(3, np.float32),
}


@pytest.fixture
def operators(load: Callable, make_text_model: Callable) -> Callable[[str], list[str]]:
    """Operators behind `protect_float_weights`, in order."""

    def of(body: str, **constants: np.ndarray) -> list[str]:
        used = {**CONSTANTS, **constants}
        model: ir.Model = load(
            make_text_model(body, "float[1,2,4,4] x", "float[A,B,C,D] y", **used)
        )
        protect_float_weights(model)
        model.graph.sort()
        return [node.op_type for node in model.graph]

    return of


def test_bias_is_dequantized(operators: Callable):
    found = operators(f"{HEAD} c = Conv(d, w, b) {TAIL}")
    assert sorted(found) == sorted(
        ["QuantizeLinear", "DequantizeLinear"] * 2 + ["DequantizeLinear", "Conv"]
    )


UNTOUCHED = {
    "no dequantized input": f"c = Conv(x, w, b) {TAIL}",
    "no quantized output": f"{HEAD} y = Conv(d, w, b)",
    "a function between": f"{HEAD} e = Sigmoid(d) c = Conv(e, w, b) {TAIL}",
    "a function behind": f"{HEAD} e = Conv(d, w, b) c = Sigmoid(e) {TAIL}",
    "quantized weights": f"{HEAD} v = QuantizeLinear(w, s, z) u = DequantizeLinear(v, s, z) "
    f"c = Conv(d, u, b) {TAIL}",
    "computed bias": f"{HEAD} n = ReduceMax<keepdims=0>(x, axes) c = Conv(d, w, n) {TAIL}",
}


@pytest.mark.parametrize("body", UNTOUCHED.values(), ids=UNTOUCHED)
def test_what_onnxruntime_leaves_alone_is_left(operators: Callable, body: str):
    found = operators(
        body,
        axes=np.array([0, 2, 3]),
        w=np.ones((2, 2, 1, 1), np.float32),
        b=np.ones(2, np.float32),
    )
    assert found.count("DequantizeLinear") == body.count("DequantizeLinear")


@pytest.mark.parametrize(
    "between", ["Relu(e)", "Clip(e)", "Identity(e)", "MaxPool<kernel_shape=[1,1]>(e)"]
)
def test_quantization_is_found_behind(operators: Callable, between: str):
    assert (
        operators(f"{HEAD} e = Conv(d, w, b) c = {between} {TAIL}").count("DequantizeLinear") == 3
    )
