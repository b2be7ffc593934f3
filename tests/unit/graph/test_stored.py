"""Parameters read off a QDQ graph."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from toolchain.graph.stored import StoredTensors

BODY = """
    q = QuantizeLinear(x, xs, xz) d = DequantizeLinear(q, xs, xz)
    w = DequantizeLinear<axis=0>(wq, ws, wz)
    c = Conv(d, w) r = Relu(c)
    p = QuantizeLinear(r, ys, yz) y = DequantizeLinear(p, ys, yz)
"""


def test_tensors_and_nodes(make_text_model: Callable, graph_of: Callable):
    model = make_text_model(
        BODY,
        "float[1,2,4,4] x",
        "float[1,2,4,4] y",
        xs=np.float32(0.25),
        xz=np.int8(3),
        wq=np.ones((2, 2, 1, 1), np.int8),
        ws=np.array([0.5, 0.3], np.float32),
        wz=np.zeros(2, np.int8),
        ys=np.float32(2.0),
        yz=np.int8(0),
    )
    stored = StoredTensors(graph_of(model))
    x, weight, y = stored.tensors
    assert (x.name, x.positions, x.zero_point.tolist(), x.axis) == ("q", (2,), [3], None)
    assert (weight.positions, weight.axis, weight.is_constant) == ((1, None), 0, True)
    assert (y.positions, y.is_constant) == ((-1,), False)
    conv, relu = stored.nodes
    assert (conv.inputs, conv.outputs) == ((x, weight), (None,))
    assert (relu.inputs, relu.outputs) == ((None,), (y,))
