"""Integer programs of the dpu target against the hardware's formulas, computed by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest

from tc_target_dpu.facts import SPEC
from toolchain.core.dtypes import DType
from toolchain.core.options import RangePin
from toolchain.program.records import Table


def half_up(exact: Fraction) -> int:
    return max(-128, min(127, math.floor(exact + Fraction(1, 2))))


def hard_sigmoid(q: int) -> Fraction:
    """Of an input of position 4, in steps of 2**-7: >> (14 + 4 - 7)."""
    return Fraction(max(0, q * 2731 + 3 * 2731 * 2**4), 2**11)


FORMULAS: dict[str, Callable[[int], Fraction]] = {
    "HardSigmoid<alpha=0.16666667>(x)": hard_sigmoid,
    "HardSwish(x)": lambda q: Fraction(q * half_up(hard_sigmoid(q)), 2**4),
    "LeakyRelu<alpha=0.1>(x)": lambda q: Fraction(q if q >= 0 else q * Fraction(26, 256)) * 2**3,
}


@pytest.mark.parametrize(("text", "formula"), FORMULAS.items())
def test_tables_are_the_hardwares(
    build: Callable, make_text_model: Callable, text: str, formula: Callable
):
    """Input of position 4, output of position 7."""
    built = build(
        make_text_model(f"y = {text}", "float[1,8] x", "float[1,8] y"),
        target=SPEC,
        bias_dtype=DType.INT8,
        pins=(RangePin(tensor="x", scale=2.0**-4), RangePin(tensor="y", scale=2.0**-7)),
    )
    (table,) = (op for op in built.program.operations if isinstance(op, Table))
    found = built.program.constants[table.table]
    assert found.tolist() == [half_up(formula(q)) for q in range(-128, 128)]


def test_average_by_the_hardwares_factor(build: Callable, make_text_model: Callable):
    """3x3 windows: sum * 7 / 64, at equal positions."""
    built = build(
        make_text_model(
            "y = AveragePool<kernel_shape=[3,3]>(x)", "float[1,1,3,3] x", "float[1,1,1,1] y"
        ),
        target=SPEC,
        bias_dtype=DType.INT8,
        pins=(RangePin(tensor="x", scale=2.0**-5), RangePin(tensor="y", scale=2.0**-5)),
    )
    for feeds, found in zip(built.samples.batches(), built.reference()["y"], strict=True):
        steps = np.asarray(feeds["x"], np.float64) * 32
        away = np.sign(steps) * np.floor(np.abs(steps) + 0.5)  # inputs round half away
        total = int(np.clip(away, -128, 127).sum())
        assert float(found.reshape(())) * 32 == half_up(Fraction(total * 7, 64))
