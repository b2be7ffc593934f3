"""Blocks with factors of their own, and functions by tables, against the interpreter."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from toolchain.core.dtypes import Array, DType
from toolchain.core.machine import Machine
from toolchain.core.quant import Rounding
from toolchain.core.target import Requantization
from toolchain.program.interpreter import Interpreter
from toolchain.program.records import (
    BlockedConv,
    BlockedMatMul,
    Function,
    Operation,
    Program,
    Requantize,
    Tensor,
    ToFloat,
)
from toolchain.testing.machines import refused, run_on_machine
from toolchain.testing.parts import run_in_parts

FINISH = Requantize(factor="f", zero_point=-3, low=-128, high=127)
RNG = np.random.default_rng(7)


def single(
    op: Operation,
    x: Tensor,
    y: Tensor,
    constants: Mapping[str, Array] | None = None,
    requantization: Requantization = Requantization.FLOAT32_MULTIPLIER,
) -> Program:
    return Program(
        name="single",
        rounding=Rounding.HALF_AWAY,
        requantization=requantization,
        inputs=("x",),
        outputs=("y",),
        tensors={"x": x, "y": y},
        constants=constants or {},
        operations=(op,),
    )


def check(program: Program, machine: Machine) -> None:
    tensor = program.tensors["x"]
    x = RNG.integers(tensor.dtype.qmin, tensor.dtype.qmax + 1, tensor.shape)
    feeds = {"x": x.astype(tensor.dtype.numpy)}
    expected = Interpreter(program).run(feeds)["y"]
    assert len(np.unique(expected)) > 5
    assert refused(program, machine) is None
    for found in (run_in_parts(program, feeds, 1), run_on_machine(program, feeds, machine)):
        np.testing.assert_array_equal(found["y"], expected)


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize(
    ("kernel", "groups", "block", "zeros"),
    [
        ((3, 2), 1, 4, True),
        ((3, 2), 2, 2, False),
        ((1, 1), 1, 64, True),
        ((3,), 3, 1, True),
    ],
)
def test_convolutions(
    kernel: tuple[int, ...], groups: int, block: int, zeros: bool, exact: bool,
    some_machine: Machine,
) -> None:  # fmt: skip
    rank, depth = len(kernel), 6 // groups
    shape = (6, -(-depth // block), *kernel)
    constants = {
        "w": RNG.integers(-8, 8, (6, depth, *kernel)).astype(np.int8),
        "z": RNG.integers(-3, 3, shape).astype(np.int32),
        "b": RNG.uniform(-9, 9, 6).astype(np.float32),
        "f": RNG.uniform(0.001, 0.02, shape).astype(np.float32),
    }
    op = BlockedConv(
        name="op", inputs=("x",), outputs=("y",), weight="w", bias="b", x_zero_point=5,
        weight_zero_point="z" if zeros else None, block_size=block, strides=(2, 1)[:rank],
        pads=(1, 0, 1, 1)[: 2 * rank], dilations=(1, 1)[:rank], groups=groups, finish=FINISH,
    )  # fmt: skip
    source = (2, 6, *(9, 8)[:rank])
    begins, ends = op.pads[:rank], op.pads[rank:]
    spatial = tuple(
        (n + begins[at] + ends[at] - kernel[at]) // op.strides[at] + 1
        for at, n in enumerate(source[2:])
    )
    kind = Requantization.SHIFT if exact else Requantization.FLOAT32_MULTIPLIER
    x = Tensor(name="x", dtype=DType.UINT8, shape=source)
    y = Tensor(name="y", dtype=DType.INT8, shape=(2, 6, *spatial))
    check(single(op, x, y, constants, kind), some_machine)


@pytest.mark.parametrize("shape", [(7, 20), (2, 3, 7, 20)])
def test_products(shape: tuple[int, ...], some_machine: Machine) -> None:
    constants = {
        "w": RNG.integers(-8, 8, (20, 33)).astype(np.int8),
        "f": RNG.uniform(0.001, 0.02, (3, 33)).astype(np.float32),
    }
    op = BlockedMatMul(
        name="op", inputs=("x",), outputs=("y",), b="w", bias=None, a_zero_point=-4,
        b_zero_point=None, block_size=8, finish=ToFloat(factor="f", low=-90.0, high=np.inf),
    )  # fmt: skip
    x = Tensor(name="x", dtype=DType.INT8, shape=shape)
    y = Tensor(name="y", dtype=DType.FLOAT32, shape=(*shape[:-1], 33))
    check(single(op, x, y, constants), some_machine)


@pytest.mark.parametrize("dtype", [DType.INT4, DType.UINT8, DType.INT16, DType.UINT16])
def test_functions(dtype: DType, some_machine: Machine) -> None:
    op = Function(name="op", inputs=("x",), outputs=("y",), op_type="Sigmoid")
    scale = 12.0 / dtype.qmax
    x = Tensor(name="x", dtype=dtype, shape=(3, 7, 50), scale=scale, zero_point=1)
    y = Tensor(name="y", dtype=DType.INT16, shape=(3, 7, 50), scale=2.0**-15, zero_point=0)
    check(single(op, x, y), some_machine)


def test_functions_of_more_than_16_bits_are_refused(some_machine: Machine) -> None:
    op = Function(name="op", inputs=("x",), outputs=("y",), op_type="Neg")
    x = Tensor(name="x", dtype=DType.INT32, shape=(3,), scale=1.0, zero_point=0)
    y = Tensor(name="y", dtype=DType.INT16, shape=(3,), scale=1.0, zero_point=0)
    assert refused(single(op, x, y), some_machine) == "there is a table for up to 16 bits"
