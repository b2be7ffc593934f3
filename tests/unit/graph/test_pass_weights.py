"""What is folded into weights, and padding."""

from __future__ import annotations

import numpy as np
import pytest

from toolchain.graph.passes.batch_norm import fold_batch_norm
from toolchain.graph.passes.batch_norm_conv import rewrite_batch_norm
from toolchain.graph.passes.batch_norm_next import fold_batch_norm_next
from toolchain.graph.passes.channel_affine import fold_channel_affine
from toolchain.graph.passes.division import multiply_by_reciprocals
from toolchain.graph.passes.factor import fold_factor
from toolchain.graph.passes.matmul_bias import fuse_matmul_bias
from toolchain.graph.passes.pad import fold_pad

F = np.float32
X = "float[1,4,6,6] x"


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(F)


def norm(channels: int) -> dict[str, np.ndarray]:
    return {
        "gamma": normal(channels, seed=1),
        "beta": normal(channels, seed=2),
        "mean": normal(channels, seed=3),
        "variance": np.abs(normal(channels, seed=4)) + F(0.1),
    }


NORM = "BatchNormalization <epsilon=0.001> ({}, gamma, beta, mean, variance)"


@pytest.mark.parametrize(
    ("body", "weight", "outputs", "kept"),
    [
        ("a = Conv(x, w)", (8, 4, 3, 3), "float[1,8,4,4] y", "Conv"),
        ("a = Conv <group=2, pads=[1,1,1,1]> (x, w, b)", (8, 2, 3, 3), "float[1,8,6,6] y", "Conv"),
        (
            "a = ConvTranspose <group=2> (x, w, b)",
            (4, 4, 3, 3),
            "float[1,8,8,8] y",
            "ConvTranspose",
        ),
        ("a = ConvTranspose (x, w)", (4, 8, 2, 2), "float[1,8,7,7] y", "ConvTranspose"),
    ],
)
def test_batch_norm_into_the_layer_before(body, weight, outputs, kept, make_model, apply):
    constants = {"w": normal(*weight), **norm(8)}
    if "b)" in body:
        constants["b"] = normal(8, seed=5)
    proto = make_model(f"{body} y = {NORM.format('a')}", X, outputs, **constants)
    proto.graph.node[0].name = "layer"
    assert apply(proto, fold_batch_norm, atol=1e-4) == [kept]
    (node,) = apply.model.graph
    assert node.name == "layer"
    assert set(apply.model.graph.initializers) == {"w", "b" if "b" in constants else "layer.bias"}


@pytest.mark.parametrize("attributes", ["", "<transB=1, alpha=0.5, beta=2.0>"])
def test_batch_norm_into_gemm(attributes, make_model, apply):
    shape = (8, 5) if attributes else (5, 8)
    body = f"a = Gemm {attributes} (x, w, b) y = {NORM.format('a')}"
    constants = {"w": normal(*shape), "b": normal(1, 8, seed=7), **norm(8)}
    proto = make_model(body, "float[1,5] x", "float[1,8] y", **constants)
    assert apply(proto, fold_batch_norm, atol=1e-4) == ["Gemm"]


def test_what_would_overflow_stays(make_model, apply):
    proto = make_model(
        "a = Conv(x, w) y = Div(a, c)", X, "float[1,8,6,6] y",
        w=np.full((8, 4, 1, 1), 1e30, F), c=np.full(1, 1e-20, F),
    )  # fmt: skip
    apply(proto, fold_channel_affine)
    assert apply.changed == [False]


def test_shared_weights_are_copied(make_model, apply):
    body = f"a = Conv(x, w) y = {NORM.format('a')} z = Conv(x, w)"
    outputs = "float[1,8,6,6] y, float[1,8,6,6] z"
    proto = make_model(body, X, outputs, w=normal(8, 4, 1, 1), **norm(8))
    assert apply(proto, fold_batch_norm, atol=1e-4) == ["Conv", "Conv"]


@pytest.mark.parametrize(
    ("body", "outputs"),
    [
        (f"a = Conv(x, w) y = {NORM.format('a')} z = Relu(a)", "float[1,8,6,6] z"),
        (f"a = Conv(x, w) y = {NORM.format('a')}", "float[1,8,6,6] a"),
    ],
)
def test_a_layer_read_elsewhere_keeps_its_batch_norm(body, outputs, make_model, apply):
    outputs = f"float[1,8,6,6] y, {outputs}"
    proto = make_model(body, X, outputs, w=normal(8, 4, 1, 1), **norm(8))
    assert "BatchNormalization" in apply(proto, fold_batch_norm)


@pytest.mark.parametrize(
    ("attributes", "folds"), [("<group=2>", True), ("<pads=[1,1,1,1]>", False)]
)
def test_batch_norm_into_the_next_conv(attributes, folds, make_model, apply):
    weight = (6, 2, 3, 3) if folds else (6, 4, 3, 3)
    size = 4 if folds else 6
    body = f"a = {NORM.format('x')} y = Conv {attributes} (a, w)"
    proto = make_model(body, X, f"float[1,6,{size},{size}] y", w=normal(*weight), **norm(4))
    expected = ["Conv"] if folds else ["BatchNormalization", "Conv"]
    assert apply(proto, fold_batch_norm_next, atol=1e-4) == expected


@pytest.mark.parametrize(
    ("shape", "expected"),
    [("[1,4,6,6]", ["Conv"]), ("[1,4,6]", ["Conv"]), ("[1,4]", ["Mul", "Add"])],
)
def test_batch_norm_alone(shape, expected, make_model, apply):
    proto = make_model(f"y = {NORM.format('x')}", f"float{shape} x", f"float{shape} y", **norm(4))
    assert apply(proto, rewrite_batch_norm) == expected


@pytest.mark.parametrize(
    ("operator", "shape"),
    [("Mul(a, c)", (8, 1, 1)), ("Add(c, a)", (1, 8, 1, 1)), ("Sub(a, c)", ()), ("Div(a, c)", (1,))],
)
def test_channel_constants_into_the_layer_before(operator, shape, make_model, apply):
    proto = make_model(
        f"a = Conv(x, w) y = {operator}", X, "float[1,8,6,6] y",
        w=normal(8, 4, 1, 1), c=np.abs(normal(*shape, seed=9)) + F(0.5),
    )  # fmt: skip
    assert apply(proto, fold_channel_affine) == ["Conv"]


@pytest.mark.parametrize(
    ("operator", "shape"), [("Mul(a, c)", (6,)), ("Sub(c, a)", ()), ("Div(a, c)", (8, 1, 1))]
)
def test_other_constants_stay(operator, shape, make_model, apply):
    constant = np.zeros(shape, F) if "Div" in operator else normal(*shape)
    proto = make_model(
        f"a = Conv(x, w) y = {operator}", X, "float[1,8,6,6] y", w=normal(8, 4, 1, 1), c=constant
    )
    apply(proto, fold_channel_affine)
    assert apply.changed == [False]


ROWS = ["Reshape", "Gemm", "Reshape"]


@pytest.mark.parametrize(
    ("shape", "expected"),
    [("2,", ["Gemm"]), ("2,3,", ROWS), ("N,3,5,", ROWS), ("", ["MatMul", "Add"])],
)
def test_matmul_and_bias(shape, expected, make_model, apply):
    proto = make_model(
        "a = MatMul(x, w) y = Add(b, a)", f"float[{shape}4] x", f"float[{shape}8] y",
        w=normal(4, 8), b=normal(8, seed=1),
    )  # fmt: skip
    assert apply(proto, fuse_matmul_bias) == expected


ATTENTION = (
    "q = MatMul(x, v) a = Add(q, b) r = Reshape(a, s) t = Transpose <perm=[0,2,1,3]> (r)"
    " k = Transpose <perm=[0,1,3,2]> (z) p = MatMul(t, k) {}"
)
PARTS = {"v": normal(6, 8), "b": normal(8, seed=1), "s": np.array([0, 3, 2, 4])}


@pytest.mark.parametrize("scaling", ["y = Mul(c, p)", "y = Div(p, c)"])
def test_the_factor_of_attention_goes_into_the_query(scaling, make_model, apply):
    proto = make_model(
        ATTENTION.format(scaling),
        "float[1,3,6] x, float[1,2,5,4] z",
        "float[1,2,3,5] y",
        c=F(0.25),
        **PARTS,
    )
    left = apply(proto, fuse_matmul_bias, fold_factor, atol=1e-4)
    assert left == [*ROWS, "Reshape", "Transpose", "Transpose", "MatMul"]


@pytest.mark.parametrize(
    ("body", "outputs"),
    [
        ("a = Gemm(x, w, b) p = MatMul(a, a) y = Mul(p, c)", "float[4,4] y"),
        ("a = Gemm(x, w, b) y = Mul(a, c)", "float[4,4] y, float[4,4] a"),
        ("a = Gemm(x, w, b) r = Relu(a) y = Mul(r, c)", "float[4,4] y"),
        ("a = Gemm(x, w, b) y = Add(a, c)", "float[4,4] y"),
    ],
    ids=["a square", "read by others", "not linear", "not a factor"],
)
def test_factors_that_stay(body, outputs, make_model, apply):
    proto = make_model(body, "float[4,4] x", outputs, w=normal(4, 4), b=normal(4), c=F(0.5))
    apply(proto, fold_factor)
    assert apply.changed == [False]


@pytest.mark.parametrize("divisor", [F(8), normal(4, 1, 1), normal(1, 4, 6, 6)])
def test_division_becomes_a_product(divisor, make_model, apply):
    proto = make_model("y = Div(x, c)", X, "float[1,4,6,6] y", c=divisor)
    assert apply(proto, multiply_by_reciprocals) == ["Mul"]


@pytest.mark.parametrize(
    ("body", "divisor"),
    [("Div(c, x)", F(2)), ("Div(x, c)", F(0)), ("Div(x, c)", F(1e-40)), ("Div(x, x)", F(1))],
    ids=["of a constant", "by 0", "beyond float32", "by what is computed"],
)
def test_divisions_that_stay(body, divisor, make_model, load):
    model = load(make_model(f"y = {body}", X, "float[1,4,6,6] y", c=divisor))
    assert not multiply_by_reciprocals(model)


PADS = np.array([0, 0, 1, 0, 0, 0, 0, 2])


@pytest.mark.parametrize(
    ("layer", "size", "constants"),
    [
        ("Conv <pads=[0,1,0,0]> (p, w)", "5,7", {"w": normal(3, 4, 3, 3), "fill": F(0)}),
        ("AveragePool <kernel_shape=[3,3]> (p)", "5,6", {"fill": F(0)}),
        ("MaxPool <kernel_shape=[3,3]> (p)", "5,6", {"fill": F(-np.inf)}),
    ],
)
def test_pad_into_layers(layer, size, constants, make_model, apply):
    channels = 3 if "Conv" in layer else 4
    proto = make_model(
        f"p = Pad(x, pads, fill) y = {layer}",
        X,
        f"float[1,{channels},{size}] y",
        pads=PADS,
        **constants,
    )
    assert apply(proto, fold_pad) == [layer.split()[0]]


@pytest.mark.parametrize(
    ("body", "pads", "fill"),
    [
        ("p = Pad(r, pads, fill) y = MaxPool <kernel_shape=[3,3]> (p)", PADS, 0),
        ("p = Pad(r, pads, fill) y = MaxPool <kernel_shape=[2,2]> (p)", PADS, -np.inf),
        (
            "p = Pad(r, pads, fill) y = AveragePool <kernel_shape=[3,3], pads=[1,1,1,1]> (p)",
            PADS,
            0,
        ),
        ("p = Pad(r, pads, fill) y = Conv (p, w)", PADS, 1),
        ("p = Pad(r, pads, fill) y = Conv (p, w)", np.array([0, 0, -1, 0, 0, 0, 0, 2]), 0),
        ('p = Pad <mode="reflect"> (r, pads) y = Conv (p, w)', PADS, 0),
    ],
)
def test_padding_that_means_something_else_stays(body, pads, fill, make_model, apply):
    constants = {"pads": pads}
    if "fill" in body:
        constants["fill"] = F(fill)
    if "Conv" in body:
        constants["w"] = normal(3, 4, 3, 3)
    proto = make_model(f"r = Relu(x) {body}", X, "float[N,C,H,W] y", **constants)
    apply(proto, fold_pad)
    assert apply.changed == [False]
