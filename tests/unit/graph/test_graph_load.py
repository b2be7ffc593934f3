"""Loading: what is accepted, and what is said about the rest."""

from __future__ import annotations

import gzip
import lzma
import os
from contextlib import suppress
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import helper

from toolchain.errors import Code, ModelError, ToolchainError
from toolchain.graph.load import load_model
from toolchain.graph.normalize import normalize
from toolchain.graph.read import read_bytes

X, Y = "float[1,4] x", "float[1,4] y"


def failure(path: Path) -> ModelError:
    with pytest.raises(ModelError) as caught:
        load_model(path)
    return caught.value


def saved(proto: onnx.ModelProto, path: Path) -> Path:
    path.write_bytes(proto.SerializeToString())
    return path


@pytest.mark.parametrize(("suffix", "packer"), [(".xz", lzma.compress), (".gz", gzip.compress)])
def test_compressed_models(suffix, packer, make_model, tmp_path):
    data = make_model("y = Relu(x)", X, Y).SerializeToString()
    path = tmp_path / f"model.onnx{suffix}"
    path.write_bytes(packer(data))
    assert [node.op_type for node in load_model(path).graph] == ["Relu"]
    path.write_bytes(packer(data)[:-12])
    assert failure(path).code is Code.MODEL_NOT_ONNX
    path.write_bytes(b"not packed at all")
    assert failure(path).code is Code.MODEL_NOT_ONNX


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path):
    path = tmp_path / "bomb.onnx.gz"
    path.write_bytes(gzip.compress(bytes(5 << 20)))
    with pytest.raises(ModelError, match="unpacks to too much"):
        read_bytes(path, max_bytes=1 << 20)


def test_files_that_are_no_models(make_model, tmp_path):
    path = tmp_path / "model.onnx"
    assert failure(path).code is Code.MODEL_NOT_FOUND
    assert failure(tmp_path).code is Code.MODEL_NOT_FOUND
    for data in (b"", b"hello world, this is text", os.urandom(64), b"\x08\x0a"):
        path.write_bytes(data)
        assert failure(path).code is Code.MODEL_NOT_ONNX
    data = make_model("y = Relu(x)", X, Y).SerializeToString()
    path.write_bytes(data[: len(data) // 2])
    assert failure(path).code is Code.MODEL_NOT_ONNX


def test_a_cycle_is_named(make_model, tmp_path):
    proto = make_model("a = Add(x, b) b = Relu(a) y = Neg(b)", X, Y)
    for node, name in zip(proto.graph.node, ("first", "second", "third"), strict=True):
        node.name = name
    error = failure(saved(proto, tmp_path / "m.onnx"))
    assert error.code is Code.MODEL_CYCLIC
    assert error.problems[0].got in ("first <- second <- first", "second <- first <- second")


def test_nodes_in_the_wrong_order_are_sorted(make_model, tmp_path):
    proto = make_model("a = Relu(x) y = Neg(a)", X, Y)
    nodes = list(proto.graph.node)[::-1]
    del proto.graph.node[:]
    proto.graph.node.extend(nodes)
    model = load_model(saved(proto, tmp_path / "m.onnx"))
    assert [node.op_type for node in model.graph] == ["Relu", "Neg"]


def test_all_foreign_operators_are_listed(make_model, tmp_path):
    proto = make_model("a = Relu(x) b = Relu(a) y = Relu(b)", X, Y)
    proto.graph.node[0].domain, proto.graph.node[0].name = "com.microsoft", "one"
    proto.graph.node[2].domain, proto.graph.node[2].name = "vendor", "two"
    proto.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    error = failure(saved(proto, tmp_path / "m.onnx"))
    assert [(p.code, p.where) for p in error.problems] == [
        (Code.UNKNOWN_DOMAIN, "node 'one'"),
        (Code.UNKNOWN_DOMAIN, "node 'two'"),
    ]


def test_all_unknown_operators_are_listed(make_model, tmp_path):
    proto = make_model("a = Gelu(x) y = Frobnicate(a)", X, Y, opset=13)
    error = failure(saved(proto, tmp_path / "m.onnx"))
    assert [p.message for p in error.problems] == [
        "ONNX opset 13 has no operator Gelu",
        "ONNX opset 13 has no operator Frobnicate",
    ]


@pytest.mark.parametrize("opset", [6, 99])
def test_opsets_out_of_range(opset, make_model, tmp_path):
    proto = make_model("y = Relu(x)", X, Y)
    proto.opset_import[0].version = opset
    assert failure(saved(proto, tmp_path / "m.onnx")).code is Code.UNKNOWN_OPSET


def test_the_long_name_of_the_standard_domain(make_model, tmp_path):
    proto = make_model("y = Relu(x)", X, Y)
    proto.opset_import[0].domain = "ai.onnx"
    proto.graph.node[0].domain = "ai.onnx"
    model = load_model(saved(proto, tmp_path / "m.onnx"))
    assert dict(model.graph.opset_imports) == {"": 24}


def test_all_weights_that_are_not_finite_are_listed(make_model, tmp_path):
    bad = {"w": np.array([1, np.nan], np.float32), "v": np.array([np.inf, 0], np.float32)}
    proto = make_model(
        "a = Mul(x, w) b = Add(a, v) y = Clip(b, lo)", "float[1,2] x", "float[1,2] y",
        lo=np.float32(-np.inf), **bad,
    )  # fmt: skip
    error = failure(saved(proto, tmp_path / "m.onnx"))
    assert [(p.code, p.where) for p in error.problems] == [
        (Code.NOT_FINITE_WEIGHT, "initializer 'w'"),
        (Code.NOT_FINITE_WEIGHT, "initializer 'v'"),
    ]


def test_values_from_nowhere_are_listed(make_model, tmp_path):
    proto = make_model("y = Add(one, two)", X, f"{Y}, float[4] z")
    error = failure(saved(proto, tmp_path / "m.onnx"))
    assert {p.code for p in error.problems} == {Code.MODEL_INVALID}
    assert [p.message.split("'")[1] for p in error.problems[:2]] == ["one", "two"]
    assert error.problems[2].where == "output 'z'"


def test_what_onnx_checks(make_model, tmp_path):
    proto = make_model("y = Relu(x)", X, Y)
    proto.graph.node.add(op_type="Neg", input=["x"], output=["y"])
    assert failure(saved(proto, tmp_path / "m.onnx")).code is Code.MODEL_INVALID


def test_functions_are_inlined(make_model, tmp_path):
    proto = make_model("y = Relu(x)", X, Y)
    proto.graph.node[0].op_type, proto.graph.node[0].domain = "Twice", "local"
    proto.opset_import.append(helper.make_opsetid("local", 1))
    body = [helper.make_node("Add", ["a", "a"], ["b"])]
    function = helper.make_function(
        "local", "Twice", ["a"], ["b"], body, [helper.make_opsetid("", 24)]
    )
    proto.functions.append(function)
    model = normalize(load_model(saved(proto, tmp_path / "m.onnx")), {})
    assert [node.op_type for node in model.graph] == ["Add"]
    assert model.graph.outputs[0].name == "y"
    assert not model.functions
    assert dict(model.graph.opset_imports) == {"": 24}


def external(make_model, folder: Path) -> onnx.ModelProto:
    weight = np.arange(1200, dtype=np.float32).reshape(4, 300)
    proto = make_model("y = MatMul(x, w)", X, "float[1,300] y", w=weight)
    onnx.save(
        proto, folder / "m.onnx", save_as_external_data=True, location="w.bin", size_threshold=0
    )
    return onnx.load(folder / "m.onnx", load_external_data=False)


def test_external_data(make_model, tmp_path):
    external(make_model, tmp_path)
    model = load_model(tmp_path / "m.onnx")
    array = model.graph.initializers["w"].const_value.numpy()
    np.testing.assert_array_equal(array.ravel(), np.arange(1200))


@pytest.mark.parametrize("location", ["/etc/passwd", "../w.bin", "sub/../../w.bin", "", "link.bin"])
def test_external_data_outside_the_folder(location, make_model, tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    proto = external(make_model, folder)
    (tmp_path / "w.bin").write_bytes(bytes(4800))
    (folder / "link.bin").symlink_to(tmp_path / "w.bin")
    proto.graph.initializer[0].external_data[0].value = location
    error = failure(saved(proto, folder / "m.onnx"))
    assert error.code is Code.EXTERNAL_DATA
    assert error.problems[0].where == "tensor 'w'"


@pytest.mark.parametrize("damage", ["missing", "truncated", "length", "offset", "text"])
def test_external_data_that_is_incomplete(damage, make_model, tmp_path):
    proto = external(make_model, tmp_path)
    entries = {entry.key: entry for entry in proto.graph.initializer[0].external_data}
    match damage:
        case "missing":
            (tmp_path / "w.bin").unlink()
        case "truncated":
            (tmp_path / "w.bin").write_bytes(bytes(4799))
        case "length":
            entries["length"].value = "4700"
        case "offset":
            entries["offset"].value = "-4"
        case _:
            entries["offset"].value = "many"
    assert failure(saved(proto, tmp_path / "m.onnx")).code is Code.EXTERNAL_DATA


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    edits=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=6)
)
def test_damaged_bytes_never_raise_anything_else(edits, make_model, tmp_path):
    weights = {"w": np.ones((2, 4, 1, 1), np.float32), "s": np.array([1, -1])}
    proto = make_model(
        "a = Conv(x, w) b = Relu(a) c = Constant <value_ints=[0]> () d = Concat <axis=0> (s)"
        " y = Reshape(b, d)",
        "float[N,4,2,2] x", "float[1,8] y", opset=13, **weights,
    )  # fmt: skip
    data = bytearray(proto.SerializeToString())
    for position, byte in edits:
        data[position % len(data)] = byte
    path = tmp_path / "fuzzed.onnx"
    path.write_bytes(data)
    with suppress(ToolchainError):
        normalize(load_model(path), {})
