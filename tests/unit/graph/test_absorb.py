"""Taking Q/DQ out of models: the float model that is left, and the parameters it had."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from toolchain.core.dtypes import DType
from toolchain.core.graph_view import GraphView
from toolchain.core.quant import PerBlock, PerChannel, QuantParams
from toolchain.errors import Code, ModelError
from toolchain.graph.absorb import absorb_qdq
from toolchain.graph.load import load_model
from toolchain.graph.normalize import normalize
from toolchain.graph.save import save_model
from toolchain.graph.view import read_view

S, Z = {"s": np.float32(0.5), "z": np.int8(3)}, "s, z"


@pytest.fixture
def absorb(make_text_model: Callable, graph_of: Callable, tmp_path: Path) -> Callable:
    """The graph that is left of a model in text form, and its parameters."""

    def make(
        body: str, inputs: str = "float[4] x", outputs: str = "float[4] y", **constants: np.ndarray
    ) -> tuple[GraphView, Mapping[str, QuantParams]]:
        graph_of(make_text_model(body, inputs, outputs, **constants))
        fixed = absorb_qdq(tmp_path / "float.onnx", tmp_path / "absorbed.onnx")
        return read_view(tmp_path / "absorbed.onnx"), fixed

    return make


def picture(graph: GraphView) -> list[str]:
    """Every node as `output = Operator(inputs)`."""
    return [
        f"{', '.join(v.name for v in node.outputs)} = {node.op_type}"
        f"({', '.join(v.name for v in node.inputs if v is not None)})"
        for node in graph.nodes
    ]


def numbers(params: QuantParams) -> tuple[float, int, DType]:
    return float(params.scale), int(params.zero_point), params.spec.dtype


def test_pair_behind_an_activation(absorb: Callable):
    body = f"a = Neg(x) q = QuantizeLinear(a, {Z}) d = DequantizeLinear(q, {Z}) y = Abs(d)"
    graph, fixed = absorb(body, **S)
    assert picture(graph) == ["a = Neg(x)", "y = Abs(a)"]
    assert {name: numbers(p) for name, p in fixed.items()} == {"a": (0.5, 3, DType.INT8)}
    assert set(graph.values) == {"x", "a", "y"}


def test_pairs_at_inputs_and_outputs_keep_names(absorb: Callable):
    body = f"""
        q = QuantizeLinear(x, {Z}) d = DequantizeLinear(q, {Z}) a = Neg(d)
        r = QuantizeLinear(a, {Z}) y = DequantizeLinear(r, {Z})
    """
    graph, fixed = absorb(body, **S)
    assert picture(graph) == ["y = Neg(x)"]
    assert set(fixed) == {"x", "y"}


def test_input_that_is_handed_out(absorb: Callable):
    graph, fixed = absorb(f"q = QuantizeLinear(x, {Z}) y = DequantizeLinear(q, {Z})", **S)
    assert picture(graph) == ["y = Identity(x)"]
    assert set(fixed) == {"x"}


def test_several_readers_and_several_dequantizers(absorb: Callable):
    body = f"""
        a = Neg(x) q = QuantizeLinear(a, {Z}) d = DequantizeLinear(q, {Z})
        e = DequantizeLinear(q, {Z}) b = Add(d, e) y = Add(b, d)
    """
    graph, fixed = absorb(body, **S)
    assert picture(graph) == ["a = Neg(x)", "b = Add(a, a)", "y = Add(b, a)"]
    assert set(fixed) == {"a"}


def test_second_pair_gets_an_identity(absorb: Callable):
    body = f"""
        a = Neg(x) q = QuantizeLinear(a, {Z}) d = DequantizeLinear(q, {Z})
        r = QuantizeLinear(d, t, u) e = DequantizeLinear(r, t, u) y = Add(d, e)
    """
    graph, fixed = absorb(body, **S, t=np.float32(0.25), u=np.uint8(9))
    assert picture(graph) == ["a = Neg(x)", "e = Identity(a)", "y = Add(a, e)"]
    assert {name: numbers(p) for name, p in fixed.items()} == {
        "a": (0.5, 3, DType.INT8),
        "e": (0.25, 9, DType.UINT8),
    }


def test_second_pair_of_equal_numbers_vanishes(absorb: Callable):
    body = f"""
        a = Neg(x) q = QuantizeLinear(a, {Z}) d = DequantizeLinear(q, {Z})
        r = QuantizeLinear(d, {Z}) e = DequantizeLinear(r, {Z}) y = Abs(e)
    """
    graph, fixed = absorb(body, **S)
    assert picture(graph) == ["a = Neg(x)", "y = Abs(a)"]
    assert set(fixed) == {"a"}


def test_value_quantized_in_two_ways(absorb: Callable):
    body = f"""
        a = Neg(x) q = QuantizeLinear(a, {Z}) d = DequantizeLinear(q, {Z}) b = Abs(d)
        r = QuantizeLinear(a, t) e = DequantizeLinear(r, t) y = Add(b, e)
    """
    graph, fixed = absorb(body, **S, t=np.float32(0.25))
    assert sorted(picture(graph)) == [
        "a = Neg(x)",
        "b = Abs(a)",
        "e = Identity(a)",
        "y = Add(b, e)",
    ]
    assert numbers(fixed["e"]) == (0.25, 0, DType.UINT8)


def test_constants(absorb: Callable):
    body = """
        w = DequantizeLinear<axis=0>(w_quantized, ws, wz) b = DequantizeLinear(bq, s)
        y = Gemm(x, w, b)
    """
    graph, fixed = absorb(
        body,
        "float[1,2] x",
        "float[A,B] y",
        s=np.float32(0.5),
        w_quantized=np.array([[1, -2], [3, 4]], np.int8),
        ws=np.array([0.5, 2.0], np.float32),
        wz=np.array([0, 1], np.int8),
        bq=np.array([100, -7], np.int32),
    )
    assert picture(graph) == ["y = Gemm(x, w, b)"]
    np.testing.assert_array_equal(graph.values["w"].constant, [[0.5, -1.0], [4.0, 6.0]])
    np.testing.assert_array_equal(graph.values["b"].constant, [50.0, -3.5])
    assert set(fixed) == {"w"}
    assert fixed["w"].spec.granularity == PerChannel(0)
    assert fixed["w"].zero_point.tolist() == [0, 1]


def test_float_constant_behind_a_pair(absorb: Callable):
    body = f"q = QuantizeLinear(c, {Z}) d = DequantizeLinear(q, {Z}) y = Add(x, d)"
    graph, fixed = absorb(body, **S, c=np.array([1.1], np.float32))
    assert picture(graph) == ["y = Add(x, c)"]
    assert graph.values["c"].constant.tolist() == [np.float32(1.1)]
    assert set(fixed) == {"c"}


def test_equal_constants_are_shared(absorb: Callable):
    body = f"d = DequantizeLinear(k, {Z}) e = DequantizeLinear(k, {Z}) a = Add(x, d) y = Add(a, e)"
    graph, fixed = absorb(body, **S, k=np.array([5], np.int8))
    assert picture(graph) == ["a = Add(x, d)", "y = Add(a, d)"]
    assert graph.values["d"].constant.tolist() == [1.0]
    assert set(fixed) == {"d"}


def test_four_bits_per_channel(tmp_path: Path):
    nodes = [
        helper.make_node("DequantizeLinear", ["q", "s"], ["w"], axis=1),
        helper.make_node("MatMul", ["x", "w"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "int4",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 2])],
        [
            helper.make_tensor("q", TensorProto.INT4, [2, 2], [-8, 7, 1, 0]),
            numpy_helper.from_array(np.array([0.5, 2], np.float32), "s"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    onnx.save(model, tmp_path / "given.onnx")
    save_model(normalize(load_model(tmp_path / "given.onnx"), {}), tmp_path / "normal.onnx")
    fixed = absorb_qdq(tmp_path / "normal.onnx", tmp_path / "absorbed.onnx")
    assert fixed["w"].spec.dtype is DType.INT4
    values = read_view(tmp_path / "absorbed.onnx").values
    np.testing.assert_array_equal(values["w"].constant, [[-4.0, 14.0], [0.5, 0.0]])


LEFT_ALONE = {
    "integers from outside": ("y = DequantizeLinear(x, s, z)", "int8[4] x"),
    "computed scale": (
        "m = ReduceMax<keepdims=0>(x) q = QuantizeLinear(x, m) y = DequantizeLinear(q, m)",
        "float[4] x",
    ),
    "integers read elsewhere": (
        "q = QuantizeLinear(x, s, z) d = DequantizeLinear(q, s, z) c = Cast<to=1>(q) y = Add(c, d)",
        "float[4] x",
    ),
    "other numbers behind": (
        "q = QuantizeLinear(x, s, z) y = DequantizeLinear(q, t, z)",
        "float[4] x",
    ),
}


@pytest.mark.parametrize(("body", "inputs"), LEFT_ALONE.values(), ids=LEFT_ALONE)
def test_what_is_no_pair_stays(absorb: Callable, body: str, inputs: str):
    graph, fixed = absorb(body, inputs, **S, t=np.float32(0.25))
    assert len(graph.nodes) == body.count("=") - body.count("<")
    assert fixed == {}


def test_everything_that_cannot_be_taken_is_reported(absorb: Callable):
    body = """
        q = QuantizeLinear<axis=0>(x, v, o) d = DequantizeLinear<axis=0>(q, v, o)
        w = DequantizeLinear<axis=1, block_size=2>(k, b) n = Add(d, w)
        r = QuantizeLinear(n, zero) y = DequantizeLinear(r, zero)
    """
    with pytest.raises(ModelError) as caught:
        absorb(
            body,
            v=np.array([0.1, 0.2, 0.3, 0.4], np.float32),
            o=np.zeros(4, np.int8),
            k=np.ones((4, 4), np.int8),
            b=np.ones((4, 3), np.float32),
            zero=np.float32(0),
        )
    assert [(p.code, p.message, p.where) for p in caught.value.problems] == [
        (Code.QDQ_INVALID, "An activation has more than one scale", "q_node"),
        (Code.QDQ_INVALID, "Scales and blocks do not fit the tensor", "w_node"),
        (Code.QDQ_INVALID, "A scale is not finite and positive", "r_node"),
    ]
    assert all(problem.hint for problem in caught.value.problems)


def test_constants_per_block(absorb: Callable):
    """Blocks of 2 along axis 1, and along the last axis with a short block."""
    body = """
        v = DequantizeLinear<axis=1, block_size=2>(k, b)
        w = DequantizeLinear<axis=-1, block_size=3>(k, c) n = Add(v, w) y = Add(x, n)
    """
    integers = np.arange(8, dtype=np.int8).reshape(2, 4)
    b = np.array([[1, 2], [3, 4]], np.float32)
    c = np.array([[1, 10], [100, 1000]], np.float32)
    graph, fixed = absorb(body, "float[2,4] x", "float[2,4] y", k=integers, b=b, c=c)
    found = {str(p.spec.granularity): graph.values[name].constant for name, p in fixed.items()}
    assert set(found) == {str(PerBlock(1, 2)), str(PerBlock(1, 3))}
    expected = integers * np.array([[1, 1, 2, 2], [3, 3, 4, 4]], np.float32)
    np.testing.assert_array_equal(found[str(PerBlock(1, 2))], expected)
    expected = integers * np.array([[1, 1, 1, 10], [100, 100, 100, 1000]], np.float32)
    np.testing.assert_array_equal(found[str(PerBlock(1, 3))], expected)


def test_metadata_of_the_quantized_form_goes(
    make_text_model: Callable, graph_of: Callable, tmp_path: Path
):
    model = make_text_model("y = Neg(x)", "float[4] x", "float[4] y")
    helper.set_model_props(model, {"tc.float_nodes": "[]", "mine": "kept"})
    graph_of(model)
    absorb_qdq(tmp_path / "float.onnx", tmp_path / "absorbed.onnx")
    assert dict(read_view(tmp_path / "absorbed.onnx").metadata) == {"mine": "kept"}


BODY = """
    c1 = Conv<pads=[1,1,1,1]>(x, w1, b1) r1 = Relu(c1) c2 = ConvTranspose(r1, w2, b2)
    m = MaxPool<kernel_shape=[2,2]>(c2) s = Sigmoid(m) p = Mul(m, s) j = Concat<axis=1>(p, m)
    g = GlobalAveragePool(j) f = Flatten(g) l = Gemm<transB=1>(f, w3, b3) y = Softmax(l)
"""


def network(make_text_model: Callable, opset: int = 24) -> onnx.ModelProto:
    rng = np.random.default_rng(4)
    shapes = {
        "w1": (4, 3, 3, 3),
        "b1": (4,),
        "w2": (4, 6, 2, 2),
        "b2": (6,),
        "w3": (5, 12),
        "b3": (5,),
    }
    constants = {n: (rng.standard_normal(s) * 0.4).astype(np.float32) for n, s in shapes.items()}
    return make_text_model(BODY, "float[1,3,8,8] x", "float[A,B] y", opset, **constants)


def integers(path: Path) -> dict[str, np.ndarray]:
    proto = onnx.load(path)
    arrays = {item.name: numpy_helper.to_array(item) for item in proto.graph.initializer}
    return {name: a for name, a in arrays.items() if name.endswith(("quantized", "scale", "point"))}


def test_our_own_models_come_back_the_same(
    make_text_model: Callable, build: Callable, tmp_path: Path
):
    first = build(network(make_text_model))
    before = integers(first.qdq_path)
    fixed = absorb_qdq(first.qdq_path, tmp_path / "float.onnx")
    graph = read_view(tmp_path / "float.onnx")
    assert {node.name for node in graph.nodes} == {node.name for node in first.graph.nodes}
    assert set(fixed) == set(first.params.values)
    again = build(graph, fixed=fixed, samples=first.samples)
    after = integers(again.qdq_path)
    assert set(after) == set(before)
    for name, array in before.items():
        np.testing.assert_array_equal(after[name], array, err_msg=name)
    np.testing.assert_array_equal(again.reference()["y"], first.reference()["y"])


class Reader(CalibrationDataReader):
    """Five random inputs."""

    def __init__(self) -> None:
        rng = np.random.default_rng(2)
        data = rng.standard_normal((5, 1, 3, 8, 8)).astype(np.float32)
        self._feeds = iter([{"x": item} for item in data])

    def get_next(self):
        return next(self._feeds, None)


@pytest.mark.parametrize("kept", [None, ["Conv", "Gemm"]])
@pytest.mark.parametrize("dtype", [QuantType.QInt8, QuantType.QUInt8])
def test_models_quantized_elsewhere(
    make_text_model: Callable,
    graph_of: Callable,
    build: Callable,
    tmp_path: Path,
    dtype: QuantType,
    kept: list[str] | None,
):
    onnx.save(network(make_text_model, opset=17), tmp_path / "given.onnx")
    quantize_static(
        tmp_path / "given.onnx",
        tmp_path / "foreign.onnx",
        Reader(),
        quant_format=QuantFormat.QDQ,
        activation_type=dtype,
        weight_type=QuantType.QInt8,
        per_channel=True,
        op_types_to_quantize=kept,
    )
    graph_of(onnx.load(tmp_path / "foreign.onnx"))
    (tmp_path / "float.onnx").rename(tmp_path / "normal.onnx")
    fixed = absorb_qdq(tmp_path / "normal.onnx", tmp_path / "float.onnx")
    graph = read_view(tmp_path / "float.onnx")
    assert not {"QuantizeLinear", "DequantizeLinear"} & {node.op_type for node in graph.nodes}
    built = build(graph, fixed=fixed)
    assert built.report.islands == ()
    for name, params in fixed.items():
        if name in built.params.values:
            assert built.params.values[name].same_numbers(params), name
    foreign = build_outputs(tmp_path / "normal.onnx", built)
    assert np.abs(foreign - built.onnxruntime()["y"]).max() < 0.05


def build_outputs(path: Path, built: object) -> np.ndarray:
    from toolchain.graph.session import open_session, run

    session = open_session(path, optimize=False)
    return np.stack([run(session, feeds)["y"] for feeds in built.samples.batches()])


def test_activation_that_the_pair_stands_for(absorb: Callable):
    body = """
        c = Gemm(x, w) q = QuantizeLinear(c, s, low) d = DequantizeLinear(q, s, low)
        e = Add(d, d) r = QuantizeLinear(e, s, low) y = DequantizeLinear(r, s, low)
    """
    constants = {"s": np.float32(6 / 255), "low": np.int8(-128), "w": np.ones((2, 2), np.float32)}
    graph, fixed = absorb(body, "float[1,2] x", "float[A,B] y", **constants)
    assert picture(graph) == [
        "c/unclamped = Gemm(x, w)",
        "c = Clip(c/unclamped, c/low, c/high)",
        "y = Add(c, c)",
    ]
    assert graph.values["c/low"].constant == 0
    assert graph.values["c/high"].constant == pytest.approx(6)
    assert set(fixed) == {"c", "y"}
