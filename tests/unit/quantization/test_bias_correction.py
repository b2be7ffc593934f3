"""Biases that make up for rounded weights, by hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tc_target_riscv.facts import SPEC
from toolchain.calibration.statistics import stats_of
from toolchain.core.dtypes import DType
from toolchain.core.quant import ParamSet, PerChannel, QuantParams, QuantSpec
from toolchain.core.registry import AlgorithmInput
from toolchain.quantization.algorithms.bias_correction import correct_biases
from toolchain.quantization.plan import make_plan

MEANS = stats_of(np.array([[[1.0, 3.0], [10.0, 10.0]]], np.float32))
"""Channel means 2 and 10."""


def whole_numbers(channels: int, axis: int) -> QuantParams:
    """Parameters that round to whole numbers."""
    return QuantParams(
        scale=np.ones(channels),
        zero_point=np.zeros(channels),
        spec=QuantSpec(symmetric=True, granularity=PerChannel(axis)),
    )


@pytest.fixture
def corrected(make_text_model: Callable, graph_of: Callable) -> Callable:
    def of(body: str, inputs: str, outputs: str, params=None, stats=None, **constants):
        arrays = {name: np.asarray(array, np.float32) for name, array in constants.items()}
        graph = graph_of(make_text_model(body, inputs, outputs, **arrays))
        return correct_biases(
            AlgorithmInput(
                graph=graph,
                plan=make_plan(graph, SPEC, bias_dtype=DType.INT32),
                params=lambda: ParamSet(values=params or {}),
                stats=stats if stats is not None else {"x": MEANS},
                target=SPEC,
            )
        )

    return of


CONV = ("y = Conv(x, w, b)", "float[1,2,2] x", "float[1,A,2] y")


def test_convolution(corrected: Callable):
    """Errors 0.25 and -0.125 of channel 0, 0.5 rounds to 0 in channel 1."""
    weight = np.array([[3.25, 6.875], [0.5, -2.0]]).reshape(2, 2, 1)
    found = corrected(*CONV, {"w": whole_numbers(2, 0)}, w=weight, b=[1, 1])
    np.testing.assert_allclose(found.constants["b"], [1 + 0.25 * 2 - 0.125 * 10, 1 + 0.5 * 2])
    assert found.constants["b"].dtype == np.float32
    assert found.changed_values == frozenset()
    assert found.summary == "bias_correction: 1 biases"


def test_kernel_positions_add_up(corrected: Callable):
    weight = np.array([0.25, 0.25, 0.0, 0.0]).reshape(1, 2, 2)
    found = corrected(
        "y = Conv(x, w, b)",
        "float[1,2,2] x",
        "float[1,1,1] y",
        {"w": whole_numbers(1, 0)},
        w=weight,
        b=[0],
    )
    np.testing.assert_allclose(found.constants["b"], [2 * 0.25 * 2])


def test_groups_see_their_own_channels(corrected: Callable):
    weight = np.array([0.25, 0.125]).reshape(2, 1, 1)
    body = "y = Conv<group=2>(x, w, b)"
    found = corrected(body, *CONV[1:], {"w": whole_numbers(2, 0)}, w=weight, b=[0, 0])
    np.testing.assert_allclose(found.constants["b"], [0.25 * 2, 0.125 * 10])


@pytest.mark.parametrize("transposed", [0, 1])
def test_gemm_behind_a_flatten(corrected: Callable, transposed: int):
    """The means are those of what the Flatten moves."""
    weight = np.array([[0.25], [0.125]])
    stats = {"x": stats_of(np.array([[[2.0]], [[4.0]]], np.float32).transpose(1, 0, 2))}
    found = corrected(
        f"f = Flatten(x) y = Gemm<transB={transposed}>(f, w, b)",
        "float[1,2,1] x",
        "float[1,1] y",
        {"w": whole_numbers(1, 1 - transposed)},
        stats,
        w=weight.T if transposed else weight,
        b=[0],
    )
    np.testing.assert_allclose(found.constants["b"], [0.25 * 2 + 0.125 * 4])


def test_what_is_left_alone(corrected: Callable):
    weight = np.full((2, 2, 1), 0.25)
    params = {"w": whole_numbers(2, 0)}
    assert not corrected(*CONV, {}, w=weight, b=[0, 0]).constants, "weight in float"
    assert not corrected(*CONV, params, {}, w=weight, b=[0, 0]).constants, "input not observed"
    body = "h = Conv(x, w, b) i = Conv(x, w, b) y = Add(h, i)"
    assert not corrected(body, *CONV[1:], params, w=weight, b=[0, 0]).constants, "shared bias"
    assert not corrected("y = Conv(x, w)", *CONV[1:], params, w=weight).constants, "no bias"
