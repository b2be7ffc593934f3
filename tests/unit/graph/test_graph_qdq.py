"""Writing Q/DQ into a float model, at given places with given numbers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import numpy_helper

from toolchain.core.dtypes import DType
from toolchain.core.quant import Edge, PerChannel, PerTensor, QuantParams, QuantSpec
from toolchain.graph.qdq import StoredConstant, write_qdq


def params(
    scale: object, zero_point: object, dtype: DType = DType.INT8, axis: int | None = None
) -> QuantParams:
    granularity = PerTensor() if axis is None else PerChannel(axis)
    spec = QuantSpec(dtype=dtype, granularity=granularity)
    return QuantParams(scale=np.float32(scale), zero_point=np.int32(zero_point), spec=spec)


@pytest.fixture
def write(make_text_model: Callable, graph_of: Callable, tmp_path: Path) -> Callable:
    """Write Q/DQ into a graph in text form; the protobuf of the result."""

    def make(body: str, inputs: str, outputs: str, initial: dict, **places: object):
        graph_of(make_text_model(body, inputs, outputs, **initial))
        given = {
            "activations": {},
            "constants": (),
            "conversions": {},
            "replaced": {},
            "metadata": {},
            **places,
        }
        write_qdq(tmp_path / "float.onnx", tmp_path / "qdq.onnx", **given)
        proto = onnx.load(tmp_path / "qdq.onnx")
        onnx.checker.check_model(proto, full_check=True)
        return proto

    return make


def run(proto: onnx.ModelProto, **feeds: np.ndarray) -> dict[str, np.ndarray]:
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(proto.SerializeToString(), options)
    names = [item.name for item in session.get_outputs()]
    return dict(zip(names, session.run(None, feeds), strict=True))


X = np.array([-3.2, -0.3, 0.0, 0.26, 9.0], np.float32)
# Steps of 0.5 around -1: round(x / 0.5) - 1 lies in [-128, 127].
SNAPPED = np.array([-3.0, -0.5, 0.0, 0.5, 9.0], np.float32)


def test_input(write: Callable):
    proto = write("y = Neg(x)", "float[5] x", "float[5] y", {}, activations={"x": params(0.5, -1)})
    assert [n.op_type for n in proto.graph.node] == ["QuantizeLinear", "DequantizeLinear", "Neg"]
    np.testing.assert_array_equal(run(proto, x=X)["y"], -SNAPPED)


def test_output_keeps_its_name(write: Callable):
    proto = write("y = Neg(x)", "float[5] x", "float[5] y", {}, activations={"y": params(0.5, -1)})
    assert [item.name for item in proto.graph.output] == ["y"]
    assert proto.graph.node[0].output[0] == "y/float"
    np.testing.assert_array_equal(run(proto, x=-X)["y"], SNAPPED)


def test_all_readers_read_the_stored_value(write: Callable):
    proto = write(
        "a = Neg(x) b = Abs(a) y = Add(a, b)",
        "float[5] x",
        "float[5] y",
        {},
        activations={"a": params(0.5, -1)},
    )
    np.testing.assert_array_equal(run(proto, x=-X)["y"], SNAPPED + np.abs(SNAPPED))


def test_model_output_that_others_read(write: Callable):
    proto = write(
        "y = Neg(x) z = Abs(y)",
        "float[5] x",
        "float[5] y, float[5] z",
        {},
        activations={"y": params(0.5, -1)},
    )
    found = run(proto, x=-X)
    np.testing.assert_array_equal(found["y"], SNAPPED)
    np.testing.assert_array_equal(found["z"], np.abs(SNAPPED))


def test_edge_converts_what_is_stored(write: Callable):
    proto = write(
        "a = Neg(x) y = Add(a, a)",
        "float[5] x",
        "float[5] y",
        {},
        activations={"a": params(0.5, -1)},
        conversions={Edge("a", "y_node", 1): params(4.0, 128, DType.UINT8)},
    )
    # Second summand: multiples of 4, ties to even: 9 -> 8, -3 -> -4.
    expected = SNAPPED + np.array([-4, 0, 0, 0, 8], np.float32)
    np.testing.assert_array_equal(run(proto, x=-X)["y"], expected)


def test_edge_of_a_float_value(write: Callable):
    proto = write(
        "y = Add(x, x)",
        "float[5] x",
        "float[5] y",
        {},
        conversions={Edge("x", "y_node", 0): params(0.5, -1)},
    )
    np.testing.assert_allclose(run(proto, x=X)["y"], X + SNAPPED)


@pytest.mark.parametrize(
    ("dtype", "integers", "zero_point"),
    [
        (DType.INT8, [-4, 7, 100], 2),
        (DType.UINT8, [0, 7, 255], 128),
        (DType.INT4, [-8, 0, 7], 0),
        (DType.UINT4, [0, 8, 15], 8),
        (DType.INT16, [-30000, 1, 30000], 5),
        (DType.INT32, [-(2**30), 1, 2**30], 0),
    ],
)
def test_constants_of_every_type(
    write: Callable, dtype: DType, integers: list[int], zero_point: int
):
    stored = StoredConstant(
        value="c",
        name="c",
        integers=np.array(integers, dtype.numpy),
        params=params(0.5, zero_point, dtype),
        edges=(Edge("c", "y_node", 1),),
    )
    zeros = np.zeros(3, np.float32)
    proto = write("y = Add(x, c)", "float[3] x", "float[3] y", {"c": zeros}, constants=[stored])
    assert "c" not in {item.name for item in proto.graph.initializer}
    expected = (np.array(integers) - zero_point) * 0.5
    np.testing.assert_array_equal(run(proto, x=zeros)["y"], expected.astype(np.float32))


def test_constant_per_channel(write: Callable):
    stored = StoredConstant(
        value="c",
        name="c",
        integers=np.array([[1, 2], [3, 4], [5, 6]], np.int8),
        params=params([0.5, 2.0], [0, 1], axis=1),
        edges=(Edge("c", "y_node", 1),),
    )
    zeros = np.zeros((3, 2), np.float32)
    proto = write("y = Add(x, c)", "float[3,2] x", "float[3,2] y", {"c": zeros}, constants=[stored])
    expected = [[0.5, 2.0], [1.5, 6.0], [2.5, 10.0]]
    np.testing.assert_array_equal(run(proto, x=zeros)["y"], np.array(expected, np.float32))


def test_constant_that_two_read_differently(write: Callable):
    places = [
        StoredConstant(
            value="c",
            name=name,
            integers=np.array([4], np.int8),
            params=params(scale, 0),
            edges=(Edge("c", node, 1),),
        )
        for name, node, scale in (("c", "a_node", 0.5), ("c/1", "y_node", 0.25))
    ]
    one = np.ones(1, np.float32)
    body = "a = Add(x, c) y = Add(a, c)"
    proto = write(body, "float[1] x", "float[1] y", {"c": one}, constants=places)
    assert run(proto, x=one)["y"].tolist() == [1 + 2 + 1]


def test_constant_that_one_reads_in_float(write: Callable):
    stored = StoredConstant(
        value="c",
        name="c",
        integers=np.array([3], np.int8),
        params=params(0.5, 0),
        edges=(Edge("c", "a_node", 1),),
    )
    one = np.array([1.3], np.float32)
    body = "a = Add(x, c) y = Add(a, c)"
    proto = write(body, "float[1] x", "float[1] y", {"c": one}, constants=[stored])
    assert "c" in {item.name for item in proto.graph.initializer}
    assert run(proto, x=one)["y"].tolist() == pytest.approx([1.3 + 1.5 + 1.3])


def test_replaced_constants_and_metadata(write: Callable):
    proto = write(
        "y = Add(x, c)",
        "float[1] x",
        "float[1] y",
        {"c": np.ones(1, np.float32)},
        replaced={"c": np.array([5], np.float32)},
        metadata={"tc.note": "text"},
    )
    assert numpy_helper.to_array(proto.graph.initializer[0]).tolist() == [5]
    assert {item.key: item.value for item in proto.metadata_props}["tc.note"] == "text"
