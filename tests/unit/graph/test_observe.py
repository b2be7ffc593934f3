"""Models that only show some values."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort

from toolchain.graph.observe import write_observed
from toolchain.graph.save import save_model


def test_other_constants_and_other_outputs(load: Callable, make_model: Callable, tmp_path: Path):
    proto = make_model(
        "a = Mul(x, k) b = Add(a, x) y = Neg(b)",
        "float[1,2] x",
        "float[1,2] y",
        k=np.array([[1, 2]], np.float32),
    )
    save_model(load(proto), tmp_path / "model.onnx")
    new = {"k": np.array([[5, 7]], np.float32)}
    path = write_observed(tmp_path / "model.onnx", new, ["x", "b", "a"], tmp_path / "o.onnx").path
    assert [item.name for item in onnx.load(path).graph.output] == ["b", "a"]
    x = np.array([[1, 10]], np.float32)
    b, a = ort.InferenceSession(path).run(None, {"x": x})
    np.testing.assert_array_equal(a, [[5, 70]])
    np.testing.assert_array_equal(b, [[6, 80]])


def test_an_output_may_be_watched_too(load: Callable, make_model: Callable, tmp_path: Path):
    proto = make_model("a = Neg(x) y = Neg(a)", "float[1,2] x", "float[1,2] y")
    save_model(load(proto), tmp_path / "model.onnx")
    path = write_observed(tmp_path / "model.onnx", {}, ["y"], tmp_path / "o.onnx").path
    assert [item.name for item in onnx.load(path).graph.output] == ["y"]
