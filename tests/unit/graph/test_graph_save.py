"""Saving: the same bytes every time, external data, digests."""

from __future__ import annotations

import hashlib

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from toolchain.errors import Code, SystemFailure
from toolchain.graph.load import load_model
from toolchain.graph.save import model_digest, read, save_model

WEIGHT = np.random.default_rng(0).standard_normal((16, 40)).astype(np.float32)


@pytest.fixture
def model(make_model, load):
    proto = make_model(
        "a = MatMul(x, w) y = Add(a, b)", "float[1,16] x", "float[1,40] y",
        w=WEIGHT, b=np.ones(40, np.float32),
    )  # fmt: skip
    proto.doc_string = "noise"
    proto.graph.node[0].doc_string = "noise"
    proto.graph.node[0].metadata_props.add(key="where", value="noise")
    proto.metadata_props.add(key="tc.b", value="2")
    proto.metadata_props.add(key="tc.a", value="1")
    return load(proto)


def test_bytes_are_the_same_and_hold_no_noise(model, tmp_path):
    first = save_model(model, tmp_path / "a.onnx")
    second = save_model(model, tmp_path / "b.onnx")
    again = save_model(read(first.path), tmp_path / "c.onnx")
    assert first.digest == second.digest == again.digest
    data = first.path.read_bytes()
    assert data == second.path.read_bytes() == again.path.read_bytes()
    assert b"noise" not in data
    proto = onnx.load(first.path)
    onnx.checker.check_model(proto, full_check=True)
    assert proto.producer_name == "toolchain"
    assert [(p.key, p.value) for p in proto.metadata_props] == [("tc.a", "1"), ("tc.b", "2")]
    np.testing.assert_array_equal(numpy_helper.to_array(proto.graph.initializer[0]), WEIGHT)
    assert not list(tmp_path.glob("*.part"))


def test_large_weights_go_beside_the_model(model, tmp_path):
    artifact = save_model(model, tmp_path / "big.onnx", external_bytes=1000)
    assert sorted(p.name for p in tmp_path.glob("big*")) == ["big.onnx", "big.onnx.data"]
    loaded = load_model(artifact.path)
    np.testing.assert_array_equal(loaded.graph.initializers["w"].const_value.numpy(), WEIGHT)
    again = save_model(loaded, tmp_path / "big.onnx", external_bytes=1000)
    assert again.digest == artifact.digest == model_digest(artifact.path)
    small = save_model(loaded, tmp_path / "big.onnx")
    assert not (tmp_path / "big.onnx.data").exists()
    assert small.digest == model_digest(small.path) != artifact.digest


def test_the_digest_covers_external_data(model, tmp_path):
    path = save_model(model, tmp_path / "m.onnx", external_bytes=1000).path
    before = model_digest(path)
    data = tmp_path / "m.onnx.data"
    inner = b"".join(hashlib.sha256(p.read_bytes()).digest() for p in (path, data))
    assert before == hashlib.sha256(inner).hexdigest()
    data.write_bytes(data.read_bytes()[:-1] + b"\x7f")
    assert model_digest(path) != before


def test_four_bit_constants_survive(make_model, load, tmp_path):
    proto = make_model("d = DequantizeLinear(w, s) y = Add(x, d)", "float[3] x", "float[3] y")
    packed = onnx.helper.make_tensor("w", onnx.TensorProto.INT4, [3], [-8, 7, 1])
    proto.graph.initializer.extend([packed, numpy_helper.from_array(np.float32(0.5), "s")])
    artifact = save_model(load(proto), tmp_path / "four.onnx")
    saved = onnx.load(artifact.path).graph.initializer[0]
    assert saved.data_type == onnx.TensorProto.INT4
    assert numpy_helper.to_array(saved).astype(int).tolist() == [-8, 7, 1]


def test_a_place_that_cannot_be_written(model, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SystemFailure) as caught:
        save_model(model, tmp_path / "file" / "m.onnx")
    assert caught.value.code is Code.NOT_WRITABLE
