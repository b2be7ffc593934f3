"""Where two runs part, with numbers computed by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from toolchain.analysis.divergence import Held, compare, differing, storage_of
from toolchain.analysis.tracing import Storage
from toolchain.core.divergence import Divergence, InputState
from toolchain.core.dtypes import Array, DType
from toolchain.core.quant import Rounding
from toolchain.program.records import (
    Conv,
    MatMul,
    Move,
    MoveKind,
    Program,
    Requantize,
    Tensor,
)

# a - 1 = [9, -4]; acc = [9*2 - 4*4 + 7, 9*5 + 4*6 - 20] = [9, 49]; times [0.5, 0.25]: [4.5, 12.25];
# half_even: [4, 12]; plus the zero point 3: [7, 15].
INPUT = np.array([[10, -3]], np.int8)
RIGHT = [7, 15]


def product(**finish: Any) -> Program:
    """x (1, 2) -> y (1, 2) by a matrix product -> z, a reshape of y."""
    bounds = {"low": -128, "high": 127, **finish}
    return Program(
        name="product",
        rounding=Rounding.HALF_EVEN,
        inputs=("x",),
        outputs=("z",),
        tensors={
            "x": Tensor(name="x", dtype=DType.INT8, shape=(1, 2), scale=1.0, zero_point=1),
            "y": Tensor(name="y", dtype=DType.INT8, shape=(1, 2), scale=0.5, zero_point=3),
            "z": Tensor(name="z", dtype=DType.INT8, shape=(2,), scale=0.5, zero_point=3),
        },
        constants={
            "b": np.array([[2, 5], [4, -6]], np.int8),
            "bias": np.array([7, -20], np.int32),
            "factor": np.array([0.5, 0.25], np.float32),
        },
        operations=(
            MatMul(
                name="multiply",
                inputs=("x",),
                outputs=("y",),
                b="b",
                a_zero_point=1,
                b_zero_point=None,
                bias="bias",
                finish=Requantize(factor="factor", zero_point=3, **bounds),
            ),
            Move(name="flatten", inputs=("y",), outputs=("z",), kind=MoveKind.RESHAPE),
        ),
    )


def held(program: Program, **arrays: Any) -> dict[str, Held]:
    return {
        name: Held(
            array=np.asarray(array, program.tensors[name].dtype.numpy).reshape(
                program.tensors[name].shape
            ),
            storage=storage_of(program, name),
        )
        for name, array in arrays.items()
    }


def first(program: Program, a: Mapping[str, Held], b: Mapping[str, Held]) -> Divergence:
    found = compare(program, a, b).first
    assert found is not None
    return found


def test_equal_runs() -> None:
    program = product()
    run = held(program, x=INPUT, y=RIGHT, z=RIGHT)
    found = compare(program, run, run, "one")
    assert (found.sample, found.compared, found.missing, found.rows) == ("one", 3, (), ())
    assert found.first is None


def test_the_first_element_in_all_its_numbers() -> None:
    program = product()
    a = held(program, x=INPUT, y=RIGHT, z=RIGHT)
    b = held(program, x=INPUT, y=[7, 25], z=[7, 25])
    found = compare(program, a, b)
    assert [(row.tensor, row.operation, row.kind, row.different) for row in found.rows] == [
        ("y", "multiply", "MatMul", 1),
        ("z", "flatten", "Move reshape", 1),
    ]
    one = first(program, a, b)
    assert (one.operation, one.kind, one.tensor, one.index) == ("multiply", "MatMul", "y", (0, 1))
    assert (one.stored_a, one.stored_b, one.real_a, one.real_b) == (15, 25, 6.0, 11.0)
    assert (one.different, one.elements, one.largest) == (1, 2, 10)
    assert one.inputs == (InputState(tensor="x", state="equal"),)
    assert one.inputs_agree
    assert (one.right, one.causes) == ("a", ())
    rule = one.recomputed
    assert rule is not None
    assert (rule.source, rule.section, rule.terms) == ("a", "5", 2)
    assert (rule.accumulator, rule.bias, rule.factor) == (49, -20, 0.25)
    assert (rule.unrounded, rule.rounding, rule.zero_point) == (12.25, "half_even", 3)
    assert (rule.low, rule.high, rule.value) == (-128, 127, 15)


@pytest.mark.parametrize(
    ("wrong", "cause"),
    [
        ([8, 15], "ties are rounded half_up instead of half_even"),
        ([4, 20], "the bias is missing"),  # 2 * 0.5, 69 * 0.25 = 17.25
        ([7, 27], "the factor of channel 0 is used for every channel"),  # 49 * 0.5 = 24.5
        ([4, 12], "the zero point of the output is missing"),
        # 10*2 - 3*4 + 7 = 15, 10*5 + 3*6 - 20 = 48
        ([11, 15], "the zero point 1 of the input is not subtracted"),
    ],
)
@pytest.mark.parametrize("swapped", [False, True])
def test_causes(wrong: list[int], cause: str, swapped: bool) -> None:
    program = product()
    runs = [held(program, x=INPUT, y=y, z=y) for y in (RIGHT, wrong)]
    found = first(program, *(reversed(runs) if swapped else runs))
    assert found.right == ("b" if swapped else "a")
    assert cause in found.causes


def test_a_cause_must_hold_for_every_element() -> None:
    """[8, 15] fits rounding up, but not where another element is wrong in another way."""
    program = product()
    runs = [held(program, x=INPUT, y=y, z=y) for y in (RIGHT, [8, 14])]
    assert first(program, *runs).causes == ()


def test_bounds_and_wrapping() -> None:
    clipped = product(low=10, high=12)
    runs = [held(clipped, x=INPUT, y=y, z=y) for y in ([10, 12], [7, 15])]
    assert first(clipped, *runs).causes == (
        "the bounds [10, 12] are not applied",
        "the value wraps around instead of saturating",
    )
    program = product()
    # a - 1 = [-129, 126]: acc = [-129*2 + 126*4 + 7, -129*5 - 126*6 - 20] = [253, -1421]
    # times the factors: [126.5, -355.25]; rounded and 3 added: [129, -352]
    extreme = np.array([[-128, 127]], np.int8)
    runs = [held(program, x=extreme, y=y, z=y) for y in ([127, -128], [129 - 256, -352 + 256])]
    assert first(program, *runs).causes == ("the value wraps around instead of saturating",)


def test_nobody_is_right() -> None:
    program = product()
    runs = [held(program, x=INPUT, y=y) for y in ([1, 15], [2, 15])]
    found = first(program, *runs)
    assert (found.right, found.causes) == ("neither", ())
    assert compare(program, runs[0], runs[1]).missing == ("z",)


def test_inputs_that_differ_or_are_missing() -> None:
    program = product()
    a = held(program, x=INPUT, y=RIGHT)
    other = held(program, x=[[10, -4]], y=[5, 15])
    found = first(program, a, other)
    assert (found.kind, found.operation, found.tensor, found.index) == ("input", "", "x", (0, 1))
    assert found.recomputed is None
    lacking = held(program, y=[8, 15])
    for runs, source in (((a, lacking), "a"), ((lacking, a), "b")):
        found = first(program, *runs)
        assert found.inputs == (InputState(tensor="x", state="not dumped"),)
        assert (found.inputs_agree, found.right, found.causes) == (False, None, ())
        assert found.recomputed is not None
        assert (found.recomputed.source, found.recomputed.value) == (source, 7)
    assert first(program, lacking, held(program, y=RIGHT)).recomputed is None


def test_padding_counts_as_the_zero_point() -> None:
    """X - 2 = [3, 5], weights 1: both positions see 8; with zeros as padding, 2 less."""
    program = Program(
        name="padded",
        rounding=Rounding.HALF_UP,
        inputs=("x",),
        outputs=("y",),
        tensors={
            "x": Tensor(name="x", dtype=DType.UINT8, shape=(1, 1, 2), scale=1.0, zero_point=2),
            "y": Tensor(name="y", dtype=DType.INT8, shape=(1, 1, 2), scale=1.0),
        },
        constants={"w": np.ones((1, 1, 3), np.int8), "f": np.array(1, np.float32)},
        operations=(
            Conv(
                name="conv",
                inputs=("x",),
                outputs=("y",),
                weight="w",
                weight_zero_point=None,
                bias=None,
                x_zero_point=2,
                strides=(1,),
                pads=(1, 1),
                dilations=(1,),
                groups=1,
                finish=Requantize(factor="f", zero_point=0, low=-128, high=127),
            ),
        ),
    )
    runs = [held(program, x=[5, 7], y=y) for y in ([8, 8], [6, 6])]
    found = first(program, *runs)
    assert found.causes == ("padding counts as 0 instead of the zero point 2",)
    assert found.recomputed is not None
    assert (found.recomputed.terms, found.recomputed.accumulator) == (2, 8)


def test_moves_name_their_source() -> None:
    program = product()
    a = held(program, y=RIGHT, z=RIGHT)
    b = held(program, y=RIGHT, z=[15, 7])
    found = first(program, a, b)
    assert (found.operation, found.right) == ("flatten", "a")
    assert found.recomputed is not None
    (operand,) = found.recomputed.operands
    assert (operand.tensor, operand.index, operand.value) == ("y", (0, 0), 7)


def of(array: Array, **storage: Any) -> Held:
    return Held(array=array, storage=Storage(dtype=DType(array.dtype.name), **storage))


def test_floats_and_integers() -> None:
    """Steps of 0.5 from -64.5 to 63: half a step is near enough, and so is all beyond the ends."""
    stored = of(np.array([1, 1, 1, 127, -128], np.int8), scale=0.5, zero_point=1)
    real = of(np.array([0.25, 0.26, np.nan, 99, -99], np.float32))
    expected = [False, True, True, False, False]
    assert differing(stored, real).tolist() == differing(real, stored).tolist() == expected


def test_floats_differ_in_any_bit_but_nan_is_nan() -> None:
    a = of(np.array([1, np.nan, np.nan, np.inf, 0.0], np.float32))
    b = of(np.array([np.nextafter(np.float32(1), 2), np.nan, 1, np.inf, -0.0], np.float32))
    assert differing(a, b).tolist() == [True, False, True, False, False]
