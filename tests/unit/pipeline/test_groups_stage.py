"""Programs of one quantized model for other shapes of its input."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from toolchain.core.options import CompileOptions, ShapeGroup
from toolchain.errors import Code, CompileError
from toolchain.pipeline.stages.groups import group_programs
from toolchain.plugin.manager import PluginManager
from toolchain.program.interpreter import Interpreter
from toolchain.program.lowering import lower

RNG = np.random.default_rng(5)
SECTION = "compile.groups.0.input_shapes"


def model(folder: Path, tail: tuple[str, list[int] | None]) -> Path:
    """A quantized convolution, and an operator behind it with a constant of integers."""
    constants = {
        "sx": np.float32(0.05), "zx": np.uint8(120),
        "sw": np.float32(0.02), "zw": np.int8(0),
        "sy": np.float32(0.1), "zy": np.uint8(128),
        "w": RNG.integers(-50, 51, (4, 3, 3, 3)).astype(np.int8),
    }  # fmt: skip
    op, numbers = tail
    node = helper.make_node
    last = node(op, ["c"], ["t"], "tail")
    if numbers is not None:
        constants["numbers"] = np.array(numbers, np.int64)
        last.input.append("numbers")
    nodes = [
        node("QuantizeLinear", ["x", "sx", "zx"], ["xq"], "qx"),
        node("DequantizeLinear", ["xq", "sx", "zx"], ["xd"], "dx"),
        node("DequantizeLinear", ["w", "sw", "zw"], ["wd"], "dw"),
        node("Conv", ["xd", "wd"], ["cf"], "conv", kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        node("QuantizeLinear", ["cf", "sy", "zy"], ["cq"], "qc"),
        node("DequantizeLinear", ["cq", "sy", "zy"], ["c"], "dc"),
        last,
        node("QuantizeLinear", ["t", "sy", "zy"], ["tq"], "qt"),
        node("DequantizeLinear", ["tq", "sy", "zy"], ["y"], "dt"),
    ]
    graph = helper.make_graph(
        nodes,
        "model",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 3, 8, 8))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(v), name) for name, v in constants.items()],
    )
    opset = [helper.make_opsetid("", 21)]
    proto = helper.make_model(graph, ir_version=10, opset_imports=opset)
    onnx.save(proto, folder / "model.onnx")
    return folder / "model.onnx"


def context(*shapes: dict[str, tuple[int, ...]]) -> Any:
    groups = tuple(ShapeGroup(input_shapes=shape) for shape in shapes)
    npu = PluginManager.load().targets()["npu"]
    return SimpleNamespace(
        options=SimpleNamespace(compile=CompileOptions(groups=groups)),
        hooks=SimpleNamespace(lower=lambda r: lower(r.graph, r.target, r.name)),
        target=npu.facts("ax650", npu.options()),
        name="model",
    )


def test_every_group_has_its_shapes_and_the_same_constants(tmp_path):
    path = model(tmp_path, ("GlobalMaxPool", None))
    asked = context({"x": (1, 3, 12, 6)}, {"x": (1, 3, 4, 20)})
    first, second = group_programs(asked, path, tmp_path)
    assert first.tensors["cq"].shape == (1, 4, 12, 6)
    assert second.tensors["cq"].shape == (1, 4, 4, 20)
    weights = numpy_helper.to_array(onnx.load(path).graph.initializer[6])
    for program in (first, second):
        assert any(np.array_equal(array, weights) for array in program.constants.values())
    assert first.constants.keys() == second.constants.keys()
    for name, array in first.constants.items():
        np.testing.assert_array_equal(second.constants[name], array)


def test_a_group_computes_what_the_model_does_in_its_shape(tmp_path):
    path = model(tmp_path, ("GlobalMaxPool", None))
    (program,) = group_programs(context({"x": (1, 3, 5, 7)}), path, tmp_path)
    proto = onnx.load(path)
    dims = proto.graph.input[0].type.tensor_type.shape.dim
    dims[2].dim_value, dims[3].dim_value = 5, 7
    session = onnxruntime.InferenceSession(
        proto.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    x = RNG.normal(0, 3, (1, 3, 5, 7)).astype(np.float32)
    (expected,) = session.run(["y"], {"x": x})
    np.testing.assert_array_equal(Interpreter(program).run({"x": x})["y"], expected)


@pytest.mark.parametrize(
    ("tail", "shapes", "code", "place"),
    [
        (("Reshape", [1, 256]), {"x": (1, 3, 12, 6)}, Code.PROGRAM_INVALID, f"tail, {SECTION}"),
        (("Relu", None), {"z": (1, 3, 12, 6)}, Code.NO_MATCH, SECTION),
        (("Relu", None), {"x": (1, 12, 6)}, Code.BAD_VALUE, f"{SECTION}.x"),
        (("Relu", None), {"x": (1, 3, 8, 8)}, Code.NO_EFFECT, f"{SECTION}.x"),
        (("Relu", None), {"x": (1, 5, 8, 8)}, Code.PROGRAM_INVALID, f"conv, {SECTION}"),
    ],
)
def test_shapes_that_the_model_cannot_have(tmp_path, tail, shapes, code, place):
    path = model(tmp_path, tail)
    with pytest.raises(CompileError) as caught:
        group_programs(context(shapes), path, tmp_path)
    (problem,) = caught.value.problems
    assert (problem.code, problem.where) == (code, place)
    assert problem.hint
