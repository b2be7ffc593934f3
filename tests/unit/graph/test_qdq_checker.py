"""Float operators in QDQ models that nobody asked for."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from toolchain.graph.qdq_checker import unasked_float_nodes

IN = "q = QuantizeLinear(x, s, z) d = DequantizeLinear(q, s, z)"
OUT = "o = QuantizeLinear(c, s, z) y = DequantizeLinear(o, s, z)"
WEIGHT = "w = DequantizeLinear(wq, s, z)"
CONSTANTS = {
    "s": np.float32(0.1),
    "z": np.int8(0),
    "wq": np.ones((2, 2, 1, 1), np.int8),
    "wf": np.ones((2, 2, 1, 1), np.float32),
    "cq": np.ones((2, 1, 1), np.int8),
    "two": np.ones(4, np.int64),
    "cf": np.ones((2, 1, 1), np.float32),
}

CASES = {
    "surrounded": (f"{IN} c = Sigmoid(d) {OUT}", []),
    "weight dequantized": (f"{IN} {WEIGHT} c = Conv(d, w) {OUT}", []),
    "activation absorbed": (f"{IN} {WEIGHT} e = Conv(d, w) c = Relu(e) {OUT}", []),
    "accumulator in float": (f"{IN} {WEIGHT} y = Conv(d, w)", []),
    "constant dequantized": (f"{IN} k = DequantizeLinear(cq, s, z) c = Add(d, k) {OUT}", []),
    "float weight": (f"{IN} c = Conv(d, wf) {OUT}", ["c"]),
    "float constant": (f"{IN} c = Add(d, cf) {OUT}", ["c"]),
    "float input": (f"c = Sigmoid(x) {OUT}", ["c"]),
    "float output": (f"{IN} y = Sigmoid(d)", ["y"]),
    "output read in float, too": (
        f"{IN} c = Sigmoid(d) n = Neg(c) k = Add(n, c) {OUT}",
        ["c", "n", "k"],
    ),
    "a chain": (f"{IN} e = Sigmoid(d) c = Tanh(e) {OUT}", ["e", "c"]),
    "activation behind a function": (
        f"{IN} e = Sin(d) f = Cos(e) c = Relu(f) {OUT}",
        ["e", "f", "c"],
    ),
    "no float data": (f"{IN} i = Add(two, two) c = Reshape(d, i) {OUT}", []),
}


@pytest.mark.parametrize(("body", "expected"), CASES.values(), ids=CASES)
def test_float_operators(
    make_text_model: Callable, graph_of: Callable, body: str, expected: list[str]
):
    used = {name: array for name, array in CONSTANTS.items() if name in body}
    graph = graph_of(make_text_model(body, "float[1,2,4,4] x", "float[A,B,C,D] y", **used))
    found = [node.name.removesuffix("_node") for node in unasked_float_nodes(graph, ())]
    assert found == expected
    assert unasked_float_nodes(graph, [f"{name}_node" for name in expected]) == ()
