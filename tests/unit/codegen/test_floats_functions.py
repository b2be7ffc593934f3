"""Functions of one element in C: every bit of the definition, and close to the truth."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from toolchain.codegen.emitters.floats.functions import UNARY_OPS
from toolchain.core.dtypes import Array, DType
from toolchain.core.quant import Rounding
from toolchain.numerics.elementary import UNARY
from toolchain.program.records import FloatOp, Function, Program, Tensor
from toolchain.testing.compiled import COMPILER, assert_same, run_in_c
from toolchain.testing.float_cases import assert_float_ops, float_case

pytestmark = pytest.mark.skipif(COMPILER is None, reason="there is no C compiler `cc`")

SPECIAL = np.array(
    "0 1e-45 1.1754942e-38 1.1754944e-38 0.5 1 1.5 2 2.5 3 40 88.7 88.8 104 709 710 1048576 "
    "2097152 8388607.5 8388608 16777216 3.4e38 inf nan".split(),
    np.float32,
)


def values(seed: int = 0, count: int = 20000) -> Array:
    """Any bits, numbers of everyday size, and edge cases of both signs."""
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 2**32, count, dtype=np.uint64).astype(np.uint32).view(np.float32)
    usual = rng.normal(0, 4, count).astype(np.float32)
    return np.concatenate([SPECIAL, -SPECIAL, bits, usual])


def test_every_unary_operator_has_a_function() -> None:
    assert set(UNARY) == UNARY_OPS


def test_all_functions_of_one_element_are_equal_in_every_bit() -> None:
    assert_float_ops(*(float_case(name, values()) for name in sorted(UNARY_OPS)))


def test_attributes_are_float32_numbers() -> None:
    x = values(1, 3000)
    alphas = (0.1, -0.3, 2.7, 1e-30)
    cases = [
        float_case(name, x, alpha=alpha)
        for name in ("Celu", "Elu", "LeakyRelu", "Selu", "Swish", "ThresholdedRelu", "HardSigmoid")
        for alpha in alphas
    ]
    cases += [
        float_case("Selu", x, alpha=0.7, gamma=-1.3),
        float_case("HardSigmoid", x, alpha=0.3, beta=0.7),
        float_case("Gelu", x, approximate="tanh"),
        float_case("Gelu", x, approximate="none"),
    ]
    assert_float_ops(*cases)


def test_operators_with_single_numbers_are_functions_of_one_element() -> None:
    x = values(2, 3000)
    numbers = (0.0, -0.0, 0.5, -0.5, 1, 2, 3, 4, -1, -4, 5, -7, 2.5, 1e9, np.inf, -np.inf, np.nan)
    cases = [
        float_case(name, x, np.float32(number), constants=(1,))
        for name in ("Pow", "Div", "Max", "Min", "PRelu")
        for number in numbers
    ]
    cases += [
        float_case("Clip", x, np.float32(-1), np.float32(6), constants=(1, 2)),
        float_case("Clip", x, None, np.float32(6), constants=(2,)),
        float_case("Clip", x, np.float32(0), constants=(1,)),
        float_case("Clip", x, np.float32(np.nan), constants=(1,)),
        float_case("Clip", x),
        float_case("Max", x, *map(np.float32, (-0.0, 0.0, 1)), constants=(1, 2, 3)),
        float_case("Min", x, *map(np.float32, (0.0, -0.0, np.nan)), constants=(1, 2, 3)),
        float_case("Pow", x, np.int64(2**24 + 1), constants=(1,)),
    ]
    assert_float_ops(*cases)


def test_power_of_any_two_numbers() -> None:
    base = np.concatenate([SPECIAL, -SPECIAL])
    pairs = [np.ravel(a) for a in np.meshgrid(base, base)]
    rng = np.random.default_rng(3)
    positive = np.exp(rng.normal(0, 8, 5000)).astype(np.float32)
    assert_float_ops(
        float_case("Pow", *pairs),
        float_case("Pow", values(4, 5000), values(5, 5000)),
        float_case("Pow", positive, rng.normal(0, 5, 5000).astype(np.float32)),
        float_case("Pow", base, rng.integers(-5, 6, base.size)),
        float_case("Pow", base, rng.normal(0, 3, base.size)),
    )


ORACLES: dict[str, Callable[[float], float]] = {
    "Exp": math.exp,
    "Log": math.log,
    "Tanh": math.tanh,
    "Erf": math.erf,
    "Sin": math.sin,
    "Cos": math.cos,
    "Sqrt": math.sqrt,
    "Sigmoid": lambda v: 1 / (1 + math.exp(-v)),
    "Softplus": lambda v: math.log1p(math.exp(v)),
    "Gelu": lambda v: 0.5 * v * math.erfc(-v / math.sqrt(2)),
}


def test_functions_are_within_one_unit_in_the_last_place() -> None:
    rng = np.random.default_rng(6)
    x = np.exp(rng.uniform(-12, 3.5, 2000)).astype(np.float32)
    x = np.concatenate([x, -x])
    for name, oracle in ORACLES.items():
        fed = np.abs(x) if name in ("Log", "Sqrt") else x
        found = np.asarray(_run_one(name, fed), np.float64)
        exact = np.array([oracle(float(item)) for item in fed])
        unit = np.spacing(np.abs(exact).astype(np.float32)).astype(np.float64)
        assert (np.abs(found - exact) <= unit).all(), name


def _run_one(op_type: str, x: Array) -> Array:
    program = Program(
        name="one",
        rounding=Rounding.HALF_EVEN,
        inputs=("x",),
        outputs=("y",),
        tensors={name: Tensor(name=name, dtype=DType.FLOAT32, shape=x.shape) for name in "xy"},
        constants={},
        operations=(FloatOp(name="f", inputs=("x",), outputs=("y",), op_type=op_type),),
    )
    return run_in_c(program, {"x": x})["y"]


def wide_program(op_type: str, constants: dict[int, Array], source: DType) -> Program:
    """One `Function` from all integers of `source` to int16 and uint8."""
    integers = np.arange(source.qmin, source.qmax + 1, 7)
    shape = integers.shape
    names = {index: f"constant{index}" for index in constants}
    ops = [
        Function(
            name=f"f{number}",
            inputs=("x",),
            outputs=(f"y{number}",),
            op_type=op_type,
            constants=names,
        )
        for number in (0, 1)
    ]
    return Program(
        name="wide",
        rounding=Rounding.HALF_UP,
        inputs=("x",),
        outputs=("y0", "y1"),
        tensors={
            "x": Tensor(name="x", dtype=source, scale=0.0007, zero_point=3, shape=shape),
            "y0": Tensor(name="y0", dtype=DType.INT16, scale=0.0003, zero_point=-9, shape=shape),
            "y1": Tensor(name="y1", dtype=DType.UINT8, scale=0.021, zero_point=120, shape=shape),
        },
        constants={names[index]: array for index, array in constants.items()},
        operations=tuple(ops),
    )


@pytest.mark.parametrize(
    ("op_type", "constants"),
    [
        ("Sigmoid", {}),
        ("Log", {}),
        ("Sqrt", {}),
        ("Gelu", {}),
        ("Clip", {2: np.array([2.5], np.float32)}),
        ("Pow", {1: np.array([1.7], np.float32)}),
        ("Max", {1: np.array([-1], np.float32), 2: np.array([0.5], np.float32)}),
        ("Div", {1: np.array([0], np.float32)}),
        ("PRelu", {1: np.array([[0.3]], np.float32)}),
    ],
)
def test_functions_of_16_bits(op_type: str, constants: dict[int, Array]) -> None:
    for source in (DType.INT16, DType.UINT16):
        program = wide_program(op_type, constants, source)
        x = np.arange(source.qmin, source.qmax + 1, 7).astype(source.numpy)
        assert_same(program, {"x": x})
