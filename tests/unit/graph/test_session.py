"""onnxruntime opens what the toolchain writes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from toolchain.graph.session import open_session, run


def test_symmetric_int8_around_float_movement(make_text_model: Callable):
    """A rewriting of onnxruntime 1.31 refused this: DQ with zero point 0, a float Slice, no Q."""
    model = make_text_model(
        "q = QuantizeLinear(x, s, z) d = DequantizeLinear(q, s, z)"
        "y = Slice(d, starts, ends, axes, steps)",
        "float[4] x",
        "float[2] y",
        s=np.float32(0.5),
        z=np.int8(0),
        starts=np.array([0]),
        ends=np.array([4]),
        axes=np.array([0]),
        steps=np.array([2]),
    )
    session = open_session(model.SerializeToString())
    found = run(session, {"x": np.array([1.0, 2.0, 3.2, 4.0], np.float32)})
    assert found["y"].tolist() == [1.0, 3.0]
