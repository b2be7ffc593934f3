"""Builds for a target that can store 4 and 16 bits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from tc_target_riscv.facts import SPEC
from toolchain.api import DType, TargetDef, hookimpl
from toolchain.errors import Code, QuantizationError, ToolchainError
from toolchain.graph.view import read_view
from toolchain.pipeline.build import TargetResult

WIDE = replace(
    SPEC,
    name="wide",
    activation_dtypes=(*SPEC.activation_dtypes, DType.INT16, DType.UINT16),
    weight_dtypes=(*SPEC.weight_dtypes, DType.INT4, DType.UINT4),
    weight_block_sizes=(2, 3),
)


class Wide:
    """A target like riscv with more types."""

    @hookimpl
    def tc_targets(self) -> list[TargetDef]:
        return [TargetDef(spec=WIDE)]


@pytest.fixture
def build(project: Any, plugins: Any) -> Callable[..., TargetResult]:
    """Build the small project for that target, with dots in keywords as `__`."""

    def run(until: str | None = None, **settings: Any) -> TargetResult:
        changed = project.changed(**settings)
        found = changed.run(until=until, targets=("wide",), manager=plugins(wide=Wide()))
        return found.targets[0]

    return run


def rows(result: TargetResult, role: str) -> dict[str, tuple[str, str]]:
    """Type and granularity of every stored tensor of a role."""
    return {
        row.value: (row.dtype, row.granularity) for row in result.quantize.rows if row.role == role
    }


def test_weights_in_4_bits_per_channel_and_per_block(build: Callable) -> None:
    """3 input channels of conv1 fit a block of 3; conv2 has 4, in two blocks of 2."""
    result = build(quantize__weight_dtype="int4")
    assert rows(result, "weight") == dict.fromkeys(("w1", "w2", "w3"), ("int4", "per_channel(0)"))
    result = build(
        quantize__weight_dtype="uint4",
        quantize__weight_block_size=2,
        mixed_precision__rules=[{"nodes": ["conv1"], "weight_dtype": "int8"}],
    )
    assert rows(result, "weight") == {
        "w1": ("int8", "per_channel(0)"),
        "w2": ("uint4", "per_block(1, 2)"),
        "w3": ("uint4", "per_block(1, 2)"),
    }
    assert result.check.passed
    assert {row.method for row in result.quantize.rows if row.dtype == "uint4"} == {"gain"}
    assert "w2" not in rows(result, "bias")  # a float bias is no integer
    assert len(rows(result, "bias")) == 1


def test_blocks_that_do_not_divide_are_named(build: Callable) -> None:
    with pytest.raises(ToolchainError) as caught:
        build(quantize__weight_dtype="int4", quantize__weight_block_size=3)
    (problem,) = caught.value.problems
    assert (problem.code, problem.where) == (
        Code.BAD_VALUE,
        "quantize.weight_block_size, weight w2",
    )


def test_inputs_and_outputs_in_16_bits(build: Callable) -> None:
    result = build(quantize__input_dtype="int16", quantize__output_dtype="uint16")
    stored = rows(result, "activation")
    assert {name: dtype for name, (dtype, _) in stored.items()} == {
        "x": "int16",
        "r1": "int8",
        "r2": "int8",
        "p": "int8",
        "f": "int8",
        "logits": "uint16",
    }
    assert rows(result, "conversion") == {"x -> conv1": ("int8", "per_tensor")}
    assert result.check.passed


def test_percentiles_differ_by_width(build: Callable) -> None:
    ranges = {}
    for name, settings in {
        "both": {"quantize__percentile": 0.9, "quantize__percentile_16bit": 0.9},
        "apart": {"quantize__percentile": 0.9, "quantize__percentile_16bit": 1.0},
    }.items():
        result = build(
            until="quantize",
            quantize__method="percentile",
            quantize__output_dtype="int16",
            **settings,
        )
        ranges[name] = {row.value: row.maximum for row in result.quantize.rows}
    assert ranges["both"]["r1"] == ranges["apart"]["r1"]
    assert ranges["both"]["logits"] < ranges["apart"]["logits"]


@pytest.mark.parametrize("dtype", ["int16", "uint16"])
def test_all_activations_in_16_bits(build: Callable, project: Any, dtype: str) -> None:
    """The QDQ model says so to onnxruntime, too."""
    result = build(until="quantize", quantize__activation_dtype=dtype)
    assert {found for found, _ in rows(result, "activation").values()} == {dtype}
    (model,) = (project.output / ".cache" / "quantize").glob("*/quantized.onnx")
    graph = read_view(model)
    quantizers = [node for node in graph.nodes if node.op_type == "QuantizeLinear"]
    assert {str(node.outputs[0].dtype) for node in quantizers} == {dtype}


def test_levels_leave_operators_in_float(build: Callable) -> None:
    result = build(quantize__precision_level=3)
    assert result.quantize.rows == ()
    assert result.quantize.integer_nodes == 0
    rule = [{"start": ["r2"], "precision_level": 3}]
    result = build(mixed_precision__rules=rule)
    assert [row.node for row in result.quantize.islands] == ["pool", "flatten", "fc"]
    assert {row.setting for row in result.effects} == {"precision_level = 3"}


def test_types_that_nothing_has(build: Callable) -> None:
    with pytest.raises(QuantizationError) as caught:
        build(quantize__precision_level=3, quantize__weight_dtype="int4")
    assert [problem.code for problem in caught.value.problems] == [Code.NO_EFFECT]


def test_a_model_with_half_precision_weights(
    build: Callable, project: Any, make_tiny: Callable[..., onnx.ModelProto]
) -> None:
    """It is built like the float32 model of the same numbers, with a warning."""
    model = make_tiny()
    for tensor in model.graph.initializer:
        half = numpy_helper.to_array(tensor).astype(np.float16)
        tensor.CopyFrom(numpy_helper.from_array(half, tensor.name))
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.elem_type = onnx.TensorProto.FLOAT16
    onnx.save(model, project.folder / "half.onnx")
    result = build(model="half.onnx")
    assert result.check.passed
    assert Code.HALF_PRECISION in {found.problem.code for found in result.diagnostics}
