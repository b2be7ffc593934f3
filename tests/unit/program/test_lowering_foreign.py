"""QDQ models that somebody else wrote: onnxruntime's quantizer, and forms by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from tc_target_riscv.facts import SPEC
from toolchain.core.dtypes import Array, DType
from toolchain.errors import Code, CompileError, UnsupportedOpError
from toolchain.graph.load import load_model
from toolchain.graph.normalize import normalize
from toolchain.graph.save import save_model
from toolchain.graph.view import read_view
from toolchain.program.interpreter import Interpreter
from toolchain.program.lowering import lower
from toolchain.program.records import Program

BODY = """
    c1 = Conv <pads=[1,1,1,1]> (x, w1, b1)
    r1 = Relu(c1)
    c2 = Conv <group=8, strides=[2,2]> (r1, w2, b2)
    k2 = Clip(c2, zero, six)
    m = MaxPool <kernel_shape=[2,2]> (k2)
    s = Sigmoid(m)
    p = Mul(m, s)
    q = Add(p, m)
    j = Concat <axis=1> (q, p)
    g = GlobalAveragePool(j)
    f = Flatten(g)
    z = Gemm <transB=1> (f, w3, b3)
    y = Softmax(z)
"""


def constants() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(5)

    def normal(*shape: int) -> np.ndarray:
        return (rng.standard_normal(shape) * 0.4).astype(np.float32)

    return {
        "w1": normal(8, 3, 3, 3),
        "b1": normal(8),
        "w2": normal(8, 1, 3, 3),
        "b2": normal(8),
        "w3": normal(5, 16),
        "b3": normal(5),
        "zero": np.float32(0),
        "six": np.float32(6),
    }


class Reader(CalibrationDataReader):
    """Five random inputs."""

    def __init__(self) -> None:
        rng = np.random.default_rng(2)
        self._feeds: Iterator[dict[str, Array]] = iter(
            [{"x": rng.standard_normal((1, 3, 12, 10)).astype(np.float32)} for _ in range(5)]
        )

    def get_next(self) -> dict[str, Array] | None:
        return next(self._feeds, None)


def lowered(path: Path, folder: Path) -> tuple[Path, Program]:
    """The program of a model as a user brings it."""
    normal = folder / "normal.onnx"
    save_model(normalize(load_model(path), {}), normal)
    return normal, lower(read_view(normal), SPEC, "foreign")


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("dtype", [QuantType.QInt8, QuantType.QUInt8])
def test_models_of_onnxruntimes_quantizer(
    make_text_model: Callable,
    compare_layers: Callable,
    tmp_path: Path,
    dtype: QuantType,
    per_channel: bool,
):
    proto = make_text_model(BODY, "float[1,3,12,10] x", "float[N,M] y", opset=17, **constants())
    onnx.save(proto, tmp_path / "given.onnx")
    quantize_static(
        tmp_path / "given.onnx",
        tmp_path / "foreign.onnx",
        Reader(),
        quant_format=QuantFormat.QDQ,
        activation_type=dtype,
        weight_type=QuantType.QInt8,
        per_channel=per_channel,
    )
    normal, program = lowered(tmp_path / "foreign.onnx", tmp_path)
    kinds = {type(op).__name__ for op in program.operations}
    assert "FloatOp" not in kinds
    feeds = [Reader().get_next() for _ in range(3)]
    samples = _Feeds(feeds)
    layers = compare_layers(normal, program, samples)
    layers.check()


class _Feeds:
    """Stands for a sample store."""

    def __init__(self, feeds: list[dict[str, Array]]) -> None:
        self._feeds = feeds

    def batches(self, limit: int) -> list[dict[str, Array]]:
        return self._feeds[:limit]


def hand_made(
    folder: Path,
    nodes: list[onnx.NodeProto],
    x: tuple[int, list[int]],
    y: tuple[int, list[int]],
    **arrays: np.ndarray,
) -> tuple[Path, Program]:
    """Write, normalize and lower a graph of protobuf nodes from x to y."""
    graph = helper.make_graph(
        nodes,
        "hand",
        [helper.make_tensor_value_info("x", *x)],
        [helper.make_tensor_value_info("y", *y)],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in arrays.items()],
    )
    opsets = [helper.make_opsetid("", 21)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=10), folder / "hand.onnx")
    return lowered(folder / "hand.onnx", folder)


def node(op_type: str, inputs: list[str], output: str, **attributes: object) -> onnx.NodeProto:
    return helper.make_node(op_type, inputs, [output], name=f"{output}_node", **attributes)


FLOAT, INT8, UINT8 = TensorProto.FLOAT, TensorProto.INT8, TensorProto.UINT8


@pytest.mark.parametrize("shape", [(), (1,)])
def test_scales_of_one_element_and_missing_zero_points(
    tmp_path: Path, compare_layers: Callable, shape: tuple[int, ...]
):
    normal, program = hand_made(
        tmp_path,
        [
            node("QuantizeLinear", ["x", "s"], "q"),
            node("DequantizeLinear", ["q", "s"], "d"),
            node("Sigmoid", ["d"], "e"),
            node("QuantizeLinear", ["e", "t", "z"], "r"),
            node("DequantizeLinear", ["r", "t", "z"], "y"),
        ],
        (FLOAT, [2, 9]),
        (FLOAT, [2, 9]),
        s=np.full(shape, 0.01, np.float32),
        t=np.full(shape, 0.004, np.float32),
        z=np.full(shape, -128, np.int8),
    )
    assert program.tensors["q"].dtype is DType.UINT8
    assert program.tensors["r"].zero_point == -128
    feeds = [{"x": np.linspace(-1, 4, 18, dtype=np.float32).reshape(2, 9)}]
    compare_layers(normal, program, _Feeds(feeds)).check(share=1.0)


# The product of two differences to the zero point fits int32 for int16, not for uint16.
@pytest.mark.parametrize(
    ("dtype", "number", "product"),
    [
        (DType.INT16, TensorProto.INT16, ["Binary"]),
        (DType.UINT16, TensorProto.UINT16, ["Dequantize", "FloatOp", "Quantize"]),
    ],
)
def test_wide_activations(
    tmp_path: Path, compare_layers: Callable, dtype: DType, number: int, product: list[str]
):
    zero = np.array(7, dtype.numpy)
    normal, program = hand_made(
        tmp_path,
        [
            node("QuantizeLinear", ["x", "s", "z"], "q"),
            node("DequantizeLinear", ["q", "s", "z"], "d"),
            node("Mul", ["d", "d"], "m"),
            node("QuantizeLinear", ["m", "s", "z"], "p"),
            node("DequantizeLinear", ["p", "s", "z"], "n"),
            node("Add", ["n", "d"], "a"),
            node("QuantizeLinear", ["a", "t"], "r", output_dtype=number),
            node("DequantizeLinear", ["r", "t"], "y"),
        ],
        (FLOAT, [2, 9]),
        (FLOAT, [2, 9]),
        s=np.float32(0.0003),
        t=np.float32(0.0007),
        z=zero,
    )
    kinds = [type(op).__name__ for op in program.operations]
    assert kinds == ["Quantize", *product, "Binary", "Dequantize"]
    feeds = [{"x": np.linspace(0, 3, 18, dtype=np.float32).reshape(2, 9)}]
    compare_layers(normal, program, _Feeds(feeds)).check(share=0.9)


def test_integer_inputs_and_outputs(tmp_path: Path):
    _, program = hand_made(
        tmp_path,
        [
            node("DequantizeLinear", ["x", "s", "z"], "d"),
            node("Neg", ["d"], "n"),
            node("QuantizeLinear", ["n", "s", "z"], "y"),
        ],
        (INT8, [5]),
        (INT8, [5]),
        s=np.float32(0.5),
        z=np.int8(1),
    )
    assert [type(op).__name__ for op in program.operations] == ["Table"]
    x = np.array([-128, -1, 0, 1, 127], np.int8)
    y = Interpreter(program).run({"x": x})["y"]
    # real = (x - 1) / 2, negated; y = real * 2 + 1, saturated.
    assert y.tolist() == [127, 3, 2, 1, -125]


def test_integer_input_read_in_float(tmp_path: Path):
    _, program = hand_made(
        tmp_path,
        [node("DequantizeLinear", ["x", "s", "z"], "d"), node("CumSum", ["d", "a"], "y")],
        (UINT8, [3]),
        (FLOAT, [3]),
        s=np.float32(0.5),
        z=np.uint8(2),
        a=np.int64(0),
    )
    y = Interpreter(program).run({"x": np.array([0, 2, 8], np.uint8)})["y"]
    assert y.tolist() == [-1.0, -1.0, 2.0]


def test_bias_in_another_scale_is_quantized_again(tmp_path: Path, compare_layers: Callable):
    rng = np.random.default_rng(0)
    normal, program = hand_made(
        tmp_path,
        [
            node("QuantizeLinear", ["x", "s", "z"], "q"),
            node("DequantizeLinear", ["q", "s", "z"], "d"),
            node("DequantizeLinear", ["w", "ws"], "wd", axis=0),
            node("DequantizeLinear", ["b", "bs", "bz"], "bd"),
            node("Conv", ["d", "wd", "bd"], "c"),
            node("QuantizeLinear", ["c", "t", "z"], "r"),
            node("DequantizeLinear", ["r", "t", "z"], "y"),
        ],
        (FLOAT, [1, 2, 4, 4]),
        (FLOAT, [1, 3, 4, 4]),
        s=np.float32(0.02),
        t=np.float32(0.05),
        z=np.int8(-3),
        w=rng.integers(-9, 9, (3, 2, 1, 1)).astype(np.int8),
        ws=np.array([0.1, 0.2, 0.3], np.float32),
        b=np.array([10, -21, 100], np.int8),
        bs=np.float32(0.03),
        bz=np.int8(5),
    )
    # (10 - 5) * 0.03 / (0.02 * 0.1) = 75, (-21 - 5) * 0.03 / 0.004 = -195, 95 * 0.03 / 0.006 = 475
    assert program.constants["c_node/bias"].tolist() == [75, -195, 475]
    feeds = [{"x": rng.standard_normal((1, 2, 4, 4)).astype(np.float32)}]
    compare_layers(normal, program, _Feeds(feeds)).check(share=0.95)


def test_asymmetric_and_4_bit_weights(tmp_path: Path, compare_layers: Callable):
    rng = np.random.default_rng(0)
    int4 = helper.make_tensor("w", TensorProto.INT4, [6, 5], rng.integers(-8, 8, 30).tolist())
    graph_nodes = [
        node("QuantizeLinear", ["x", "s", "z"], "q"),
        node("DequantizeLinear", ["q", "s", "z"], "d"),
        node("DequantizeLinear", ["w", "ws"], "wd", axis=1),
        node("MatMul", ["d", "wd"], "c"),
        node("QuantizeLinear", ["c", "t", "z"], "r"),
        node("DequantizeLinear", ["r", "t", "z"], "e"),
        node("DequantizeLinear", ["v", "vs", "vz"], "vd", axis=1),
        node("MatMul", ["e", "vd"], "f"),
        node("QuantizeLinear", ["f", "t", "z"], "g"),
        node("DequantizeLinear", ["g", "t", "z"], "y"),
    ]
    arrays = {
        "s": np.float32(0.02),
        "t": np.float32(0.05),
        "z": np.uint8(120),
        "ws": rng.random(5).astype(np.float32),
        "v": rng.integers(0, 255, (5, 3)).astype(np.uint8),
        "vs": np.array([0.01, 0.02, 0.03], np.float32),
        "vz": np.array([100, 128, 140], np.uint8),
    }
    graph = helper.make_graph(
        graph_nodes,
        "int4",
        [helper.make_tensor_value_info("x", FLOAT, [4, 6])],
        [helper.make_tensor_value_info("y", FLOAT, [4, 3])],
        [int4, *(numpy_helper.from_array(np.asarray(a), n) for n, a in arrays.items())],
    )
    opsets = [helper.make_opsetid("", 21)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=10), tmp_path / "i.onnx")
    normal, program = lowered(tmp_path / "i.onnx", tmp_path)
    kinds = [type(op).__name__ for op in program.operations]
    assert kinds == ["Quantize", "MatMul", "MatMul", "Dequantize"]
    feeds = [{"x": rng.standard_normal((4, 6)).astype(np.float32)}]
    compare_layers(normal, program, _Feeds(feeds)).check(share=0.9)


def pair(scale: str, zero: str, **attributes: object) -> list[onnx.NodeProto]:
    return [
        node("QuantizeLinear", ["x", scale, zero], "q", **attributes),
        node("DequantizeLinear", ["q", scale, zero], "y", **attributes),
    ]


INVALID = {
    "per channel": (
        pair("s", "z", axis=1),
        {"s": np.array([0.1, 0.2], np.float32), "z": np.zeros(2, np.int8)},
        "more than one scale",
    ),
    "per block": (
        pair("s", "z", axis=1, block_size=1),
        {"s": np.full((2, 2), 0.1, np.float32), "z": np.zeros((2, 2), np.int8)},
        "more than one scale",
    ),
    "a scale of 0": (
        pair("s", "z"),
        {"s": np.float32(0), "z": np.int8(0)},
        "zero, negative or not finite",
    ),
    "another scale behind": (
        [
            node("QuantizeLinear", ["x", "s", "z"], "q"),
            node("DequantizeLinear", ["q", "t", "z"], "y"),
        ],
        {"s": np.float32(0.1), "t": np.float32(0.2), "z": np.int8(0)},
        "dequantized in another way",
    ),
    "floats of 8 bits": (
        [
            node("QuantizeLinear", ["x", "s"], "q", output_dtype=TensorProto.FLOAT8E4M3FN),
            node("DequantizeLinear", ["q", "s"], "y"),
        ],
        {"s": np.float32(0.1)},
        "a type that is no integer",
    ),
}


@pytest.mark.parametrize(("nodes", "arrays", "message"), INVALID.values(), ids=INVALID)
def test_what_cannot_be_lowered_is_an_error(
    tmp_path: Path, nodes: list[onnx.NodeProto], arrays: dict[str, np.ndarray], message: str
):
    with pytest.raises(CompileError, match=message) as caught:
        hand_made(tmp_path, nodes, (FLOAT, [2, 2]), (FLOAT, [2, 2]), **arrays)
    assert caught.value.code is Code.QDQ_INVALID


def test_operators_that_run_nowhere_are_all_named(tmp_path: Path):
    nodes = [node("Det", ["x"], "a"), node("EyeLike", ["x"], "b"), node("Add", ["a", "b"], "y")]
    with pytest.raises(UnsupportedOpError) as caught:
        hand_made(tmp_path, nodes, (FLOAT, [2, 2]), (FLOAT, [2, 2]))
    assert [problem.where for problem in caught.value.problems] == [
        "a_node (Det)",
        "b_node (EyeLike)",
    ]


def test_bias_beyond_the_accumulator(tmp_path: Path):
    with pytest.raises(CompileError) as caught:
        hand_made(
            tmp_path,
            [
                node("QuantizeLinear", ["x", "s", "z"], "q"),
                node("DequantizeLinear", ["q", "s", "z"], "d"),
                node("DequantizeLinear", ["w", "s"], "wd"),
                node("Gemm", ["d", "wd", "b"], "g"),
                node("QuantizeLinear", ["g", "t", "z"], "r"),
                node("DequantizeLinear", ["r", "t", "z"], "y"),
            ],
            (FLOAT, [2, 2]),
            (FLOAT, [2, 2]),
            s=np.float32(1e-5),
            t=np.float32(1),
            z=np.int8(0),
            w=np.ones((2, 2), np.int8),
            b=np.array([0.1, -5], np.float32),
        )
    problem = caught.value.problems[0]
    assert (problem.where, problem.got) == ("g_node", "channel 1: 5e+10 steps")
