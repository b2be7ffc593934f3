"""Which values can be scaled together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from tc_target_riscv.facts import SPEC
from toolchain.core.dtypes import DType
from toolchain.core.quant import PerTensor
from toolchain.quantization.algorithms.channel_groups import channel_groups, is_depthwise
from toolchain.quantization.plan import make_plan

INPUTS = "float[1,2,4,4] x"
DENSE, DEPTHWISE = np.ones((2, 2, 1, 1), np.float32), np.ones((2, 1, 3, 3), np.float32)
BIAS = np.ones(2, np.float32)


@pytest.fixture
def groups(make_text_model: Callable, graph_of: Callable) -> Callable:
    def of(body: str, outputs: str = "float[A,B,C,D] y", pinned=frozenset(), **constants):
        graph = graph_of(make_text_model(body, INPUTS, outputs, **constants))
        return channel_groups(graph, make_plan(graph, SPEC, bias_dtype=DType.INT32), pinned)

    return of


def test_a_chain(groups: Callable):
    """Input and output of the model are no group; every hidden value belongs to one."""
    found = groups(
        """a = Conv(x, v) b = Relu(a) c = Conv<group=2>(b, d) m = MaxPool<kernel_shape=[2,2]>(c)
        y = Conv(m, w)""",
        v=DENSE,
        d=DEPTHWISE,
        w=DENSE,
    )
    assert [group.values for group in found] == [("a", "b"), ("c", "m")]
    assert [[node.name for node in group.writers] for group in found] == [["a_node"], ["c_node"]]
    assert [[node.name for node in group.readers] for group in found] == [["c_node"], ["y_node"]]
    assert [is_depthwise(node) for group in found for node in group.readers] == [True, False]


def test_a_residual_stream_is_one_group(groups: Callable):
    found = groups(
        "a = Conv(x, u) b = Conv(a, v) s = Add(a, b) y = Conv(s, w)", u=DENSE, v=DENSE, w=DENSE
    )
    assert [group.values for group in found] == [("a", "b", "s")]
    assert [node.name for node in found[0].readers] == ["b_node", "y_node"]


def test_a_gate_scales_nothing(groups: Callable):
    """The gate stays as it is, what it is multiplied with and the product scale together."""
    found = groups(
        """a = Conv(x, v) p = GlobalAveragePool(a) g = HardSigmoid(p) m = Mul(a, g)
        y = Conv(m, w)""",
        v=DENSE,
        w=DENSE,
    )
    assert found == ()
    found = groups(
        """a = Conv(x, v) p = GlobalAveragePool(a) q = Conv(p, u) g = HardSigmoid(q)
        m = Mul(a, g) y = Conv(m, w)""",
        v=DENSE,
        u=DENSE,
        w=DENSE,
    )
    assert [group.values for group in found] == [("a", "p", "m")]


def test_flattened_for_a_gemm(groups: Callable):
    found = groups(
        "a = Conv(x, v) p = GlobalAveragePool(a) f = Flatten(p) y = Gemm(f, w)",
        "float[1,2] y",
        v=DENSE,
        w=np.ones((2, 2), np.float32),
    )
    assert [group.values for group in found] == [("a", "p", "f")]


@pytest.mark.parametrize(
    ("body", "constants"),
    [
        ("a = Conv(x, v) b = HardSwish(a) y = Conv(b, w)", {}),
        ("a = Conv(x, v) b = Add(a, c) y = Conv(b, w)", {"c": np.ones((1, 2, 4, 4), "f4")}),
        ("a = Conv(x, v) b = Add(a, x) y = Conv(b, w)", {}),
        ("a = Conv(x, v) b = Conv(a, v) y = Neg(b)", {}),
        ("a = Conv(x, v, c) b = Conv(a, w, c) y = Neg(b)", {"c": BIAS}),
        ("a = Conv(x, v) y = Relu(a)", {}),
        ("a = Conv(x, v) p = MaxPool<kernel_shape=[4,4]>(a) f = Flatten(a) y = Gemm(f, t)",
         {"t": np.ones((32, 1), "f4")}),
    ],
    ids=["not homogeneous", "constant", "model input", "shared weight", "shared bias",
         "model output", "flattened positions"],
)  # fmt: skip
def test_what_stands_in_the_way(groups: Callable, body: str, constants: dict):
    outputs = "float[A,B] y" if "Gemm" in body else "float[A,B,C,D] y"
    assert groups(body, outputs, v=DENSE, w=DENSE, **constants) == ()


def test_pinned_values_and_weights_stay(groups: Callable):
    body = "a = Conv(x, v) b = Relu(a) y = Conv(b, w)"
    assert len(groups(body, v=DENSE, w=DENSE)) == 1
    for name in ("a", "b", "v", "w"):
        assert groups(body, pinned=frozenset({name}), v=DENSE, w=DENSE) == ()


def test_groups_of_channels_are_left_alone(groups: Callable):
    """Two groups of two channels each: neither dense nor depthwise."""
    assert (
        groups(
            "a = Conv(x, e) b = Conv<group=2>(a, d) y = Conv(b, n)",
            e=np.ones((4, 2, 1, 1), np.float32),
            d=np.ones((4, 2, 1, 1), np.float32),
            n=np.ones((2, 4, 1, 1), np.float32),
        )
        == ()
    )


def test_weights_of_one_scale_are_left_alone(make_text_model: Callable, graph_of: Callable):
    """There, uneven rows would cost what even channels gain."""
    body = "a = Conv(x, v) b = Relu(a) y = Conv(b, w)"
    graph = graph_of(make_text_model(body, INPUTS, "float[A,B,C,D] y", v=DENSE, w=DENSE))
    plan = make_plan(graph, SPEC, bias_dtype=DType.INT32)
    spec = replace(plan.specs["w"], granularity=PerTensor())
    assert channel_groups(graph, plan.with_changes(specs={"w": spec}), frozenset()) == ()
