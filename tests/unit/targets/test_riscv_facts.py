"""Facts of the riscv target: consistent in themselves, and with what lowering can do."""

from __future__ import annotations

import onnx
import pytest

from tc_target_riscv.facts import SPEC
from toolchain.core.dtypes import DType
from toolchain.core.operators import TRAITS
from toolchain.core.quant import PerChannel, PerTensor, QuantParams, Rounding, ScaleKind
from toolchain.core.target import Requantization, Support, rule_of
from toolchain.program.lowering.elementwise import TABLE_OPS
from toolchain.program.lowering.lower import LOWERINGS


def test_the_numbers_of_the_family():
    activation, weight = SPEC.activation, SPEC.weight
    assert (activation.dtype, activation.symmetric) == (DType.INT8, False)
    assert activation.granularity == PerTensor()
    assert (weight.dtype, weight.symmetric, weight.narrow_range) == (DType.INT8, True, True)
    assert isinstance(weight.granularity, PerChannel)
    assert {activation.scale_kind, weight.scale_kind} == {ScaleKind.FLOAT}
    assert SPEC.rounding is Rounding.HALF_EVEN
    assert SPEC.requantization is Requantization.FLOAT32_MULTIPLIER
    assert SPEC.accumulator is DType.INT32
    assert SPEC.min_scale == 2.0**-23
    assert SPEC.bias.dtypes == (DType.INT32, DType.FLOAT32)


def test_defaults_are_among_the_choices():
    assert SPEC.activation.dtype in SPEC.activation_dtypes
    assert SPEC.weight.dtype in SPEC.weight_dtypes
    assert len({platform.name for platform in SPEC.platforms}) == len(SPEC.platforms)
    assert all(platform.cores > 0 for platform in SPEC.platforms)


@pytest.mark.parametrize("op_type", SPEC.ops)
def test_operators(op_type: str):
    assert onnx.defs.has(op_type, max_inclusive_version=SPEC.opset)
    assert op_type in LOWERINGS or op_type in TABLE_OPS
    support = SPEC.ops[op_type]
    moves = op_type in TRAITS and TRAITS[op_type].moves
    assert (support.support is Support.MOVE) == (moves or op_type == "Resize")
    for constraint in support.constraints:
        assert constraint.__doc__
        assert rule_of(constraint).endswith(".")


@pytest.mark.parametrize("op_type", ["Sigmoid", "Softmax"])
def test_probabilities_use_all_integers(op_type: str):
    from toolchain.numerics.affine import params_from_range

    low, high = SPEC.ops[op_type].output_range or (0, 0)
    found: QuantParams = params_from_range(low, high, SPEC.activation, SPEC.min_scale)
    assert (float(found.scale), int(found.zero_point)) == (1 / 256, -128)
