"""Rows of the report: how every tensor is stored, and why nodes run in float."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from toolchain.core.dtypes import DType
from toolchain.quantization.precision import NodePrecision
from toolchain.quantization.report import RULE_REASON

BODY = """
    c = Conv(x, w, b) r = Relu(c) p = MaxPool<kernel_shape=[2,2]>(r) s = Sin(p) f = Flatten(s)
    g = Gemm(f, w2) z = Add(g, k) y = Softmax(z)
"""


@pytest.fixture
def report(make_text_model: Callable, build: Callable) -> Callable:
    """The report of a convolution, an island and a Gemm."""

    def make(**precision: NodePrecision):
        proto = make_text_model(
            BODY,
            "float[1,2,6,6] x",
            "float[A,B] y",
            w=np.full((3, 2, 3, 3), 0.5, np.float32),
            b=np.ones(3, np.float32),
            w2=np.ones((27, 4), np.float32),
            k=np.array([1, 2, 3, 4], np.float32),
        )
        return build(proto, precision=precision).report

    return make


def test_rows_by_role(report: Callable):
    rows = {row.value: row for row in report().rows}
    roles = {name: row.role for name, row in rows.items()}
    assert roles == {
        "x": "activation",
        "w": "weight",
        "r": "activation",
        "p": "activation",
        "w2": "weight",
        "g": "activation",
        "k": "constant",
        "z": "activation",
        "y": "activation",
        "b -> c_node": "bias",
        "f -> g_node": "conversion",
    }


def test_numbers_of_a_row(report: Callable):
    rows = {row.value: row for row in report().rows}
    weight = rows["w"]
    # Narrow range: 127 steps on either side of 0 cover 0.5.
    assert (weight.dtype, weight.granularity, weight.zero_point) == ("int8", "per_channel(0)", 0)
    assert weight.scale == pytest.approx(0.5 / 127)
    assert (weight.minimum, weight.maximum) == (pytest.approx(-0.5), pytest.approx(0.5))
    bias = rows["b -> c_node"]
    assert (bias.dtype, bias.granularity) == ("int32", "per_channel(0)")
    assert bias.scale == float(np.float32(rows["x"].scale) * np.float32(weight.scale))
    probability = rows["y"]
    assert (probability.scale, probability.zero_point, probability.method) == (
        1 / 256,
        -128,
        "known",
    )
    assert (probability.minimum, probability.maximum) == (0.0, 255 / 256)
    assert rows["p"].scale == rows["r"].scale
    assert rows["x"].method == "minmax"


def test_islands_and_macs(report: Callable):
    found = report()
    assert [(row.node, row.op_type, row.macs) for row in found.islands] == [
        ("s_node", "Sin", 0),
        ("f_node", "Flatten", 0),
    ]
    reasons = [row.reason for row in found.islands]
    assert reasons == [
        "not so: The operator is one that the target runs on integers (found: Sin)",
        "its input is stored in float",
    ]
    # Conv: 3 x 4 x 4 outputs of 2 x 3 x 3 products; Gemm: 27 x 4.
    assert found.total_macs == found.integer_macs == 864 + 108
    assert found.integer_nodes == 6


def test_node_that_a_rule_puts_in_float(report: Callable):
    found = report(g_node=NodePrecision(weight_dtype=DType.FLOAT32))
    reasons = {row.node: row.reason for row in found.islands}
    assert reasons["g_node"] == RULE_REASON
    assert found.integer_macs == 864


def test_absorbed_activation_is_no_island(report: Callable):
    assert "r_node" not in {row.node for row in report().islands}
