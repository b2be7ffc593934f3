"""Fusion of written-out activations and normalizations."""

from __future__ import annotations

import math

import numpy as np
import pytest

from toolchain.graph.passes.clip import canonicalize_clip
from toolchain.graph.passes.common_subexpressions import merge_common_subexpressions
from toolchain.graph.passes.gelu import fuse_gelu
from toolchain.graph.passes.hard_sigmoid import fuse_hard_sigmoid
from toolchain.graph.passes.hard_swish import fuse_hard_swish
from toolchain.graph.passes.layer_norm import fuse_layer_norm
from toolchain.graph.passes.rms_norm import fuse_rms_norm
from toolchain.graph.passes.swish import fuse_swish

X, Y = "float[1,4,8] x", "float[1,4,8] y"
F = np.float32
HARD = {
    "three": F(3),
    "zero": F(0),
    "six": F(6),
    "sixth": F(1 / 6),
    "half": F(0.5),
    "one": F(1),
}


def pick(names: dict, body: str) -> dict:
    return {name: value for name, value in names.items() if name in body}


@pytest.mark.parametrize(
    "body",
    [
        "a = Add(x, three) c = Clip(a, zero, six) m = Mul(x, c) y = Div(m, six)",
        "a = Add(three, x) c = Clip(a, zero, six) d = Div(c, six) y = Mul(d, x)",
        "a = Add(x, three) c = Clip(a, zero, six) m = Mul(c, x) y = Mul(sixth, m)",
        "a = Add(x, three) r = Relu(a) c = Min(six, r) m = Mul(c, x) y = Mul(m, sixth)",
        "a = Add(x, three) lo = Max(a, zero) c = Min(lo, six) s = Mul(x, sixth) y = Mul(s, c)",
        "h = HardSigmoid <alpha=0.1666667, beta=0.5> (x) y = Mul(x, h)",
    ],
)
def test_hard_swish_in_all_groupings(body, make_model, apply):
    proto = make_model(body, X, Y, **pick(HARD, body))
    assert apply(proto, canonicalize_clip, fuse_hard_sigmoid, fuse_hard_swish) == ["HardSwish"]


@pytest.mark.parametrize(
    "body",
    [
        "a = Add(x, three) c = Clip(a, zero, six) y = Div(c, six)",
        "s = Mul(sixth, x) a = Add(s, half) y = Clip(a, zero, one)",
    ],
)
def test_hard_sigmoid(body, make_model, apply):
    proto = make_model(body, X, Y, **pick(HARD, body))
    assert apply(proto, fuse_hard_sigmoid) == ["HardSigmoid"]


def test_other_slopes_are_no_hard_swish(make_model, apply):
    proto = make_model("h = HardSigmoid <alpha=0.2> (x) y = Mul(x, h)", X, Y)
    assert apply(proto, fuse_hard_swish) == ["HardSigmoid", "Mul"]


def test_swish_keeps_name_and_output(make_model, apply):
    proto = make_model("s = Sigmoid(x) y = Mul(s, x)", X, Y)
    proto.graph.node[1].name = "act"
    assert apply(proto, fuse_swish) == ["Swish"]
    (node,) = apply.model.graph
    assert (node.name, node.outputs[0].name) == ("act", "y")


@pytest.mark.parametrize(
    ("body", "outputs"),
    [
        ("s = Sigmoid(x) y = Mul(s, x)", f"{Y}, float[1,4,8] s"),
        ("s = Sigmoid(x) y = Mul(s, x) z = Neg(s)", f"{Y}, float[1,4,8] z"),
        ("n = Neg(x) s = Sigmoid(n) y = Mul(s, x)", Y),
    ],
)
def test_a_value_read_elsewhere_is_not_fused_away(body, outputs, make_model, apply):
    assert "Swish" not in apply(make_model(body, X, outputs), fuse_swish)


ERF = {"root2": F(math.sqrt(2)), "inv_root2": F(1 / math.sqrt(2))}
GELU = {
    "half": F(0.5),
    "one": F(1),
    "two": F(2),
    "three": F(3),
    "slope": F(math.sqrt(2 / math.pi)),
    "cubic": F(0.044715),
    **ERF,
}


@pytest.mark.parametrize(
    "body",
    [
        "d = Div(x, root2) e = Erf(d) p = Add(e, one) m = Mul(x, p) y = Mul(m, half)",
        "d = Mul(inv_root2, x) e = Erf(d) p = Add(one, e) h = Mul(x, half) y = Mul(h, p)",
        "d = Div(x, root2) e = Erf(d) p = Add(e, one) h = Mul(half, p) y = Mul(x, h)",
        "d = Div(x, root2) e = Erf(d) p = Add(e, one) m = Mul(p, x) y = Div(m, two)",
    ],
)
def test_gelu_by_erf(body, make_model, apply):
    assert apply(make_model(body, X, Y, **pick(GELU, body)), fuse_gelu) == ["Gelu"]


@pytest.mark.parametrize(
    "body",
    [
        (
            "c = Pow(x, three) k = Mul(c, cubic) a = Add(x, k) i = Mul(a, slope) t = Tanh(i)"
            " p = Add(t, one) h = Mul(x, half) y = Mul(h, p)"
        ),
        (
            "q = Mul(x, x) c = Mul(q, x) k = Mul(cubic, c) a = Add(k, x) i = Mul(slope, a)"
            " t = Tanh(i) p = Add(one, t) m = Mul(x, p) y = Mul(m, half)"
        ),
        (
            "q = Mul(x, x) k = Mul(q, cubic) b = Add(k, one) s = Mul(x, slope) i = Mul(s, b)"
            " t = Tanh(i) p = Add(t, one) h = Mul(p, half) y = Mul(x, h)"
        ),
    ],
)
def test_gelu_by_tanh(body, make_model, apply):
    assert apply(make_model(body, X, Y, **pick(GELU, body)), fuse_gelu) == ["Gelu"]
    (node,) = apply.model.graph
    assert node.attributes["approximate"].as_string() == "tanh"


def test_gelu_with_another_constant_stays(make_model, apply):
    body = "d = Div(x, two) e = Erf(d) p = Add(e, one) m = Mul(x, p) y = Mul(m, half)"
    assert "Gelu" not in apply(make_model(body, X, Y, **pick(GELU, body)), fuse_gelu)


def norm_constants(body: str) -> dict:
    rng = np.random.default_rng(1)
    known = {
        "axes": np.array([-1]),
        "two": F(2),
        "eps": F(1e-5),
        "one": F(1),
        "gamma": rng.uniform(0.5, 1.5, 8).astype(F),
        "beta": rng.standard_normal((1, 1, 8)).astype(F),
    }
    return pick(known, body)


@pytest.mark.parametrize(
    "body",
    [
        (
            "m = ReduceMean(x, axes) d = Sub(x, m) q = Pow(d, two) v = ReduceMean(q, axes)"
            " e = Add(v, eps) r = Sqrt(e) n = Div(d, r) g = Mul(n, gamma) y = Add(g, beta)"
        ),
        (
            "m = ReduceMean(x, axes) d = Sub(x, m) d2 = Sub(x, m) q = Mul(d2, d2)"
            " v = ReduceMean(q, axes) e = Add(eps, v) r = Sqrt(e) i = Reciprocal(r) n = Mul(i, d)"
            " g = Mul(gamma, n) y = Add(beta, g)"
        ),
        (
            "m = ReduceMean(x, axes) d = Sub(x, m) q = Mul(d, d) v = ReduceMean(q, axes)"
            " e = Add(v, eps) r = Sqrt(e) n = Div(d, r) y = Mul(n, gamma)"
        ),
    ],
)
def test_layer_norm(body, make_model, apply):
    proto = make_model(body, X, Y, **norm_constants(body))
    assert apply(proto, merge_common_subexpressions, fuse_layer_norm) == ["LayerNormalization"]


def test_norm_over_inner_axes_stays(make_model, apply):
    body = (
        "m = ReduceMean(x, axes) d = Sub(x, m) q = Mul(d, d) v = ReduceMean(q, axes)"
        " e = Add(v, eps) r = Sqrt(e) n = Div(d, r) y = Mul(n, gamma)"
    )
    constants = norm_constants(body) | {"axes": np.array([1])}
    assert "LayerNormalization" not in apply(make_model(body, X, Y, **constants), fuse_layer_norm)


@pytest.mark.parametrize(
    "body",
    [
        (
            "q = Pow(x, two) v = ReduceMean(q, axes) e = Add(v, eps) r = Sqrt(e) n = Div(x, r)"
            " y = Mul(n, gamma)"
        ),
        (
            "q = Mul(x, x) v = ReduceMean(q, axes) e = Add(v, eps) r = Sqrt(e) i = Div(one, r)"
            " n = Mul(x, i) y = Mul(gamma, n)"
        ),
    ],
)
def test_rms_norm(body, make_model, apply):
    proto = make_model(body, X, Y, **norm_constants(body))
    assert apply(proto, fuse_rms_norm) == ["RMSNormalization"]
