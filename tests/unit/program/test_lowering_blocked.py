"""Weights of 4 bits with one scale per block, from the plan to the integers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from tc_target_riscv.facts import SPEC
from toolchain.core.dtypes import DType
from toolchain.core.options import QuantizeOptions
from toolchain.core.quant import PerBlock, PerChannel
from toolchain.core.target import Requantization
from toolchain.errors import Code, CompileError
from toolchain.graph.absorb import absorb_qdq
from toolchain.graph.view import read_view
from toolchain.program.lowering import lower
from toolchain.program.records import BlockedConv, BlockedMatMul, Conv, Program, Requantize, ToFloat
from toolchain.program.serialize import load_program, save_program
from toolchain.quantization.precision import NodePrecision

WIDE = replace(
    SPEC,
    weight_dtypes=(DType.INT8, DType.INT4, DType.UINT4, DType.FLOAT32),
    weight_block_sizes=(2, 4, 8),
)
RNG = np.random.default_rng(5)


def normal(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


def blocks(size: int = 4, dtype: DType = DType.INT4) -> QuantizeOptions:
    return QuantizeOptions(
        algorithms=(), method="minmax", weight_dtype=dtype, weight_block_size=size
    )


CASES = {
    "convolution": ("y = Conv<pads=[1,1,1,1]>(x, w, b)", "float[2,8,5,5] x", (6, 8, 3, 3), 6),
    "strides and groups": (
        "y = Conv<group=2, strides=[2,1], dilations=[1,2], pads=[0,1,2,1]>(x, w, b)",
        "float[1,16,6,7] x",
        (4, 8, 3, 2),
        4,
    ),
    "one axis": ("y = Conv(x, w, b)", "float[1,8,9] x", (3, 8, 4), 3),
    "Gemm": ("y = Gemm(x, w, b)", "float[3,8] x", (8, 5), 5),
    "transposed Gemm": ("y = Gemm<transB=1>(x, w, b)", "float[3,12] x", (5, 12), 5),
}


@pytest.mark.parametrize("dtype", [DType.INT4, DType.UINT4])
@pytest.mark.parametrize("case", CASES)
def test_integers_are_those_of_onnxruntime(
    build: Callable, compare_layers: Callable, make_text_model: Callable, case: str, dtype: DType
):
    body, inputs, shape, channels = CASES[case]
    outputs = "float[A,B] y" if "Gemm" in body else "float[A,B,C,D] y"
    outputs = "float[A,B,C] y" if len(shape) == 3 else outputs
    model = make_text_model(body, inputs, outputs, w=normal(*shape), b=normal(channels))
    built = build(model, target=WIDE, options=blocks(dtype=dtype))
    kinds = [type(op).__name__ for op in built.program.operations]
    assert kinds == ["Quantize", "BlockedMatMul" if "Gemm" in body else "BlockedConv", "Dequantize"]
    assert built.params.values["w"].spec.dtype is dtype
    compare_layers(built.qdq_path, built.program, built.samples, 8).check()


def test_a_stack_of_matrices(build: Callable, compare_layers: Callable, make_text_model: Callable):
    model = make_text_model(
        "y = MatMul(x, w)", "float[2,3,8] x", "float[A,B,C] y", w=normal(2, 8, 4)
    )
    built = build(model, target=WIDE, options=blocks())
    assert built.params.values["w"].scale.shape == (2, 2, 4)
    compare_layers(built.qdq_path, built.program, built.samples).check()


def test_activations_are_absorbed_and_float_is_handed_out(
    build: Callable, compare_layers: Callable, make_text_model: Callable
):
    model = make_text_model(
        "c = Conv(x, w, b) r = Relu(c) y = Conv(r, v)",
        "float[1,8,4,4] x",
        "float[A,B,C,D] y",
        w=normal(8, 8, 1, 1),
        b=normal(8),
        v=normal(2, 8, 1, 1),
    )
    asked = {"y_node": NodePrecision(output_dtype=DType.FLOAT32)}
    built = build(model, target=WIDE, options=blocks(), precision=asked)
    first, second = (op for op in built.program.operations if isinstance(op, BlockedConv))
    assert isinstance(first.finish, Requantize)
    assert first.finish.low == built.params.values["r"].zero_point
    assert isinstance(second.finish, ToFloat)
    compare_layers(built.qdq_path, built.program, built.samples).check()


def test_short_weights_have_one_scale_per_channel(build: Callable, make_text_model: Callable):
    """A depthwise weight has one input channel, a first one three: nothing to divide."""
    model = make_text_model(
        "a = Conv(x, w) c = Conv<group=8>(a, v) y = Conv(c, u)",
        "float[1,3,4,4] x",
        "float[A,B,C,D] y",
        w=normal(8, 3, 1, 1),
        v=normal(8, 1, 3, 3),
        u=normal(2, 8, 1, 1),
    )
    built = build(model, target=WIDE, options=blocks())
    found = {name: built.plan.specs[name].granularity for name in "wvu"}
    assert found == {"w": PerChannel(0), "v": PerChannel(0), "u": PerBlock(1, 4)}
    kinds = [type(op) for op in built.program.operations if "Conv" in type(op).__name__]
    assert kinds == [Conv, Conv, BlockedConv]


def by_hand(integers: np.ndarray, x: np.ndarray, finish: Requantize, program: Program):
    """Two blocks of two rows, in the order of docs/numerics.md."""
    op = next(op for op in program.operations if isinstance(op, BlockedMatMul))
    factor, bias = (program.constants[name] for name in (finish.factor, op.bias))
    total = np.broadcast_to(bias, (len(x), integers.shape[1])).astype(np.float32)
    for block in range(2):
        rows = slice(2 * block, 2 * block + 2)
        acc = (x.astype(np.int64) - op.a_zero_point)[:, rows] @ integers.astype(np.int64)[rows]
        total = total + acc.astype(np.float32) * factor[block]
    return np.clip(np.rint(total) + finish.zero_point, finish.low, finish.high)


def test_the_order_of_sums(build: Callable, make_text_model: Callable):
    model = make_text_model(
        "y = Gemm(x, w, b)", "float[4,4] x", "float[A,B] y", w=normal(4, 3), b=normal(3)
    )
    built = build(model, target=WIDE, options=blocks(2))
    quantize, product, _ = built.program.operations
    part = replace(
        built.program, inputs=quantize.outputs, outputs=product.outputs, operations=(product,)
    )
    from toolchain.program.interpreter import Interpreter

    x = RNG.integers(-128, 128, (4, 4)).astype(np.int8)
    (found,) = Interpreter(part, threads=1).run({quantize.outputs[0]: x}).values()
    weight = built.program.constants[product.b]
    np.testing.assert_array_equal(found, by_hand(weight, x, product.finish, built.program))


def test_records_survive_the_file(build: Callable, make_text_model: Callable, tmp_path):
    model = make_text_model(
        "c = Conv(x, w, b) f = Flatten(c) y = Gemm(f, v)",
        "float[1,8,2,2] x",
        "float[A,B] y",
        w=normal(4, 8, 2, 2),
        b=normal(4),
        v=normal(4, 3),
    )
    built = build(model, target=WIDE, options=blocks(2))
    save_program(built.program, tmp_path, "m")
    loaded = load_program(tmp_path, "m")
    assert loaded.operations == built.program.operations


def test_a_model_that_brings_blocks(
    build: Callable,
    compare_layers: Callable,
    make_text_model: Callable,
    graph_of: Callable,
    tmp_path,
):
    """Integers, scales and zero points of the incoming model are those of the program."""
    model = make_text_model("y = Gemm(x, w)", "float[2,6] x", "float[A,B] y", w=normal(6, 3))
    first = build(model, target=WIDE, options=blocks(2, DType.UINT4))
    import onnx

    graph_of(onnx.load(first.qdq_path))
    fixed = dict(absorb_qdq(tmp_path / "float.onnx", tmp_path / "absorbed.onnx"))
    (tmp_path / "absorbed.onnx").replace(tmp_path / "float.onnx")
    again = build(
        read_view(tmp_path / "float.onnx"), target=WIDE, fixed=fixed, samples=first.samples
    )
    assert again.params.values["w"].same_numbers(first.params.values["w"])
    for name, array in first.program.constants.items():
        np.testing.assert_array_equal(again.program.constants[name], array)
    compare_layers(again.qdq_path, again.program, again.samples).check()


def test_a_short_last_block_of_an_incoming_model(
    make_text_model: Callable,
    graph_of: Callable,
    compare_layers: Callable,
    build: Callable,
    tmp_path,
):
    """5 rows in blocks of 2: the last block has one. Written by hand, read like any other."""
    s, z = np.float32(0.05), np.int8(3)
    model = make_text_model(
        "q = QuantizeLinear(x, s, z) d = DequantizeLinear(q, s, z) "
        "w = DequantizeLinear<axis=0, block_size=2>(k, t) g = Gemm(d, w) "
        "r = QuantizeLinear(g, s, z) y = DequantizeLinear(r, s, z)",
        "float[2,5] x",
        "float[2,3] y",
        s=s,
        z=z,
        k=RNG.integers(-7, 8, (5, 3)).astype(np.int8),
        t=RNG.uniform(0.01, 0.05, (3, 3)).astype(np.float32),
    )
    graph_of(model)
    view = read_view(tmp_path / "float.onnx")
    program = lower(view, WIDE, "m")
    assert any(isinstance(op, BlockedMatMul) for op in program.operations)
    samples = build(make_text_model("y = Neg(x)", "float[2,5] x", "float[2,5] y")).samples
    graph_of(model)
    compare_layers(tmp_path / "float.onnx", program, samples).check()


def test_targets_without_float_multipliers(build: Callable, make_text_model: Callable):
    model = make_text_model("y = MatMul(x, w)", "float[2,8] x", "float[A,B] y", w=normal(8, 4))
    built = build(model, target=WIDE, options=blocks())
    from toolchain.program.lowering.blocked import lower_blocked
    from toolchain.program.lowering.builder import Builder

    shift = replace(WIDE, requantization=Requantization.SHIFT)
    graph = read_view(built.qdq_path)
    node = next(node for node in graph.nodes if node.op_type == "MatMul")
    with pytest.raises(CompileError, match="one scale per block") as caught:
        lower_blocked(Builder(graph, shift), node)
    assert caught.value.code is Code.LOWERING_FAILED
