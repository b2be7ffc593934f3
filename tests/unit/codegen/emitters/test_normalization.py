"""Normalize: runs that are no neighbours in memory, gains of every shape, in 16 bits."""

from __future__ import annotations

import numpy as np
import pytest

from toolchain.codegen.generate import generate
from toolchain.core.dtypes import DType
from toolchain.core.quant import Rounding
from toolchain.errors import Code, CompileError
from toolchain.program.records import Normalize, Program, Tensor

SHAPE = (2, 6, 4, 5)


def normalize(
    length: int, *, offset: bool = True, centred: bool = True, zero_point: int = -7
) -> Normalize:
    return Normalize(
        name="normalize",
        inputs=("x",),
        outputs=("y",),
        length=length,
        centred=centred,
        x_zero_point=3,
        epsilon=12.5,
        gain="gain",
        offset="offset" if offset else None,
        zero_point=zero_point,
    )


@pytest.mark.parametrize(
    ("length", "gain", "offset"),
    [
        (20, (6, 1, 1), (6, 1, 1)),  # instance
        (60, (6, 1, 1), (1, 6, 1, 1)),  # group
        (120, (6, 4, 5), ()),  # layer
        (5, (5,), None),
        (10, (), (5,)),  # half of an axis
        (240, (1,), SHAPE),
        (1, (6, 1, 5), None),
    ],
)
@pytest.mark.parametrize("result", [DType.INT8, DType.INT16])
def test_channels_last(between, length, gain, offset, result) -> None:
    random = np.random.default_rng(2)
    constants = {"gain": np.float32(30) * random.standard_normal(gain).astype(np.float32)}
    if offset is not None:
        constants["offset"] = np.float32(9) * random.standard_normal(offset).astype(np.float32)
    op = normalize(length, offset=offset is not None)
    constants = {name: np.asarray(array, np.float32) for name, array in constants.items()}
    assert between(op, (DType.INT8, SHAPE), (result, SHAPE), constants) == ["tc_normalize"]


@pytest.mark.parametrize("centred", [True, False])
@pytest.mark.parametrize("types", [("int16", "int8"), ("uint16", "uint16")])
def test_long_runs_of_16_bits(between, types, centred) -> None:
    shape = (3, 2, 700)
    gain = np.linspace(1, 40, 700, dtype=np.float32)
    source, result = map(DType, types)
    op = normalize(700, offset=False, centred=centred, zero_point=100)
    between(op, (source, shape), (result, shape), {"gain": gain})


def test_runs_across_axes_are_refused() -> None:
    tensors = {n: Tensor(name=n, dtype=DType.INT8, shape=(3, 4)) for n in "xy"}
    program = Program(
        name="p",
        rounding=Rounding.HALF_EVEN,
        inputs=("x",),
        outputs=("y",),
        tensors=tensors,
        constants={"gain": np.ones(1, np.float32)},
        operations=(normalize(6, offset=False),),
    )
    with pytest.raises(CompileError, match="runs of 6") as error:
        generate(program)
    assert error.value.problems[0].code is Code.LOWERING_FAILED
