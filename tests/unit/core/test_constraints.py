"""Constraints that targets share, as riscv has them: nodes that keep and nodes that break each."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tc_target_riscv.facts import SPEC
from toolchain.core import constraints as rule
from toolchain.core.target import rule_of
from toolchain.program.records import FloatOp

W = np.zeros((4, 4, 3, 3), np.float32)
X = "float[1,4,8,8] x"

KEPT = {
    "conv": ("Conv(x, w, b)", {"w": W, "b": np.zeros(4, np.float32)}),
    "transposed conv": ("ConvTranspose(x, w)", {"w": W}),
    "matmul of a constant": ("MatMul(x, w)", {"w": np.zeros((8, 5), np.float32)}),
    "matmul of activations": ("MatMul(x, x)", {}),
    "average pool": ("AveragePool<kernel_shape=[2,2]>(x)", {}),
    "average pool that counts": (
        "AveragePool<kernel_shape=[2,2], pads=[1,1,1,1], count_include_pad=1>(x)",
        {},
    ),
    "nearest": ("Resize(x, , w)", {"w": np.array([1, 1, 2, 2], np.float32)}),
    "linear": ("Resize<mode='linear'>(x, , , w)", {"w": np.array([1, 4, 5, 5])}),
    "cubic": ("Resize<mode='cubic'>(x, , w)", {"w": np.array([1, 1, 2, 2], np.float32)}),
    "aspect kept": (
        "Resize<keep_aspect_ratio_policy='not_larger', axes=[2,3]>(x, , , w)",
        {"w": np.array([9, 12])},
    ),
    "layer norm": ("LayerNormalization(x, w)", {"w": np.ones(8, np.float32)}),
    "mean": ("ReduceMean(x, w)", {"w": np.array([2])}),
    "slopes": ("PRelu(x, w)", {"w": np.ones((4, 1, 1), np.float32)}),
    "clip": ("Clip(x, w)", {"w": np.float32(0)}),
}

BROKEN = {
    "computed weight": ("Conv(x, v)", {}, rule.constant_weight, "`v` is computed"),
    "computed bias": (
        "Conv(x, w, c)",
        {"w": W},
        rule.constant_bias,
        "`c` is computed",
    ),
    "transposed conv of 3 axes": (
        "ConvTranspose(x5, w)",
        {"w": np.zeros((4, 4, 1, 1, 1), np.float32)},
        rule.conv_transpose_rank,
        "3 spatial axes",
    ),
    "conv of 4 axes": (
        "Conv(x6, w)",
        {"w": np.zeros((4, 4, 1, 1, 1, 1), np.float32)},
        rule.conv_rank,
        "4 spatial axes",
    ),
    "scaled gemm": (
        "Gemm<alpha=2.0>(x2, w)",
        {"w": np.zeros((4, 3), np.float32)},
        rule.gemm_form,
        "transA = 0, alpha = 2, beta = 1",
    ),
    "bias of all of gemm": (
        "Gemm(x2, w, b)",
        {"w": np.zeros((4, 3), np.float32), "b": np.float32(1)},
        rule.gemm_bias,
        "shape ()",
    ),
    "matmul of a constant in front": (
        "MatMul(w, x)",
        {"w": np.zeros((3, 8), np.float32)},
        rule.matmul_operands,
        "constant, 2 and 4 axes",
    ),
    "matmul of a vector": (
        "MatMul(x, w)",
        {"w": np.zeros(8, np.float32)},
        rule.matmul_operands,
        "computed, 4 and 1 axes",
    ),
    "average pool with padding": (
        "AveragePool<kernel_shape=[2,2], pads=[1,1,1,1]>(x)",
        {},
        rule.average_pool_padding,
        "2 spatial axes, pads (1, 1, 1, 1)",
    ),
    "average pool of three axes": (
        "AveragePool<kernel_shape=[1,1,1]>(x5)",
        {},
        rule.average_pool_padding,
        "3 spatial axes, pads ()",
    ),
    "antialiasing": (
        "Resize<mode='linear', antialias=1>(x, , w)",
        {"w": np.array([1, 1, 2, 2], np.float32)},
        rule.resize_form,
        "antialias 1, constant sizes",
    ),
    "computed bound": (
        "Clip(x, m)",
        {},
        rule.constant_parameters,
        "m",
    ),
}
INPUTS = (
    f"{X}, float[1,4,1,1,1] x5, float[1,4,1,1,1,1] x6, float[2,4] x2, float[4,4,1,1] v, "
    "float[4] c, float m"
)


def node_of(make_text_model: Callable, graph_of: Callable, text: str, constants: dict):
    graph = graph_of(make_text_model(f"y = {text}", INPUTS, "float[A,B,C,D] y", **constants))
    return graph.nodes[-1]


@pytest.mark.parametrize(("text", "constants"), KEPT.values(), ids=KEPT)
def test_nodes_that_run_on_integers(
    make_text_model: Callable, graph_of: Callable, text: str, constants: dict
):
    assert SPEC.violations(node_of(make_text_model, graph_of, text, constants)) == ()


@pytest.mark.parametrize(("text", "constants", "broken", "measured"), BROKEN.values(), ids=BROKEN)
def test_nodes_that_do_not(
    make_text_model: Callable,
    graph_of: Callable,
    text: str,
    constants: dict,
    broken: Callable,
    measured: str,
):
    node = node_of(make_text_model, graph_of, text, constants)
    assert SPEC.violations(node) == ((rule_of(broken), measured),)


def test_indices_of_a_max_pool(make_text_model: Callable, graph_of: Callable):
    outputs = "float[A,B,C,D] y, int64[A,B,C,D] i"
    graph = graph_of(make_text_model("y, i = MaxPool<kernel_shape=[2,2]>(x)", X, outputs))
    assert SPEC.violations(graph.nodes[0]) == ((rule_of(rule.single_output), "2 outputs"),)


def test_unknown_shapes(make_text_model: Callable, graph_of: Callable):
    body = "a = Compress(x, k) y = Relu(a)"
    graph = graph_of(make_text_model(body, f"{X}, bool[2] k", "float[N] y"))
    assert SPEC.violations(graph.nodes[-1]) == ((rule_of(rule.static_shape), "a, y"),)


@pytest.mark.parametrize(("text", "constants"), KEPT.values(), ids=KEPT)
def test_what_the_constraints_allow_is_lowered(
    make_text_model: Callable, build: Callable, text: str, constants: dict
):
    body = "r = Tanh(x) y = " + text.replace("(x", "(r").replace(", x)", ", r)")
    built = build(make_text_model(body, X, "float[A,B,C,D] y", **constants))
    assert not [op for op in built.program.operations if isinstance(op, FloatOp)]
