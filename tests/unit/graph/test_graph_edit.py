"""Building blocks of rewrites, further outputs and sessions."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest

from toolchain.core.dtypes import DType
from toolchain.errors import Code, InternalError, ModelError
from toolchain.graph.edit import (
    add_initializer,
    insert_node,
    replace_constant,
    unique_name,
)
from toolchain.graph.expose import write_with_outputs
from toolchain.graph.save import save_model
from toolchain.graph.session import open_session, run

F = np.float32


@pytest.fixture
def model(make_model, load):
    return load(
        make_model("a = Mul(x, w) y = Add(a, a)", "float[1,4] x", "float[1,4] y", w=np.ones(4, F))
    )


def test_constants(model, run_model_proto):
    before = run_model_proto(ir.serde.serialize_model(model))[0]
    replace_constant(model, "w", np.full(4, 3.0))
    after = run_model_proto(ir.serde.serialize_model(model))[0]
    np.testing.assert_array_equal(after, 3 * before)
    added = add_initializer(model, "w", np.array([-8, 7], np.int8), DType.INT4)
    assert added.name == unique_name(model, "w").replace("_3", "_2") == "w_2"
    assert added.dtype is ir.DataType.INT4
    with pytest.raises(InternalError):
        replace_constant(model, "none", np.ones(1))


def test_a_pair_on_one_edge(model, run_model_proto):
    """What the quantizer does: Q and DQ on one of two edges of a value."""
    before = run_model_proto(ir.serde.serialize_model(model))[0]
    scale = add_initializer(model, "a_scale", F(1000))
    zero = add_initializer(model, "a_zero_point", np.int8(0))
    node = next(node for node in model.graph if node.op_type == "Add")
    q = insert_node(node, "QuantizeLinear", [node.inputs[0], scale, zero], "a_q", "a_Q")
    dq = insert_node(node, "DequantizeLinear", [q, scale, zero], "a_dq", "a_DQ")
    node.replace_input_with(1, dq)
    after = run_model_proto(ir.serde.serialize_model(model))[0]
    np.testing.assert_array_equal(after, before / 2)


def test_more_outputs(model, tmp_path):
    source = save_model(model, tmp_path / "m.onnx").path
    write_with_outputs(source, ["a", "y", "a"], tmp_path / "more.onnx")
    session = open_session(tmp_path / "more.onnx", threads=1, optimize=False)
    results = run(session, {"x": np.array([[1, 2, 3, 4]], F)})
    assert list(results) == ["y", "a"]
    assert results["a"].tolist() == [[1, 2, 3, 4]]
    with pytest.raises(InternalError):
        write_with_outputs(source, ["none"], tmp_path / "none.onnx")


def test_sessions_fail_with_our_errors(model, tmp_path):
    (tmp_path / "bad.onnx").write_bytes(b"nothing")
    with pytest.raises(ModelError) as caught:
        open_session(tmp_path / "bad.onnx")
    assert caught.value.code is Code.MODEL_INVALID
    session = open_session(save_model(model, tmp_path / "m.onnx").path)
    with pytest.raises(ModelError):
        run(session, {"x": np.ones((2, 5), F)})
