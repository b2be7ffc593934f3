"""What quantizers know of the ONNX operators."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from toolchain.core.dtypes import DType
from toolchain.core.graph_view import NodeView, ValueView
from toolchain.core.operators import TRAITS, data_inputs, traits, weight_axis, weight_input


def value(name: str, *shape: int, constant: bool = False) -> ValueView:
    array = np.zeros(shape, np.float32) if constant else None
    return ValueView(name=name, dtype=DType.FLOAT32, shape=shape, constant=array)


def node(
    op_type: str, *inputs: ValueView | None, domain: str = "", **attributes: object
) -> NodeView:
    return NodeView(
        name="n",
        op_type=op_type,
        domain=domain,
        inputs=inputs,
        outputs=(value("y"),),
        attributes=attributes,
    )


X = value("x", 1, 4, 8, 8)
W = value("w", 6, 4, 3, 3, constant=True)
B = value("b", 6, constant=True)


def names(found: tuple[tuple[int, ValueView], ...]) -> list[tuple[int, str]]:
    return [(index, item.name) for index, item in found]


def test_every_listed_operator_exists():
    for op_type, known in TRAITS.items():
        listed = onnx.defs.get_schema(op_type, 24).max_input
        positions = (*(known.data or ()), known.weight, known.bias)
        assert all(position < listed for position in positions if position is not None), op_type


def test_data_of_a_convolution():
    conv = node("Conv", X, W, B)
    assert names(data_inputs(conv)) == [(0, "x")]
    assert weight_input(conv) is W
    assert traits(conv).bias == 2


def test_computed_weight_is_no_weight():
    a, b = value("a", 2, 3), value("b", 3, 4)
    product = node("MatMul", a, b)
    assert weight_input(product) is None
    assert names(data_inputs(product)) == [(0, "a"), (1, "b")]


def test_constant_factor_of_a_product_is_its_weight():
    product = node("MatMul", value("a", 2, 3), value("w", 3, 4, constant=True))
    assert names(data_inputs(product)) == [(0, "a")]


def test_one_constant_as_both_factors():
    w = value("w", 3, 3, constant=True)
    assert names(data_inputs(node("MatMul", w, w))) == [(0, "w")]


def test_all_inputs_of_sums_and_concatenations():
    c = value("c", 4, 1, 1, constant=True)
    assert names(data_inputs(node("Add", X, c))) == [(0, "x"), (1, "c")]
    assert names(data_inputs(node("Concat", X, c, X))) == [(0, "x"), (1, "c"), (2, "x")]
    assert names(data_inputs(node("Where", value("m"), X, c))) == [(1, "x"), (2, "c")]


def test_parameters_are_no_data():
    assert names(data_inputs(node("Clip", X, B, B))) == [(0, "x")]
    assert names(data_inputs(node("Reshape", X, value("shape", 2)))) == [(0, "x")]
    assert names(data_inputs(node("Resize", X, None, B))) == [(0, "x")]


@pytest.mark.parametrize(
    ("op_type", "shape", "attributes", "axis"),
    [
        ("Conv", (6, 4, 3, 3), {}, 0),
        ("ConvTranspose", (4, 6, 3, 3), {}, 1),
        ("Gemm", (4, 6), {}, 1),
        ("Gemm", (6, 4), {"transB": 1}, 0),
        ("MatMul", (4, 6), {}, 1),
        ("MatMul", (2, 3, 4, 6), {}, 3),
        ("MatMul", (4,), {}, 0),
    ],
)
def test_weight_axes(op_type: str, shape: tuple[int, ...], attributes: dict, axis: int):
    weight = value("w", *shape, constant=True)
    assert weight_axis(node(op_type, X, weight, **attributes)) == axis


def test_movements():
    assert traits(node("MaxPool", X)).moves
    assert traits(node("Resize", X)).moves
    assert traits(node("Resize", X, mode="nearest")).moves
    assert not traits(node("Resize", X, mode="linear")).moves
    assert not traits(node("Relu", X)).moves


def test_other_domains_have_no_traits():
    assert traits(node("Concat", X, domain="com.example")).data == (0,)
    assert traits(node("Concat", X, domain="ai.onnx")).data is None
