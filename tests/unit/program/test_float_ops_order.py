"""What the oracle cannot see: order of additions, no contraction, signed zeros, NaN, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolchain.errors import Code, CompileError
from toolchain.program.float_ops import evaluate
from toolchain.program.records import FloatOp

F = np.float32
BIG = [1e8, 1.0, -1e8]  # ((0 + 1e8) + 1) - 1e8 is 0: 1 is below half an ulp of 1e8


def run(op_type: str, *inputs: Any, outputs: int = 1, **attributes: Any) -> tuple[Any, ...]:
    op = FloatOp(
        name="node_7",
        op_type=op_type,
        inputs=tuple(f"x{i}" for i in range(len(inputs))),
        outputs=tuple(f"y{i}" for i in range(outputs)),
        attributes=attributes,
    )
    return evaluate(op, inputs)


def array(values: Any, *shape: int) -> np.ndarray:
    result = np.array(values, F)
    return result.reshape(shape) if shape else result


def same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def test_reductions_add_from_first_to_last() -> None:
    assert run("ReduceSum", array(BIG))[0] == 0.0
    assert run("ReduceSum", array([1e8, -1e8, 1.0]))[0] == 1.0
    assert run("ReduceMean", array([1.0, 1e8, -1e8]))[0] == 0.0


def test_reduced_axes_are_row_major_whatever_their_order() -> None:
    x = array([[1e8, 1.0], [-1e8, 0.0]])  # row-major: (1e8 + 1) - 1e8 = 0; column-major: 1
    assert run("ReduceSum", x, np.array([1, 0]), keepdims=0)[0] == 0.0


def test_pairwise_summation_is_not_used() -> None:
    # 2**24 ones after 2**24: each is half an ulp and ties to even, so nothing is ever added.
    x = np.concatenate([[F(2**24)], np.ones(1000, F)]).astype(F)
    assert run("ReduceSum", x)[0] == F(2**24)
    assert run("GlobalAveragePool", x.reshape(1, 1, -1))[0] == F(2**24) / F(1001)


def test_matrix_products_add_in_rising_k() -> None:
    ones = np.ones((3, 1), F)
    assert run("MatMul", array(BIG, 1, 3), ones)[0] == 0.0
    assert run("Gemm", array([1e8, -1e8, 1.0], 1, 3), ones, array([0.5]))[0] == 1.5


def test_convolution_adds_channel_then_position_then_bias() -> None:
    x = array([1e8, 1.0, -1e8, 0.0], 1, 2, 2)
    w = np.ones((1, 2, 2), F)
    assert run("Conv", x, w)[0] == 0.0  # channel 0: 1e8 + 1; channel 1: - 1e8
    moved = array([1e8, -1e8, 1.0, 0.0], 1, 2, 2)
    assert run("Conv", moved, w)[0] == 1.0
    assert run("Conv", moved, w, array([1e8]))[0] == 1e8  # 1 + 1e8 rounds to 1e8


def test_transposed_convolution_adds_channels_in_order() -> None:
    x = array(BIG, 1, 3, 1)
    assert run("ConvTranspose", x, np.ones((3, 1, 1), F))[0] == 0.0


def test_average_pool_adds_row_major() -> None:
    x = array([[1e8, 1.0], [-1e8, 0.0]], 1, 1, 2, 2)
    assert run("AveragePool", x, kernel_shape=(2, 2))[0] == 0.0


def test_products_are_rounded_before_they_are_added() -> None:
    # (1 + 2**-12)**2 = 1 + 2**-11 + 2**-24; float32 drops 2**-24, a fused operation would keep it.
    a = F(1 + 2.0**-12)
    rounded = F(1 + 2.0**-11)
    result = run("MatMul", array([rounded, a], 1, 2), array([-1.0, a], 2, 1))[0]
    assert result == 0.0


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**32 - 1))
def test_convolution_equals_the_loop_bit_for_bit(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, w, bias = (rng.normal(0, 1, s).astype(F) for s in ((1, 4, 5, 6), (6, 2, 2, 3), (6,)))
    got = run("Conv", x, w, bias, group=2, pads=(1, 0, 0, 1), strides=(2, 1))[0]
    padded = np.pad(x, ((0, 0), (0, 0), (1, 0), (0, 1)))
    want = np.empty_like(got)
    for m, i, j in np.ndindex(*got.shape[1:]):
        total = F(0)
        for c, p, q in np.ndindex(2, 2, 3):
            total = F(total + F(padded[0, m // 3 * 2 + c, 2 * i + p, j + q] * w[m, c, p, q]))
        want[0, m, i, j] = F(total + bias[m])
    assert same_bits(got, want)


def test_blocks_of_rows_do_not_change_bits() -> None:
    rng = np.random.default_rng(3)
    x, w = rng.normal(0, 1, (1, 2, 90, 80)).astype(F), rng.normal(0, 1, (24, 2, 3, 3)).astype(F)
    whole = run("Conv", x, w)[0]
    part = run("Conv", x[:, :, 40:60], w)[0]
    assert same_bits(whole[:, :, 40:58], part)


def test_empty_sum_is_zero_and_minus_zeros_sum_to_zero() -> None:
    assert run("ReduceSum", np.zeros((2, 0), F), np.array([1]))[0].tolist() == [[0.0], [0.0]]
    assert not np.signbit(run("ReduceSum", array([-0.0, -0.0]))[0]).any()


def test_extrema_keep_the_first_of_equals() -> None:
    plus, minus = array([0.0]), array([-0.0])
    assert not np.signbit(run("Max", plus, minus)[0])[0]
    assert np.signbit(run("Max", minus, plus)[0])[0]
    assert np.signbit(run("Min", minus, plus)[0])[0]
    assert np.signbit(run("MaxPool", array([-0.0, 0.0], 1, 1, 2), kernel_shape=(2,))[0]).all()
    assert np.signbit(run("ReduceMax", array([-0.0, 0.0]))[0]).all()


@pytest.mark.parametrize("op", ["Max", "Min"])
def test_nan_wins_every_comparison(op: str) -> None:
    nan, one = array([np.nan]), array([1.0])
    assert np.isnan(run(op, nan, one)[0]).all()
    assert np.isnan(run(op, one, nan)[0]).all()
    assert np.isnan(run(f"Reduce{op}", array([1.0, np.nan, 2.0]))[0]).all()


def test_float_to_integer_saturates() -> None:
    x = array([300.7, -300.7, 3e38, -3e38, np.nan, -1.9])
    assert run("Cast", x, to=3)[0].tolist() == [127, -128, 127, -128, 0, -1]
    assert run("Cast", x, to=2)[0].tolist() == [255, 0, 255, 0, 0, 0]
    limits = np.iinfo(np.int64)
    assert run("Cast", x, to=7)[0].tolist() == [300, -300, limits.max, limits.min, 0, -1]


def test_softmax_by_hand() -> None:
    # exp(0) = 1 and exp(-inf) = 0 are exact; three equals share 1/3 rounded once.
    x = array([2.0, 2.0, -np.inf, 2.0])
    third = F(1) / F(3)
    assert same_bits(run("Softmax", x)[0], array([third, third, 0.0, third]))


def test_linear_resize_by_hand() -> None:
    # Positions (i + 0.5) / 2 - 0.5 = -0.25, 0.25, 0.75, 1.25, kept inside [0, 1].
    x = array([1.0, 3.0], 1, 1, 2)
    y = run("Resize", x, None, array([1, 1, 2]), mode="linear")[0]
    assert y.ravel().tolist() == [1.0, 1.5, 2.5, 3.0]


def test_split_gives_as_many_parts_as_outputs() -> None:
    first, second = run("Split", array([1.0, 2.0, 3.0]), outputs=2)
    assert (first.tolist(), second.tolist()) == ([1.0, 2.0], [3.0])


def test_overflow_is_silent_infinity() -> None:
    assert run("Mul", array([3e38]), array([3e38]))[0] == np.inf


@pytest.mark.parametrize(
    ("op", "inputs", "attributes", "words"),
    [
        ("Einsum", (array([1.0]),), {}, "not a float operator"),
        ("Relu", (np.array([1], np.int8),), {}, "float32"),
        ("Relu", (None,), {}, "input 0 is missing"),
        ("Add", (array([1.0]), np.array([1])), {}, "different types"),
        ("Add", (array([1.0, 2.0]), array([1.0, 2.0, 3.0])), {}, "do not fit"),
        ("MatMul", (array([[1.0]]), array([[1.0], [2.0]])), {}, "do not fit"),
        ("Div", (np.array([1]), np.array([0])), {}, "division by zero"),
        ("Cast", (array([1.0]),), {"to": 8}, "attribute to"),
        ("Softmax", (array([1.0]),), {"axis": 2}, "axis"),
        ("Softmax", (array([1.0]),), {"axis": "x"}, "attribute axis"),
        ("ReduceSum", (array([[1.0]]), np.array([0, 0])), {}, "axes repeat"),
        ("Concat", (array([1.0]),), {}, "attribute axis"),
        ("Gather", (array([1.0]), np.array([3])), {}, "outside"),
        ("Reshape", (array([1.0]), array([1.0])), {}, "integer type"),
        ("MaxPool", (np.zeros((1, 1, 4), F),), {}, "kernel_shape"),
        ("Conv", (np.zeros((1, 3, 4), F), np.zeros((2, 1, 1), F)), {"group": 2}, "divisor of 3"),
        ("Conv", (np.zeros((1, 1, 2), F), np.zeros((1, 1, 5), F)), {}, "larger than"),
        ("Conv", (np.zeros((1, 1, 4), F), np.zeros((1, 1, 2), F)), {"strides": (1, 1)}, "strides"),
        ("Pad", (array([1.0]), np.array([1, 1])), {"mode": "odd"}, "attribute mode"),
        ("Resize", (array([1.0]), None, None, None), {}, "neither scales nor sizes"),
        ("BatchNormalization", (array([1.0]),), {"training_mode": 1}, "training_mode"),
        ("TopK", (array([1.0]), np.array([2])), {}, "k"),
    ],
)
def test_what_cannot_be_evaluated_names_the_node(
    op: str, inputs: tuple[Any, ...], attributes: dict[str, Any], words: str
) -> None:
    with pytest.raises(CompileError) as caught:
        run(op, *inputs, **attributes)
    (problem,) = caught.value.problems
    assert problem.code is Code.PROGRAM_INVALID
    assert problem.where == "node_7"
    assert words in str(problem)


def test_more_outputs_than_the_operator_has() -> None:
    with pytest.raises(CompileError, match="at most 1"):
        run("MaxPool", np.zeros((1, 1, 4), F), outputs=2, kernel_shape=(2,))
