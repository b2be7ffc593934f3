"""Normalize, by exact fractions and by hand."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from toolchain.core.dtypes import DType
from toolchain.errors import Code, CompileError
from toolchain.program.records import Normalize


def normalize(**changes: object) -> Normalize:
    values: dict[str, object] = {
        "name": "normalize",
        "inputs": ("x",),
        "outputs": ("y",),
        "length": 4,
        "centred": True,
        "x_zero_point": 0,
        "epsilon": 0.0,
        "gain": "gain",
        "offset": None,
        "zero_point": 0,
    }
    return Normalize(**{**values, **changes})


def run(execute, op: Normalize, x: np.ndarray, **constants: np.ndarray) -> np.ndarray:
    known = {"gain": np.float32(1), **constants}
    return execute(op, {"x": x}, {"y": (DType.INT8, x.shape)}, known)["y"]


def test_by_hand(execute) -> None:
    # Mean 5, deviations -3 -1 1 3, variance 5: over its root -1.342 -0.447 0.447 1.342, by 10.
    x = np.array([[2, 4, 6, 8]], np.int8)
    np.testing.assert_array_equal(
        run(execute, normalize(), x, gain=np.float32(10)), [[-13, -4, 4, 13]]
    )
    # Squares 4 16 36 64, mean 30, root 5.477: 0.365 0.730 1.095 1.461, by 10.
    rms = run(execute, normalize(centred=False), x, gain=np.float32(10))
    np.testing.assert_array_equal(rms, [[4, 7, 11, 15]])
    # 16 * 15 more in the variance of 16 * 5: half of the deviations.
    wide = run(execute, normalize(epsilon=240.0), x, gain=np.float32(20))
    np.testing.assert_array_equal(wide, [[-13, -4, 4, 13]])


def test_equal_elements_are_the_offset(execute) -> None:
    x = np.full((2, 4), 77, np.int8)
    offset = np.array([1, 2, -3, 300], np.float32)
    y = run(execute, normalize(offset="offset"), x, offset=offset)
    np.testing.assert_array_equal(y, [[1, 2, -3, 127]] * 2)


@pytest.mark.parametrize("centred", [True, False])
@pytest.mark.parametrize("dtype", [DType.INT8, DType.UINT8, DType.INT16])
def test_every_step_is_rounded_once(execute, dtype: DType, centred: bool) -> None:
    # Sums and the variance by exact fractions; then one float operation after the other.
    random = np.random.default_rng(4)
    x = random.integers(dtype.qmin, dtype.qmax + 1, (6, 20)).astype(dtype.numpy)
    gain = random.standard_normal(20).astype(np.float32) * np.float32(30)
    offset = random.standard_normal(20).astype(np.float32)
    zero_point, epsilon = dtype.qmin + 100, 12345.678
    expected = np.zeros(x.shape, np.int64)
    for row, values in enumerate(x.tolist()):
        steps = [value - zero_point for value in values]
        mean = Fraction(sum(steps), 20) if centred else Fraction(0)
        square = sum((step - mean) ** 2 for step in steps) if centred else sum(s * s for s in steps)
        variance = Fraction(square) * 20
        assert variance.denominator == 1
        inverse = np.float32(1.0 / np.sqrt(np.float64(int(variance)) + epsilon))
        for column, step in enumerate(steps):
            deviation = np.float32(int((step - mean) * 20))
            real = deviation * inverse * gain[column] + offset[column]
            expected[row, column] = round(Fraction(float(real))) - 3
    op = normalize(
        length=20,
        centred=centred,
        x_zero_point=zero_point,
        epsilon=epsilon,
        offset="offset",
        zero_point=-3,
    )
    y = run(execute, op, x, gain=gain, offset=offset)
    np.testing.assert_array_equal(y, np.clip(expected, -128, 127))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"length": 3}, "does not divide"),
        ({"length": 0}, "does not divide"),
        ({"epsilon": -1.0}, "epsilon"),
        ({"offset": "wide"}, "broadcast"),
    ],
)
def test_impossible_records(execute, changes: dict[str, object], words: str) -> None:
    x, wide = np.zeros((1, 4), np.int8), np.zeros((2, 4), np.float32)
    with pytest.raises(CompileError, match=words) as error:
        run(execute, normalize(**changes), x, wide=wide)
    assert error.value.problems[0].code is Code.PROGRAM_INVALID


def test_a_variance_beyond_64_bits_is_refused(execute) -> None:
    x = np.zeros((1, 2**17), np.int16)
    with pytest.raises(CompileError, match="int64"):
        run(execute, normalize(length=2**17), x)
