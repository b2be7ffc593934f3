"""Normalizing operators become one operation that computes what onnxruntime does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from tc_target_riscv.facts import SPEC
from toolchain.core.dtypes import DType
from toolchain.core.graph_view import GraphView
from toolchain.core.quant import QuantSpec
from toolchain.core.target import OpSupport
from toolchain.graph.view import read_view
from toolchain.program.records import FloatOp, Normalize

RANDOM = np.random.default_rng(3)
IMAGE, IMAGE_OUT = "float[2,4,9,7] x", "float[2,4,9,7] y"
ROWS, ROWS_OUT = "float[2,5,24] x", "float[2,5,24] y"


def numbers(*shape: int) -> np.ndarray:
    """Normally distributed around 1, as scales are."""
    return (RANDOM.standard_normal(shape) + 1.0).astype(np.float32)


CASES = {
    "layer": ("LayerNormalization(x, g, b)", ROWS, {"g": numbers(24), "b": numbers(24)}),
    "layer without bias": ("LayerNormalization(x, g)", ROWS, {"g": numbers(24)}),
    "layer over two axes": (
        "LayerNormalization <axis=-2, epsilon=0.1> (x, g, b)",
        ROWS,
        {"g": numbers(5, 24), "b": numbers(5, 24)},
    ),
    "root mean square": ("RMSNormalization(x, g)", ROWS, {"g": numbers(24)}),
    "instance": (
        "InstanceNormalization <epsilon=0.01> (x, g, b)",
        IMAGE,
        {"g": numbers(4), "b": numbers(4)},
    ),
    "group": (
        "GroupNormalization <num_groups=2> (x, g, b)",
        IMAGE,
        {"g": numbers(4), "b": numbers(4)},
    ),
}

TARGET = replace(SPEC, ops={**SPEC.ops, "RMSNormalization": OpSupport()})


@pytest.fixture
def shaped(tmp_path: Path, graph_of: Callable) -> Callable[[onnx.ModelProto], GraphView]:
    """The graph of a model with its output's shape, which onnx infers of most operators only."""

    def make(proto: onnx.ModelProto) -> GraphView:
        graph_of(proto)
        normalized = onnx.load(tmp_path / "float.onnx")
        normalized.graph.output[0].CopyFrom(proto.graph.output[0])
        onnx.save(normalized, tmp_path / "float.onnx")
        return read_view(tmp_path / "float.onnx")

    return make


@pytest.mark.parametrize("dtype", [DType.INT8, DType.UINT8, DType.INT16])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_one_operation_on_integers(
    make_text_model: Callable,
    shaped: Callable,
    build: Callable,
    compare_layers: Callable,
    case: tuple[str, str, dict[str, np.ndarray]],
    dtype: DType,
):
    body, inputs, constants = case
    outputs = IMAGE_OUT if inputs == IMAGE else ROWS_OUT
    activation = QuantSpec(dtype=dtype, symmetric=dtype is DType.INT16)
    graph = shaped(make_text_model(f"y = {body}", inputs, outputs, **constants))
    built = build(graph, target=replace(TARGET, activation=activation))
    kinds = [type(op).__name__ for op in built.program.operations]
    assert kinds == ["Quantize", "Normalize", "Dequantize"]
    # 16 bits are finer than what float32 operations of another order agree on.
    share = 0.999 if dtype is not DType.INT16 else 0.9
    compare_layers(built.qdq_path, built.program, built.samples).check(share=share)


def test_scale_and_bias_stay_float_numbers(make_text_model: Callable, build: Callable):
    body, inputs, constants = CASES["layer"]
    built = build(make_text_model(f"y = {body}", inputs, ROWS_OUT, **constants))
    op = built.program.operations[1]
    assert isinstance(op, Normalize)
    scale = built.params.values["y"].scale
    np.testing.assert_array_equal(built.program.constants[op.gain], constants["g"] / scale)
    np.testing.assert_array_equal(built.program.constants[op.offset], constants["b"] / scale)
    assert not {"g", "b"} & set(built.params.values)


def test_computed_scale_runs_in_float(make_text_model: Callable, build: Callable):
    built = build(make_text_model("y = LayerNormalization(x, x)", "float[24] x", "float[C] y"))
    assert [op.op_type for op in built.program.operations if isinstance(op, FloatOp)] == [
        "LayerNormalization"
    ]
