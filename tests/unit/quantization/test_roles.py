"""Types of model inputs, model outputs, activations and weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from tc_target_riscv.facts import SPEC
from toolchain.core.dtypes import DType
from toolchain.core.options import PrecisionRule, QuantizeOptions
from toolchain.core.target import Requantization
from toolchain.errors import ConfigError
from toolchain.graph.view import read_view
from toolchain.quantization.roles import check_types

WIDE = replace(
    SPEC,
    activation_dtypes=(DType.INT8, DType.UINT8, DType.INT16, DType.UINT16, DType.FLOAT32),
    weight_dtypes=(DType.INT8, DType.INT4, DType.INT16, DType.FLOAT32),
    weight_block_sizes=(4, 16),
)
INT8, INT16, FLOAT32 = DType.INT8, DType.INT16, DType.FLOAT32


def options(**more: object) -> QuantizeOptions:
    return QuantizeOptions(algorithms=(), method="minmax", **more)


def weight(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def stored(built) -> dict[str, str]:
    """Type of every quantized tensor of the QDQ model."""
    graph = read_view(built.qdq_path)
    quantizers = (node for node in graph.nodes if node.op_type == "QuantizeLinear")
    return {
        node.outputs[0].name.removesuffix("/quantized"): node.outputs[0].dtype
        for node in quantizers
    }


@pytest.fixture
def model(make_text_model: Callable):
    """A convolution whose flattened result is handed out, and read by a sum."""
    return make_text_model(
        "c = Conv(x, w) y = Flatten(c) z = Add(c, c)",
        "float[1,4,3,3] x",
        "float[A,B] y, float[A,B,C,D] z",
        w=weight(6, 4, 2, 2),
    )


def test_an_input_in_another_type_is_converted_once_it_is_read(
    build: Callable, compare_layers: Callable, model
):
    built = build(model, target=WIDE, options=options(input_dtype=INT16))
    assert stored(built) == {"x": INT16, "x/c_node/0": INT8, "c": INT8, "y": INT8, "z": INT8}
    kinds = [type(op).__name__ for op in built.program.operations]
    assert kinds[:3] == ["Quantize", "Rescale", "Conv"]
    compare_layers(built.qdq_path, built.program, built.samples).check()


def test_movements_of_the_input_move_the_other_type(build: Callable, make_text_model: Callable):
    proto = make_text_model(
        "t = Flatten(x) y = Gemm(t, w)", "float[1,2,2] x", "float[A,B] y", w=weight(4, 3)
    )
    built = build(proto, target=WIDE, options=options(input_dtype=INT16))
    assert stored(built) == {"x": INT16, "x/t_node/0": INT8, "t": INT8, "y": INT8}


def test_an_input_in_float_is_quantized_where_it_is_read(
    build: Callable, compare_layers: Callable, model
):
    built = build(model, target=WIDE, options=options(input_dtype=FLOAT32))
    assert stored(built) == {"x/c_node/0": INT8, "c": INT8, "y": INT8, "z": INT8}
    compare_layers(built.qdq_path, built.program, built.samples).check()


def test_outputs_in_another_type_reach_back_through_movements(
    build: Callable, compare_layers: Callable, model
):
    """The convolution stores 16 bits, which Flatten moves; the sum reads 8 and stores 16."""
    built = build(model, target=WIDE, options=options(output_dtype=INT16))
    assert stored(built) == {
        "x": INT8,
        "c": INT16,
        "y": INT16,
        "c/z_node/0": INT8,
        "c/z_node/1": INT8,
        "z": INT16,
    }
    compare_layers(built.qdq_path, built.program, built.samples).check()


def test_outputs_in_float(build: Callable, compare_layers: Callable, make_text_model: Callable):
    """The accumulator of a product is handed out; a sum runs in float."""
    proto = make_text_model(
        "r = Relu(x) y = Gemm(r, w) z = Add(r, r)",
        "float[2,4] x",
        "float[A,B] y, float[A,B] z",
        w=weight(4, 3),
    )
    built = build(proto, target=WIDE, options=options(output_dtype=FLOAT32))
    assert stored(built) == {"x": INT8, "r": INT8}
    assert [row.node for row in built.report.islands] == ["z_node"]
    compare_layers(built.qdq_path, built.program, built.samples).check()


@pytest.mark.parametrize("dtype", [DType.INT16, DType.UINT16])
def test_activations_in_16_bits(build: Callable, make_text_model: Callable, dtype: DType):
    """With weights of 16 bits, too, onnxruntime is 50 times nearer to float than in 8 bits."""
    proto = make_text_model(
        "c = Conv(x, w, b) r = Relu(c) s = Sigmoid(r) m = Mul(r, s) f = Flatten(m) "
        "g = Gemm(f, v) y = Softmax(g)",
        "float[1,4,3,3] x",
        "float[A,B] y",
        w=weight(4, 4, 2, 2),
        b=weight(4),
        v=weight(16, 5),
    )
    noise, samples = {}, 8
    for chosen in (None, dtype):
        how = options(activation_dtype=chosen, weight_dtype=chosen and INT16)
        built = build(proto, target=WIDE, options=how, samples=samples)
        samples = built.samples
        types = set(stored(built).values())
        assert types == {chosen or INT8}
        exact, found = built.onnxruntime(qdq=False)["y"], built.onnxruntime()["y"]
        noise[chosen] = float(np.abs(exact - found).max())
    assert noise[dtype] < noise[None] / 50
    assert built.params.values["y"].spec.dtype is dtype
    assert float(built.params.values["y"].scale) == pytest.approx(2.0**-16, rel=1e-4)


def test_weights_in_4_bits(build: Callable, compare_layers: Callable, model):
    built = build(model, target=WIDE, options=options(weight_dtype=DType.INT4))
    integers = read_view(built.qdq_path).values["w/quantized"]
    assert integers.dtype is DType.INT4
    assert set(np.unique(integers.constant)) <= set(range(-7, 8))
    assert built.params.values["w"].scale.shape == (6,)
    compare_layers(built.qdq_path, built.program, built.samples).check()


def test_the_smallest_scale_of_weights(build: Callable, model):
    built = build(model, target=WIDE, options=options(min_weight_scale=0.25))
    assert set(built.params.values["w"].scale.tolist()) == {0.25}
    assert float(built.params.values["c"].scale) < 0.25


def problems(target=WIDE, rules: tuple[PrecisionRule, ...] = (), **more: object) -> list[str]:
    try:
        check_types(target, QuantizeOptions(**more), rules)
    except ConfigError as error:
        return [f"{problem.code} {problem.where}: {problem.allowed}" for problem in error.problems]
    return []


def test_types_within_the_facts_are_accepted():
    assert problems(activation_dtype=INT16, weight_dtype=DType.INT4, weight_block_size=16) == []
    rule = PrecisionRule(nodes=("a",), weight_dtype=DType.INT4)
    assert problems(rules=(rule,), weight_block_size=4, output_dtype=FLOAT32) == []


def test_types_beyond_the_facts_are_refused_with_what_there_is():
    assert problems(weight_dtype=DType.UINT4, activation_dtype=FLOAT32) == [
        "TC104 quantize.activation_dtype: int8, uint8, int16, uint16",
        "TC104 quantize.weight_dtype: int8, int4, int16",
    ]


def test_block_sizes_beyond_the_facts_or_without_4_bits():
    assert problems(weight_dtype=DType.INT4, weight_block_size=8) == [
        "TC104 quantize.weight_block_size: 4, 16"
    ]
    assert problems(weight_block_size=4) == ["TC109 quantize.weight_block_size: None"]
    shift = replace(WIDE, requantization=Requantization.SHIFT)
    assert problems(shift, weight_dtype=DType.INT4, weight_block_size=4) == [
        "TC104 quantize.weight_block_size: 4, 16"
    ]
