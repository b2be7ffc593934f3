"""Types that were asked for and are not there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest

from tc_target_riscv.facts import SPEC
from toolchain.core.dtypes import DType
from toolchain.core.graph_view import GraphView
from toolchain.core.options import PrecisionRule, QuantizeOptions
from toolchain.core.quant import PerBlock, PerTensor, QuantParams, QuantPlan, QuantSpec
from toolchain.errors import Code, QuantizationError
from toolchain.graph.view import read_view
from toolchain.quantization.plan import make_plan
from toolchain.quantization.roles import configured
from toolchain.quantization.rules import settle
from toolchain.quantization.verify import check_fixed, check_roles, check_stored

WIDE = replace(
    SPEC,
    activation_dtypes=(*SPEC.activation_dtypes, DType.INT16),
    weight_dtypes=(DType.INT8, DType.INT4),
    weight_block_sizes=(8,),
)
INT16 = {"input_dtype": DType.INT16, "output_dtype": DType.INT16}


@pytest.fixture
def check(make_text_model: Callable, graph_of: Callable) -> Callable:
    """Plan a model under options and rules, and check the plan; problems as code and place."""

    def run(
        body: str,
        *rules: PrecisionRule,
        fixed: Mapping[str, QuantParams] | None = None,
        **more: object,
    ) -> list[tuple[Code, str]]:
        weight = np.ones((4, 4), np.float32)
        graph = graph_of(make_text_model(body, "float[1,4] x", "float[A,B] y", w=weight))
        options = QuantizeOptions(**more)
        target = configured(WIDE, options)
        asked = settle(rules, graph, target, options)
        plan = make_plan(
            graph,
            target,
            bias_dtype=DType.INT32,
            input_dtype=options.input_dtype,
            fixed=fixed,
            precision={name: found.precision for name, found in asked.items()},
        )
        try:
            check_roles(graph, plan, options, asked, fixed or {})
        except QuantizationError as error:
            return [(p.code, (p.where or "").split(",")[0]) for p in error.problems]
        return []

    return run


@pytest.mark.parametrize(
    "body",
    ["y = MatMul(x, w)", "a = Sin(x) y = Relu(x)", "a = MatMul(x, w) y = Transpose(a)"],
)
def test_types_that_take_effect(check: Callable, body: str):
    assert check(body, **INT16) == []
    assert check(body, input_dtype=DType.FLOAT32, output_dtype=DType.UINT8) == []


def test_inputs_and_outputs_that_stay_as_they_are(check: Callable):
    """A float reader leaves the input in float; an output that moves the input keeps its type."""
    assert check("y = Sin(x)", input_dtype=DType.INT16) == [
        (Code.PRECISION_NOT_APPLIED, "quantize.input_dtype = int16")
    ]
    assert check("y = Identity(x)", output_dtype=DType.INT16) == [
        (Code.PRECISION_NOT_APPLIED, "quantize.output_dtype = int16")
    ]


def test_rules_and_the_model_win(check: Callable):
    rule = PrecisionRule(nodes=("y_node",), output_dtype=DType.UINT8)
    assert check("y = MatMul(x, w)", rule, output_dtype=DType.INT16) == []
    own = QuantParams(scale=np.float32(1), zero_point=np.int32(0), spec=QuantSpec())
    assert check("y = MatMul(x, w)", fixed={"x": own, "y": own}, **INT16) == []


def test_settings_that_nothing_has(check: Callable):
    """Everything in float, and a weight of four input channels in blocks of eight."""
    settings = {"activation_dtype": DType.UINT8, "weight_dtype": DType.INT4}
    assert check("y = MatMul(x, w)", precision_level=3, **settings) == [
        (Code.NO_EFFECT, "quantize.activation_dtype"),
        (Code.NO_EFFECT, "quantize.weight_dtype"),
    ]
    assert check("y = MatMul(x, w)", weight_block_size=8, weight_dtype=DType.INT4) == [
        (Code.NO_EFFECT, "quantize.weight_block_size")
    ]


def test_blocks_that_do_not_divide(make_text_model: Callable, graph_of: Callable):
    proto = make_text_model(
        "a = Conv(x, w) y = Conv(a, v)",
        "float[1,6,3,3] x",
        "float[A,B,C,D] y",
        w=np.ones((10, 6, 1, 1), np.float32),
        v=np.ones((2, 10, 1, 1), np.float32),
    )
    graph = graph_of(proto)
    options = QuantizeOptions(weight_dtype=DType.INT4, weight_block_size=4)
    plan = make_plan(graph, configured(WIDE, options), bias_dtype=DType.INT32)
    with pytest.raises(QuantizationError) as caught:
        check_roles(graph, plan, options, {}, {})
    assert [(p.code, p.where, p.got, p.allowed) for p in caught.value.problems] == [
        (
            Code.BAD_VALUE,
            "quantize.weight_block_size, weight w",
            "6 channels in blocks of 4",
            "2, 3",
        ),
        (
            Code.BAD_VALUE,
            "quantize.weight_block_size, weight v",
            "10 channels in blocks of 4",
            "2, 5",
        ),
    ]


def test_what_a_model_brings_and_the_target_cannot(make_text_model: Callable, graph_of: Callable):
    """16 bits on a target of 8, blocks of an unknown size and along another axis."""
    body = "a = MatMul(x, w) b = MatMul(a, v) y = Add(b, v)"
    array = np.ones((4, 4), np.float32)
    graph = graph_of(make_text_model(body, "float[4,4] x", "float[A,B] y", w=array, v=array))

    def params(dtype: DType, granularity: PerBlock | PerTensor) -> QuantParams:
        spec = QuantSpec(dtype=dtype, granularity=granularity)
        return QuantParams(scale=np.ones((2, 4)), zero_point=np.zeros((2, 4)), spec=spec)

    fixed = {
        "a": params(DType.INT16, PerTensor()),
        "w": params(DType.INT8, PerBlock(0, 2)),
        "v": params(DType.UINT8, PerBlock(0, 8)),
    }
    with pytest.raises(QuantizationError) as caught:
        check_fixed(graph, fixed, replace(SPEC, weight_block_sizes=(8,)))
    assert [(p.code, p.where, p.got) for p in caught.value.problems] == [
        (Code.QDQ_INVALID, "a", "int16"),
        (Code.QDQ_INVALID, "w", "blocks of 2 along axis 0"),
        (Code.QDQ_INVALID, "v", "blocks of 8 along axis 0"),
    ]
    check_fixed(graph, {"a": fixed["a"]}, WIDE)


def test_the_model_has_the_types_of_the_plan(build: Callable, make_text_model: Callable):
    weight = np.ones((4, 4), np.float32)
    built = build(make_text_model("y = MatMul(x, w)", "float[1,4] x", "float[A,B] y", w=weight))
    qdq: GraphView = read_view(built.qdq_path)
    check_stored(built.graph, built.plan, qdq)
    other = {name: replace(spec, dtype=DType.UINT8) for name, spec in built.plan.specs.items()}
    with pytest.raises(QuantizationError) as caught:
        check_stored(built.graph, QuantPlan(specs=other), qdq)
    assert [(p.code, p.got, p.allowed) for p in caught.value.problems] == [
        (Code.PRECISION_NOT_APPLIED, "int8", "uint8"),
        (Code.PRECISION_NOT_APPLIED, "int8", "uint8"),
    ]
    with pytest.raises(QuantizationError, match="float32"):
        check_stored(built.graph, built.plan, built.graph)
