"""Normal form: names, constants, shapes, opsets."""

from __future__ import annotations

import numpy as np
import pytest

from toolchain.core.options import InputOptions
from toolchain.core.samples import InputSpec
from toolchain.errors import Code, ConfigError, ModelError
from toolchain.graph.inputs import input_specs, model_inputs
from toolchain.graph.load import load_model
from toolchain.graph.opset import OPSET, convert_opset
from toolchain.graph.save import save_model
from toolchain.graph.shapes import infer_shapes, observe_shapes, unknown_shapes
from toolchain.graph.tensors import static_shape

F = np.float32


def shape_of(model, name: str):
    values = {v.name: v for node in model.graph for v in node.outputs}
    return static_shape(values[name])


def test_names_constants_and_inputs(make_model, load):
    proto = make_model(
        "c = Constant <value_float=2.0> () a = Mul(x, c) b = Relu(a) d = Relu(b) y = Add(d, w)",
        "float[1,4] x, float[4] w", "float[1,4] y", w=np.ones(4, F),
    )  # fmt: skip
    proto.graph.node[2].name = proto.graph.node[3].name = "act"
    model = load(proto)
    assert [node.op_type for node in model.graph] == ["Mul", "Relu", "Relu", "Add"]
    assert [node.name for node in model.graph] == ["Mul", "act", "act_1", "Add"]
    assert [value.name for value in model.graph.inputs] == ["x"]
    assert set(model.graph.initializers) == {"c", "w"}


def test_batch_becomes_one_and_stale_shapes_are_forgotten(make_model, load):
    proto = make_model("a = Relu(x) y = Neg(a)", "float[N,3,H,8] x", "float[N,3,H,8] y")
    model = load(proto, x=(1, 3, 5, 8))
    assert shape_of(model, "a") == shape_of(model, "y") == (1, 3, 5, 8)
    fixed = make_model("a = Relu(x) y = Neg(a)", "float[N,3] x", "float[4,3] y")
    assert shape_of(load(fixed), "y") == (1, 3)


def test_all_dynamic_dimensions_are_listed(make_model, load):
    proto = make_model("y = Add(x, z)", "float[N,3,H] x, float[N,C,8] z", "float[N,3,8] y")
    with pytest.raises(ModelError) as caught:
        load(proto)
    assert [(p.code, p.where, p.got) for p in caught.value.problems] == [
        (Code.DYNAMIC_DIMENSION, "input 'x'", "[?, 3, ?]"),
        (Code.DYNAMIC_DIMENSION, "input 'z'", "[?, ?, 8]"),
    ]


@pytest.mark.parametrize(
    ("name", "shape", "code"),
    [
        ("X", (1, 3, 8), Code.UNKNOWN_NAME),
        ("x", (1, 3), Code.BAD_VALUE),
        ("x", (1, 4, 8), Code.BAD_VALUE),
        ("x", (1, 3, 0), Code.BAD_VALUE),
    ],
)
def test_shapes_that_do_not_fit(name, shape, code, make_model, load):
    proto = make_model("y = Relu(x)", "float[N,3,H] x", "float[N,3,H] y")
    with pytest.raises(ConfigError) as caught:
        load(proto, **{name: shape})
    assert caught.value.code is code


def test_input_specs(make_model, tmp_path):
    path = tmp_path / "m.onnx"
    proto = make_model("y = Relu(x)", "float[N,3,H] x", "float[N,3,H] y")
    path.write_bytes(proto.SerializeToString())
    (found,) = model_inputs(path)
    assert (found.name, found.dtype, found.shape) == ("x", "float32", (None, 3, None))
    specs = input_specs(path, [InputOptions(shape=(2, 3, 7))])
    assert specs == (InputSpec(name="x", dtype="float32", shape=(2, 3, 7)),)


def test_options_without_a_name_need_a_single_input(make_model, tmp_path):
    path = tmp_path / "m.onnx"
    proto = make_model("y = Add(x, z)", "float[1] x, float[1] z", "float[1] y")
    path.write_bytes(proto.SerializeToString())
    with pytest.raises(ConfigError, match="several inputs"):
        input_specs(path, [InputOptions(shape=(1,))])


OLD = {
    7: "c = Conv <pads=[1,1,1,1]> (x, w) u = Upsample <scales=[1.0,1.0,2.0,2.0]> (c)"
    " p = Pad <pads=[0,0,1,0,0,0,0,1]> (u) y = Relu(p)",
    9: "c = Conv <pads=[1,1,1,1]> (x, w) b = Dropout(c) r = ReduceMean <axes=[2]> (b)"
    " s = Softmax <axis=1> (r) y = Clip <min=0.0, max=0.5> (s)",
    11: "c = Conv <pads=[1,1,1,1]> (x, w) q = Squeeze <axes=[0]> (c)"
    " u = Unsqueeze <axes=[0]> (q) y = Softmax <axis=2> (u)",
    13: "c = Conv <pads=[1,1,1,1]> (x, w) r = ReduceMax <axes=[3]> (c) y = HardSwish_(r)",
    17: "c = Conv <pads=[1,1,1,1]> (x, w) r = ReduceMean <axes=[-1]> (c) y = Sqrt(r)",
    21: "c = Conv <pads=[1,1,1,1]> (x, w) y = Gelu(c)",
    25: "c = Conv <pads=[1,1,1,1]> (x, w) t = Transpose(c) y = Mish(t)",
}


@pytest.mark.parametrize("opset", sorted(OLD))
def test_opsets(opset, make_model, load, run_model_proto):
    import onnx_ir as ir

    body = OLD[opset].replace("HardSwish_", "HardSigmoid")
    weight = np.random.default_rng(0).standard_normal((400, 4, 3, 3)).astype(F)
    proto = make_model(body, "float[1,4,6,6] x", "float[A,B,C,D] y", opset=opset, w=weight)
    model = load(proto)
    assert model.graph.opset_imports[""] == OPSET
    (want,), (got,) = run_model_proto(proto), run_model_proto(ir.serde.serialize_model(model))
    np.testing.assert_allclose(np.nan_to_num(got), np.nan_to_num(want), rtol=1e-5, atol=1e-6)
    assert unknown_shapes(model) == ()


def test_operators_newer_than_the_internal_opset(make_model, tmp_path):
    proto = make_model("y = CumProd(x, a)", "float[1,4] x", "float[1,4] y", opset=26, a=np.array(1))
    path = tmp_path / "m.onnx"
    path.write_bytes(proto.SerializeToString())
    model = load_model(path)
    infer_shapes(model)
    with pytest.raises(ModelError) as caught:
        convert_opset(model)
    assert caught.value.code is Code.UNKNOWN_OPSET


NONZERO = "n = NonZero(x) t = Transpose(n) g = GatherND(x, t) y = Relu(g)"


def test_shapes_are_observed_where_they_cannot_be_inferred(make_model, load):
    model = load(make_model(NONZERO, "float[1,4] x", "float[N] y"))
    assert set(unknown_shapes(model)) == {"n", "t", "g", "y"}
    observe_shapes(model, {"x": np.array([[1, 0, 2, 3]], F)})
    assert unknown_shapes(model) == ()
    assert shape_of(model, "y") == (3,)


def test_shapes_that_depend_on_the_data(make_model, load):
    model = load(make_model(NONZERO, "float[1,4] x", "float[N] y"))
    with pytest.raises(ModelError) as caught:
        observe_shapes(
            model, {"x": np.array([[1, 0, 2, 3]], F)}, {"x": np.array([[1, 0, 0, 3]], F)}
        )
    assert {p.where for p in caught.value.problems} == {f"value {n!r}" for n in "ntgy"}
    assert {p.code for p in caught.value.problems} == {Code.SHAPE_UNKNOWN}


def test_quantized_models_are_kept(make_model, load, run_model_proto, tmp_path):
    body = (
        "q = QuantizeLinear(x, s, z) d = DequantizeLinear(q, s, z) v = DequantizeLinear(w, s)"
        " y = MatMul(d, v)"
    )
    constants = {"s": F(0.1), "z": np.uint8(7), "w": np.ones((4, 4), np.int8)}
    proto = make_model(body, "float[1,4] x", "float[1,4] y", opset=13, **constants)
    model = load(proto)
    assert [n.op_type for n in model.graph].count("DequantizeLinear") == 2
    import onnx

    saved = onnx.load(save_model(model, tmp_path / "q.onnx").path)
    np.testing.assert_array_equal(run_model_proto(proto)[0], run_model_proto(saved)[0])
