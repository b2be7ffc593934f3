"""Models in 16-bit floats."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import ml_dtypes
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from toolchain.core.dtypes import DType
from toolchain.core.options import InputOptions, OptimizeOptions
from toolchain.core.samples import InputSpec, SampleStore
from toolchain.graph.inputs import input_specs
from toolchain.graph.optimize import optimize
from toolchain.graph.passes import PASSES
from toolchain.graph.session import open_session, run
from toolchain.graph.view import read_view

WEIGHT = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float16)


def half_model(element: int = TensorProto.FLOAT16) -> onnx.ModelProto:
    """Gemm, a Cast there and back, a constant filled by shape, all in 16 bits."""
    weight = WEIGHT if element == TensorProto.FLOAT16 else WEIGHT.astype(ml_dtypes.bfloat16)
    one = helper.make_tensor("one", element, [1], [1.5])
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["a"], "product"),
        helper.make_node("Cast", ["a"], ["b"], "wide", to=TensorProto.FLOAT),
        helper.make_node("Cast", ["b"], ["c"], "narrow", to=element),
        helper.make_node("ConstantOfShape", ["size"], ["d"], "filled", value=one),
        helper.make_node("Add", ["c", "d"], ["y"], "sum"),
    ]
    constants = [
        helper.make_tensor("w", element, [4, 3], weight.tobytes(), raw=True),
        numpy_helper.from_array(np.array([3], np.int64), "size"),
    ]
    graph = helper.make_graph(
        nodes,
        "half",
        [helper.make_tensor_value_info("x", element, [2, 4])],
        [helper.make_tensor_value_info("y", element, [2, 3])],
        constants,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


@pytest.mark.parametrize("element", [TensorProto.FLOAT16, TensorProto.BFLOAT16])
def test_everything_is_float32(tmp_path: Path, element: int):
    onnx.save(half_model(element), tmp_path / "half.onnx")
    (spec,) = input_specs(tmp_path / "half.onnx", (InputOptions(),))
    assert spec == InputSpec(name="x", dtype="float32", shape=(2, 4))
    x = np.random.default_rng(1).standard_normal((2, 4)).astype(np.float32)
    (tmp_path / "samples").mkdir()
    x.tofile(tmp_path / "samples" / "input_0.bin")
    samples = SampleStore(folder=tmp_path / "samples", inputs=(spec,), names=("0",))
    path = tmp_path / "float.onnx"
    _, report = optimize(
        tmp_path / "half.onnx", path, (InputOptions(),), OptimizeOptions(), PASSES, samples
    )
    assert report.halves == 3  # input, output and weight; the rest is not declared
    assert report.samples == 1
    graph = read_view(path)
    assert {value.dtype for value in graph.values.values()} <= {DType.FLOAT32, DType.INT64}
    weight = WEIGHT if element == TensorProto.FLOAT16 else WEIGHT.astype(ml_dtypes.bfloat16)
    exact = x @ weight.astype(np.float32) + np.float32(1.5)
    np.testing.assert_allclose(run(open_session(path), {"x": x})["y"], exact, rtol=1e-5, atol=1e-6)


def test_float32_stays_as_it_is(graph_of: Callable, make_text_model: Callable):
    constant = np.random.default_rng(0).standard_normal(4).astype(np.float32)
    graph = graph_of(make_text_model("y = Add(x, c)", "float[4] x", "float[4] y", c=constant))
    np.testing.assert_array_equal(graph.values["c"].constant, constant)


def test_half_branches(tmp_path: Path):
    """What stands in the branches of an If is widened, too."""

    def branch(name: str, value: float) -> onnx.GraphProto:
        tensor = helper.make_tensor(f"{name}_value", TensorProto.FLOAT16, [2], [value, value])
        node = helper.make_node("Constant", [], [name], f"{name}_node", value=tensor)
        out = helper.make_tensor_value_info(name, TensorProto.FLOAT16, [2])
        return helper.make_graph([node], name, [], [out])

    nodes = [
        helper.make_node(
            "If", ["flag"], ["p"], "if", then_branch=branch("t", 1), else_branch=branch("e", 2)
        ),
        helper.make_node("Mul", ["p", "x"], ["y"], "product"),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [
            helper.make_tensor_value_info("flag", TensorProto.BOOL, []),
            helper.make_tensor_value_info("x", TensorProto.FLOAT16, [2]),
        ],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT16, [2])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    onnx.save(model, tmp_path / "half.onnx")
    optimize(tmp_path / "half.onnx", tmp_path / "f.onnx", (), OptimizeOptions(), PASSES, None)
    feeds = {"flag": np.array(False), "x": np.array([3, 4], np.float32)}
    found = run(open_session(tmp_path / "f.onnx"), feeds)["y"]
    assert found.tolist() == [6.0, 8.0]
