"""Plans of small graphs, worked out by hand for the facts of the riscv target."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from tc_target_riscv.facts import SPEC
from toolchain.core.dtypes import DType
from toolchain.core.graph_view import GraphView
from toolchain.core.quant import Edge, PerChannel, QuantParams, QuantPlan, QuantSpec
from toolchain.quantization.plan import make_plan
from toolchain.quantization.precision import NodePrecision

ACTIVATION = QuantSpec(dtype=DType.INT8)
UINT8 = QuantSpec(dtype=DType.UINT8)
BIAS = QuantSpec(dtype=DType.INT32, symmetric=True, granularity=PerChannel(0))


def weight(axis: int) -> QuantSpec:
    return QuantSpec(
        dtype=DType.INT8, symmetric=True, granularity=PerChannel(axis), narrow_range=True
    )


def zeros(*shape: int) -> np.ndarray:
    return np.zeros(shape, np.float32)


@pytest.fixture
def plan_of(make_text_model: Callable, graph_of: Callable) -> Callable[..., QuantPlan]:
    """The plan of a graph in text form."""

    def plan(
        body: str,
        inputs: str = "float[1,4,8,8] x",
        outputs: str = "float[A,B,C,D] y",
        *,
        precision: Mapping[str, NodePrecision] | None = None,
        fixed: Mapping[str, QuantParams] | None = None,
        bias_dtype: DType = DType.INT32,
        **constants: np.ndarray,
    ) -> QuantPlan:
        graph: GraphView = graph_of(make_text_model(body, inputs, outputs, **constants))
        return make_plan(graph, SPEC, bias_dtype=bias_dtype, fixed=fixed, precision=precision)

    return plan


CONV = {"w": zeros(6, 4, 3, 3), "b": zeros(6)}


def test_conv_absorbs_relu(plan_of: Callable):
    plan = plan_of("c = Conv(x, w, b) y = Relu(c)", **CONV)
    assert plan.specs == {"x": ACTIVATION, "w": weight(0), "y": ACTIVATION}
    assert plan.conversions == {Edge("b", "c_node", 2): BIAS}
    assert plan.fused == {"c": "y"}
    assert plan.shared == ()


def test_conv_absorbs_clip(plan_of: Callable):
    bounds = {"lo": np.float32(0), "hi": np.float32(6)}
    plan = plan_of("c = Conv(x, w, b) y = Clip(c, lo, hi)", **CONV, **bounds)
    assert plan.specs == {"x": ACTIVATION, "w": weight(0), "y": ACTIVATION}
    assert plan.fused == {"c": "y"}


def test_clip_with_computed_bounds_is_an_island(plan_of: Callable):
    plan = plan_of("c = Conv(x, w, b) m = ReduceL2<keepdims=0>(x) y = Clip(c, , m)", **CONV)
    assert plan.fused == {}
    assert plan.specs == {"x": ACTIVATION, "w": weight(0), "c": ACTIVATION}


def test_biases_that_stay_in_float(plan_of: Callable):
    plan = plan_of("y = Conv(x, w, b)", bias_dtype=DType.FLOAT32, **CONV)
    assert plan.conversions == {}


def test_residual_sum(plan_of: Callable):
    body = "r = Relu(x) c = Conv<pads=[1,1,1,1]>(r, w) s = Add(c, r) y = Relu(s)"
    plan = plan_of(body, w=zeros(4, 4, 3, 3))
    assert plan.specs == dict.fromkeys(("x", "r", "c", "y"), ACTIVATION) | {"w": weight(0)}
    assert plan.fused == {"s": "y"}


def test_value_that_two_read_is_not_fused(plan_of: Callable):
    body = "c = Conv(x, w, b) r = Relu(c) y = Add(c, r)"
    assert plan_of(body, **CONV).fused == {}


def test_model_output_is_not_fused(plan_of: Callable):
    plan = plan_of(
        "y = Conv(x, w, b) z = Relu(y)", outputs="float[A,B,C,D] y, float[A,B,C,D] z", **CONV
    )
    assert plan.fused == {}
    assert set(plan.specs) == {"x", "w", "y", "z"}


def test_concat_shares_parameters(plan_of: Callable):
    plan = plan_of("a = Relu(x) b = Sigmoid(x) y = Concat<axis=1>(a, b)")
    assert set(plan.specs) == {"x", "a", "b", "y"}
    assert plan.shared == (frozenset({"a", "b", "y"}),)


def test_concat_shares_with_a_constant(plan_of: Callable):
    plan = plan_of("a = Relu(x) y = Concat<axis=1>(a, c)", c=zeros(1, 2, 8, 8))
    assert plan.specs["c"] == ACTIVATION
    assert plan.shared == (frozenset({"a", "c", "y"}),)


def test_chains_of_movements_share_one_set(plan_of: Callable):
    body = """
        r = Relu(x) m = MaxPool<kernel_shape=[2,2]>(r) t = Transpose<perm=[0,2,3,1]>(m)
        f = Flatten(t) y = Sigmoid(f)
    """
    plan = plan_of(body, outputs="float[A,B] y")
    assert plan.shared == (frozenset({"r", "m", "t", "f"}),)


def test_split_shares_with_all_its_outputs(plan_of: Callable):
    body = "r = Relu(x) a, b = Split<axis=1, num_outputs=2>(r) y = Mul(a, b)"
    plan = plan_of(body)
    assert plan.shared == (frozenset({"r", "a", "b"}),)


def test_two_movements_of_one_value_join_their_groups(plan_of: Callable):
    body = """
        a = Relu(x) b = Sigmoid(x) c = Tanh(x)
        d = Concat<axis=1>(a, b) e = Concat<axis=1>(b, c) y = Add(d, e)
    """
    plan = plan_of(body)
    assert plan.shared == (frozenset("abcde"),)


def test_constant_summand(plan_of: Callable):
    plan = plan_of("y = Add(x, c)", c=zeros(4, 1, 1))
    assert plan.specs == {"x": ACTIVATION, "c": ACTIVATION, "y": ACTIVATION}
    assert plan.conversions == {}


def test_one_weight_of_two_convolutions(plan_of: Callable):
    body = "a = Conv<pads=[1,1,1,1]>(x, w, b) y = Conv<pads=[1,1,1,1]>(a, w, b)"
    plan = plan_of(body, w=zeros(4, 4, 3, 3), b=zeros(4))
    assert plan.specs["w"] == weight(0)
    assert plan.conversions == {Edge("b", "a_node", 2): BIAS, Edge("b", "y_node", 2): BIAS}


def test_weight_that_an_island_shares(plan_of: Callable):
    body = "a = Conv<pads=[1,1,1,1]>(x, w) y = Conv<pads=[1,1,1,1]>(a, w)"
    asked = {"y_node": NodePrecision(weight_dtype=DType.FLOAT32)}
    plan = plan_of(body, w=zeros(4, 4, 3, 3), precision=asked)
    assert plan.specs == {"x": ACTIVATION, "w": weight(0), "a": ACTIVATION}
    assert plan.conversions == {Edge("w", "y_node", 1): None}


def test_one_weight_along_two_axes(plan_of: Callable):
    body = "a = Gemm(x, w) y = Gemm<transB=1>(a, w)"
    plan = plan_of(body, "float[1,4] x", "float[A,B] y", w=zeros(4, 4))
    assert plan.specs["w"] == weight(1)
    assert plan.conversions == {Edge("w", "y_node", 1): weight(0)}


@pytest.mark.parametrize(
    ("node", "shape", "axis"),
    [
        ("Conv(x, w)", (6, 4, 3, 3), 0),
        ("ConvTranspose(x, w)", (4, 6, 3, 3), 1),
        ("MatMul(x, w)", (8, 5), 1),
        ("MatMul(x, w)", (4, 8, 5), 2),
    ],
)
def test_weight_axes(plan_of: Callable, node: str, shape: tuple[int, ...], axis: int):
    assert plan_of(f"y = {node}", w=zeros(*shape)).specs["w"] == weight(axis)


@pytest.mark.parametrize(("trans_b", "axis"), [(0, 1), (1, 0)])
def test_weight_axis_of_gemm(plan_of: Callable, trans_b: int, axis: int):
    plan = plan_of(
        f"y = Gemm<transB={trans_b}>(x, w, b)",
        "float[2,5] x",
        "float[A,B] y",
        w=zeros(5, 5),
        b=zeros(5),
    )
    assert plan.specs["w"] == weight(axis)


def test_product_of_activations_has_no_weight(plan_of: Callable):
    plan = plan_of("r = Relu(x) y = MatMul(x, r)")
    assert plan.specs == {"x": ACTIVATION, "r": ACTIVATION, "y": ACTIVATION}


def test_unsupported_operator_is_an_island(plan_of: Callable):
    plan = plan_of("r = Relu(x) s = Sin(r) y = Relu(s)")
    assert set(plan.specs) == {"x", "r", "y"}
    assert plan.conversions == {Edge("s", "y_node", 0): ACTIVATION}


def test_broken_constraint_makes_an_island(plan_of: Callable):
    body = "r = Relu(x) p = AveragePool<kernel_shape=[3,3], pads=[1,1,1,1]>(r) y = Relu(p)"
    plan = plan_of(body)
    assert set(plan.specs) == {"x", "r", "y"}
    assert plan.conversions == {Edge("p", "y_node", 0): ACTIVATION}


def test_movement_of_float_stays_float(plan_of: Callable):
    plan = plan_of("s = Sin(x) f = Flatten(s) y = Relu(f)", outputs="float[A,B] y")
    assert set(plan.specs) == {"y"}
    assert plan.conversions == {Edge("f", "y_node", 0): ACTIVATION}
    assert plan.shared == ()


def test_concat_of_an_island_and_integers(plan_of: Callable):
    plan = plan_of("r = Relu(x) s = Sin(x) y = Concat<axis=1>(r, s)")
    assert plan.conversions == {Edge("s", "y_node", 1): ACTIVATION}
    assert plan.shared == (frozenset({"r", "y"}),)


def test_input_read_in_float_only_stays_float(plan_of: Callable):
    assert plan_of("y = Sin(x)").specs == {}


def test_input_that_both_read_is_stored(plan_of: Callable):
    plan = plan_of("s = Sin(x) r = Relu(x) y = Add(s, r)")
    assert plan.specs["x"] == ACTIVATION
    assert plan.conversions == {Edge("s", "y_node", 0): ACTIVATION}


def test_indices_and_shapes_are_not_quantized(plan_of: Callable):
    plan = plan_of(
        "r = Relu(x) f = Reshape(r, n) y = Identity(f)",
        "float[1,4,8,8] x, int64[2] n",
        "float[A,B] y",
    )
    assert "n" not in plan.specs


def test_value_read_in_two_types(plan_of: Callable):
    asked = {"b_node": NodePrecision(input_dtype=DType.UINT8)}
    plan = plan_of("r = Relu(x) a = Sigmoid(r) b = Tanh(r) y = Add(a, b)", precision=asked)
    assert plan.specs["r"] == ACTIVATION
    assert plan.conversions == {Edge("r", "b_node", 0): UINT8}


def test_output_in_another_type(plan_of: Callable):
    asked = {"r_node": NodePrecision(output_dtype=DType.UINT8)}
    plan = plan_of(
        "r = Relu(x) a = Sigmoid(r) t = Flatten(a) y = Neg(t)",
        outputs="float[A,B] y",
        precision=asked,
    )
    assert plan.specs["r"] == UINT8
    assert plan.specs["a"] == ACTIVATION


def test_movements_follow_the_type_of_their_input(plan_of: Callable):
    asked = {"r_node": NodePrecision(output_dtype=DType.UINT8)}
    plan = plan_of("r = Relu(x) t = Flatten(r) y = Neg(t)", outputs="float[A,B] y", precision=asked)
    assert plan.specs["t"] == UINT8
    assert plan.shared == (frozenset({"r", "t"}),)


def test_accumulator_handed_out_in_float(plan_of: Callable):
    asked = {"c_node": NodePrecision(output_dtype=DType.FLOAT32)}
    plan = plan_of("c = Conv(x, w, b) y = Relu(c)", precision=asked, **CONV)
    assert plan.fused == {}
    assert set(plan.specs) == {"x", "w", "y"}
    assert plan.conversions[Edge("c", "y_node", 0)] == ACTIVATION


def test_float_output_of_others_makes_an_island(plan_of: Callable):
    asked = {"r_node": NodePrecision(output_dtype=DType.FLOAT32)}
    plan = plan_of("r = Relu(x) y = Neg(r)", precision=asked)
    assert set(plan.specs) == {"y"}


def test_island_between_stored_values(plan_of: Callable):
    asked = {"c_node": NodePrecision(input_dtype=DType.FLOAT32, output_dtype=DType.INT8)}
    plan = plan_of("r = Relu(x) c = Conv(r, w, b) y = Neg(c)", precision=asked, **CONV)
    assert plan.specs == dict.fromkeys(("x", "r", "c", "y"), ACTIVATION)
    assert plan.conversions == {}


def test_rule_keeps_the_value_before_an_activation(plan_of: Callable):
    asked = {"c_node": NodePrecision(output_dtype=DType.INT8)}
    plan = plan_of("c = Conv(x, w, b) y = Relu(c)", precision=asked, **CONV)
    assert plan.fused == {}
    assert plan.specs["c"] == ACTIVATION


def test_fixed_parameters_settle_the_spec(plan_of: Callable):
    wide = QuantSpec(dtype=DType.UINT8)
    fixed = {"c": QuantParams(scale=np.float32(0.1), zero_point=np.int32(3), spec=wide)}
    plan = plan_of("c = Conv(x, w, b) y = Relu(c)", fixed=fixed, **CONV)
    assert plan.specs["c"] == wide
    assert plan.fused == {}


def test_fixed_values_stay_out_of_groups(plan_of: Callable):
    fixed = {"t": QuantParams(scale=np.float32(0.1), zero_point=np.int32(3), spec=ACTIVATION)}
    plan = plan_of(
        "r = Relu(x) t = Flatten(r) u = Identity(t) y = Neg(u)", outputs="float[A,B] y", fixed=fixed
    )
    assert plan.shared == ()


def as_json(plan: QuantPlan) -> dict[str, object]:
    """A plan as plain JSON data."""

    def spec(found: QuantSpec | None) -> object:
        if found is None:
            return None
        kind = type(found.granularity).__name__
        return {**asdict(found), "granularity": {kind: asdict(found.granularity)}}

    return {
        "specs": {name: spec(found) for name, found in plan.specs.items()},
        "conversions": {"/".join(map(str, e)): spec(s) for e, s in plan.conversions.items()},
        "shared": [sorted(group) for group in plan.shared],
        "fused": dict(plan.fused),
    }


def test_golden_plan(plan_of: Callable):
    """Set TC_UPDATE_GOLDEN to write the file anew, and review the difference."""
    body = """
        c1 = Conv<pads=[1,1,1,1]>(x, w1, b1) r1 = Clip(c1, lo, hi)
        p = MaxPool<kernel_shape=[2,2], strides=[2,2]>(r1) g = GlobalAveragePool(p)
        e = Conv(g, w2, b2)
        h = HardSigmoid(e) m = Mul(p, h) j = Concat<axis=1>(m, p) n = Sin(j) a = Add(n, c)
        f = Flatten(a) l = Gemm<transB=1>(f, w3, b3) y = Softmax(l)
    """
    plan = plan_of(
        body,
        outputs="float[A,B] y",
        w1=zeros(4, 4, 3, 3), b1=zeros(4), w2=zeros(4, 4, 1, 1), b2=zeros(4),
        w3=zeros(5, 128), b3=zeros(5), c=zeros(8, 1, 1), lo=np.float32(0), hi=np.float32(6),
    )  # fmt: skip
    path = Path(__file__).parent / "plan.golden.json"
    found = json.dumps(as_json(plan), indent=1) + "\n"
    if os.environ.get("TC_UPDATE_GOLDEN"):
        path.write_text(found, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == found
