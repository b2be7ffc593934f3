"""Identities, folding, bounds, duplicates and dead code."""

from __future__ import annotations

import numpy as np
import pytest

from toolchain.graph.passes import constant_folding
from toolchain.graph.passes.clip import canonicalize_clip
from toolchain.graph.passes.common_subexpressions import merge_common_subexpressions
from toolchain.graph.passes.constant_folding import fold_constants
from toolchain.graph.passes.dead_code import remove_dead_code
from toolchain.graph.passes.global_average_pool import fuse_global_average_pool
from toolchain.graph.passes.identity import remove_identities
from toolchain.graph.shapes import infer_shapes

X, Y = "float[1,4,8] x", "float[1,4,8] y"
F = np.float32


@pytest.mark.parametrize(
    ("body", "constants"),
    [
        ("a = Relu(x) y = Identity(a)", {}),
        ("a = Relu(x) y = Dropout(a)", {}),
        ("a = Relu(x) y = Cast <to=1> (a)", {}),
        ("a = Identity(x) y = Relu(a)", {}),
        ("a = Relu(x) y = Reshape(a, s)", {"s": np.array([0, -1, 8])}),
        ("a = Relu(x) y = Transpose <perm=[0,1,2]> (a)", {}),
        ("a = Relu(x) y = Concat <axis=1> (a)", {}),
        ("a = Relu(x) y = Add(z, a)", {"z": np.zeros((4, 1), F)}),
        ("a = Relu(x) y = Sub(a, z)", {"z": F(0)}),
        ("a = Relu(x) y = Mul(a, o)", {"o": np.ones(8, F)}),
        ("a = Relu(x) y = Div(a, o)", {"o": F(1)}),
        ("a = Relu(x) y = Pad(a, p)", {"p": np.zeros(6, np.int64)}),
        ("a = Relu(x) y = Expand(a, s)", {"s": np.array([1, 1, 8])}),
        (
            "a = Relu(x) y = Slice(a, b, e)",
            {"b": np.array([0]), "e": np.array([9])},
        ),
    ],
)
def test_operators_that_return_their_input_go(body, constants, make_model, apply):
    assert apply(make_model(body, X, Y, **constants), remove_identities) == ["Relu"]


@pytest.mark.parametrize(
    ("body", "outputs", "constants"),
    [
        ("y = Identity(x)", Y, {}),
        ("a = Relu(x) y = Identity(a)", f"{Y}, float[1,4,8] a", {}),
        ("y = Sub(z, x)", Y, {"z": F(0)}),
        ("y = Add(x, z)", "float[2,4,8] y", {"z": np.zeros((2, 1, 1), F)}),
        ("y = Transpose <perm=[0,2,1]> (x)", "float[1,8,4] y", {}),
        (
            "y = Slice(x, b, e, a, s)",
            Y,
            dict.fromkeys("bea", np.array([0])) | {"s": np.array([-1])},
        ),
    ],
)
def test_operators_that_do_something_stay(body, outputs, constants, make_model, apply):
    if "Slice" in body:
        constants = constants | {"b": np.array([-1]), "e": np.array([-9])}
    proto = make_model(body, X, outputs, **constants)
    before = [node.op_type for node in proto.graph.node]
    assert apply(proto, remove_identities) == before
    assert apply.changed == [False]


def test_shape_arithmetic_folds_to_constants(make_model, apply):
    body = (
        "s = Shape(x) i = Gather(s, zero) u = Unsqueeze(i, first) t = Concat <axis=0> (u, rest)"
        " r = Reshape(x, t) y = Relu(r)"
    )
    constants = {"zero": np.array(0), "first": np.array([0]), "rest": np.array([-1])}
    proto = make_model(body, X, "float[1,32] y", **constants)
    assert apply(proto, fold_constants) == ["Reshape", "Relu"]
    assert apply.model.graph.initializers["t"].const_value.numpy().tolist() == [1, -1]


def test_quantized_weights_are_not_folded(make_model, apply):
    body = "d = DequantizeLinear(w, s, z) y = Mul(x, d)"
    constants = {"w": np.arange(8, dtype=np.int8), "s": F(0.5), "z": np.int8(1)}
    assert apply(make_model(body, X, Y, **constants), fold_constants) == ["DequantizeLinear", "Mul"]


def test_large_results_stay_operators(make_model, apply, monkeypatch):
    body = "c = ConstantOfShape(s) y = Add(x, c)"
    proto = make_model(body, X, Y, s=np.array([1, 4, 8]))
    monkeypatch.setattr(constant_folding, "MAX_GROWTH_BYTES", 100)
    assert apply(proto, fold_constants) == ["ConstantOfShape", "Add"]
    monkeypatch.setattr(constant_folding, "MAX_GROWTH_BYTES", 128)
    assert apply(proto, fold_constants) == ["Add"]


def test_constant_outputs_stay_operators(make_model, apply):
    proto = make_model("y = Relu(x) z = Neg(c)", X, f"{Y}, float[2] z", c=np.ones(2, F))
    assert apply(proto, fold_constants) == ["Relu", "Neg"]


def test_folding_follows_shapes_it_made_known(make_model, apply):
    body = "n = Neg(minus) e = Expand(one, n) y = Add(x, e)"
    proto = make_model(body, X, Y, minus=np.array([-4, -8]), one=F(1))

    def infer(model):
        infer_shapes(model)
        return False

    assert apply(proto, fold_constants, infer, fold_constants) == ["Add"]


@pytest.mark.parametrize(
    ("body", "constants", "expected", "bounds"),
    [
        ("a = Relu(x) y = Clip(a, lo, hi)", {"lo": F(-1), "hi": F(6)}, "Clip", (0, 6)),
        ("a = Clip(x, lo, hi) y = Relu(a)", {"lo": F(-1), "hi": F(6)}, "Clip", (0, 6)),
        ("a = Max(lo, x) y = Min(a, hi)", {"lo": F(-1), "hi": F([2])}, "Clip", (-1, 2)),
        (
            "a = Clip(x, lo, hi) y = Max(a, five)",
            {"lo": F(0), "hi": F(2), "five": F(5)},
            "Clip",
            (5, 5),
        ),
        ("a = Relu(x) y = Relu(a)", {}, "Relu", None),
        ("y = Clip(x, lo)", {"lo": F(0)}, "Relu", None),
        ("y = Max(x, lo)", {"lo": F(0)}, "Relu", None),
        ("a = Relu(x) y = Clip(a)", {}, "Relu", None),
    ],
)
def test_bounds_merge(body, constants, expected, bounds, make_model, apply):
    assert apply(make_model(body, X, Y, **constants), canonicalize_clip) == [expected]
    if bounds is not None:
        (node,) = apply.model.graph
        assert tuple(v.const_value.numpy().item() for v in node.inputs[1:]) == bounds
        assert not canonicalize_clip(apply.model)


@pytest.mark.parametrize(
    ("body", "outputs", "constants"),
    [
        ("y = Max(x, c)", Y, {"c": np.ones((8,), F)}),
        ("a = Relu(x) y = Clip(a, lo, hi)", f"{Y}, float[1,4,8] a", {"lo": F(1), "hi": F(2)}),
    ],
)
def test_other_bounds_stay(body, outputs, constants, make_model, apply):
    apply(make_model(body, X, outputs, **constants), canonicalize_clip)
    assert apply.changed == [False]


def test_equal_computations_are_done_once(make_model, apply):
    body = "a = Add(x, c) b = Add(x, d) y = Mul(a, b)"
    constants = {"c": F(2), "d": F(2)}
    assert apply(make_model(body, X, Y, **constants), merge_common_subexpressions) == ["Add", "Mul"]


@pytest.mark.parametrize("operator", ["RandomNormalLike", "QuantizeLinear"])
def test_random_and_quantizing_operators_are_not_merged(operator, make_model, load):
    scale = ", s" if operator == "QuantizeLinear" else ""
    tail = (
        "p = DequantizeLinear(a, s) q = DequantizeLinear(b, s)"
        if scale
        else ("p = Identity(a) q = Identity(b)")
    )
    body = f"a = {operator}(x{scale}) b = {operator}(x{scale}) {tail} y = Add(p, q)"
    model = load(make_model(body, X, Y, **({"s": F(0.1)} if scale else {})))
    merge_common_subexpressions(model)
    assert [node.op_type for node in model.graph].count(operator) == 2


def test_dead_code_goes(make_model, apply):
    proto = make_model("y = Relu(x) z = Neg(x) w = Add(z, c)", X, Y, c=F(1))
    assert apply(proto, remove_dead_code) == ["Relu"]
    assert not apply.model.graph.initializers


def test_spatial_mean_becomes_a_pool(make_model, apply):
    proto = make_model(
        "y = ReduceMean(x, a)", "float[1,3,5,4] x", "float[1,3,1,1] y", a=np.array([-1, 2])
    )
    assert apply(proto, fuse_global_average_pool) == ["GlobalAveragePool"]


@pytest.mark.parametrize(
    ("attribute", "axes", "shape"),
    [("<keepdims=0>", [2, 3], "[1,3]"), ("", [1, 2], "[1,1,1,4]")],
)
def test_other_means_stay(attribute, axes, shape, make_model, apply):
    body = f"y = ReduceMean {attribute} (x, a)"
    proto = make_model(body, "float[1,3,5,4] x", f"float{shape} y", a=np.array(axes))
    assert apply(proto, fuse_global_average_pool) == ["ReduceMean"]
