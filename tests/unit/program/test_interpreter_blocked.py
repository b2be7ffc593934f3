"""Weights per block: the formula of docs/numerics.md, 5, and records that cannot be executed."""

from __future__ import annotations

import numpy as np
import pytest

from toolchain.core.dtypes import DType
from toolchain.errors import Code, CompileError
from toolchain.program.records import BlockedConv, BlockedMatMul, Requantize, ToFloat

FLOAT = {"y": (DType.FLOAT32, (1, 2, 2, 2))}
X = np.arange(-8, 8, dtype=np.int8).reshape(1, 4, 2, 2)


def conv(**changes: object) -> BlockedConv:
    values: dict[str, object] = {
        "name": "convolution",
        "inputs": ("x",),
        "outputs": ("y",),
        "weight": "w",
        "weight_zero_point": None,
        "bias": None,
        "x_zero_point": 1,
        "block_size": 2,
        "strides": (1, 1),
        "pads": (0, 0, 0, 0),
        "dilations": (1, 1),
        "groups": 1,
        "finish": ToFloat(factor="f"),
    }
    return BlockedConv(**{**values, **changes})


def constants(**changes: object) -> dict[str, np.ndarray]:
    """A weight (2, 4, 1, 1) in blocks of 2, with zero points and a bias."""
    rng = np.random.default_rng(0)
    values = {
        "w": rng.integers(-8, 8, (2, 4, 1, 1)).astype(np.int8),
        "f": rng.uniform(0.1, 1, (2, 2, 1, 1)).astype(np.float32),
        "z": rng.integers(-8, 8, (2, 2, 1, 1)).astype(np.int32),
        "b": np.array([0.5, -1], np.float32),
    }
    return {**values, **changes}


def test_sums_of_blocks(execute) -> None:
    """Two products and two sums per element, each rounded once."""
    found = constants()
    op = conv(weight_zero_point="z", bias="b")
    y = execute(op, {"x": X}, FLOAT, found)["y"]
    for m in range(2):
        total = np.full((2, 2), found["b"][m], np.float32)
        for block in range(2):
            channels = slice(2 * block, 2 * block + 2)
            weight = found["w"][m, channels].astype(np.int64) - found["z"][m, block]
            acc = ((X[0, channels].astype(np.int64) - 1) * weight).sum(axis=0)
            total = total + acc.astype(np.float32) * found["f"][m, block]
        np.testing.assert_array_equal(y[0, m], total)


def test_bounds_and_rounding_of_the_total(execute) -> None:
    """Totals of 2.5 and -0.5 round to even, the bounds cut the others."""
    found = {"w": np.ones((1, 1, 1), np.int8), "f": np.full((1, 1, 1), 0.5, np.float32)}
    op = conv(
        block_size=1,
        x_zero_point=0,
        strides=(1,),
        pads=(0, 0),
        dilations=(1,),
        finish=Requantize(factor="f", zero_point=3, low=0, high=6),
    )
    x = np.array([5, -1, 3, 100, -100], np.int8).reshape(1, 1, 5)
    y = execute(op, {"x": x}, {"y": (DType.INT8, (1, 1, 5))}, found)["y"]
    assert y.reshape(-1).tolist() == [5, 3, 5, 6, 0]


IMPOSSIBLE = {
    "factor of another shape": (conv(), constants(f=np.ones((2, 4, 1, 1), np.float32))),
    "zero points of another shape": (
        conv(weight_zero_point="z"),
        constants(z=np.zeros((2, 1, 1, 1), np.int32)),
    ),
    "bias of another length": (conv(bias="b"), constants(b=np.zeros(3, np.float32))),
    "no block": (conv(block_size=0), constants()),
    "a negative block": (conv(block_size=-2), constants()),
    "groups": (conv(groups=3), constants()),
    "window": (conv(strides=(2, 2)), constants()),
    "pads": (conv(pads=(0, 0)), constants()),
    "channels": (conv(), constants(w=np.ones((2, 3, 1, 1), np.int8))),
    "an infinite factor": (conv(), constants(f=np.full((2, 2, 1, 1), np.inf, np.float32))),
}


@pytest.mark.parametrize(("op", "found"), IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_records_that_cannot_be_executed(execute, op, found) -> None:
    with pytest.raises(CompileError) as caught:
        execute(op, {"x": X}, FLOAT, found)
    assert caught.value.code is Code.PROGRAM_INVALID


def product(**changes: object) -> BlockedMatMul:
    values: dict[str, object] = {
        "name": "product",
        "inputs": ("a",),
        "outputs": ("y",),
        "b": "w",
        "b_zero_point": None,
        "bias": None,
        "a_zero_point": 0,
        "block_size": 2,
        "finish": ToFloat(factor="f"),
    }
    return BlockedMatMul(**{**values, **changes})


def test_matrices_that_do_not_fit_or_overflow(execute) -> None:
    a = {"a": np.ones((2, 4), np.int16)}
    y = {"y": (DType.FLOAT32, (2, 1))}
    factor = np.ones((2, 1), np.float32)
    with pytest.raises(CompileError, match="do not fit"):
        execute(product(), a, y, {"w": np.ones((3, 1), np.int8), "f": factor})
    wide = np.full((4, 1), 30000, np.int16)
    with pytest.raises(CompileError, match="exceed int32"):
        execute(product(block_size=4), a, y, {"w": wide, "f": factor[:1]})
    narrow = {"w": np.array([[1], [2], [3], [4]], np.int8), "f": factor * [[1], [10]]}
    narrow["f"] = narrow["f"].astype(np.float32)
    assert execute(product(), a, y, narrow)["y"].tolist() == [[73.0], [73.0]]
