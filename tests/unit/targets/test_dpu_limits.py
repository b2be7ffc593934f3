"""What the hardware leaves to a CPU although it is computed in integers."""

from __future__ import annotations

import numpy as np
import pytest

from tc_target_dpu.limits import machine_limits
from toolchain.core.dtypes import DType
from toolchain.core.quant import Rounding
from toolchain.program.records import Conv, Pool, PoolKind, Program, Requantize, Table, Tensor

CONV = Conv(
    name="conv", inputs=("x",), outputs=("c",), weight="w", weight_zero_point=None, bias=None,
    x_zero_point=0, strides=(1, 1), pads=(0, 0, 0, 0), dilations=(1, 1), groups=1,
    finish=Requantize(factor="f", zero_point=0, low=-128, high=127),
)  # fmt: skip
POOL = Pool(
    name="pool", inputs=("x",), outputs=("c",), kind=PoolKind.MAX, kernel=(1, 1), strides=(1, 1),
    pads=(0, 0, 0, 0), dilations=(1, 1), count_include_pad=False, x_zero_point=0, factor=1.0,
    zero_point=0, low=-128, high=127,
)  # fmt: skip
FUNCTION = Table(name="act", inputs=("c",), outputs=("y",), table="t")


def program(first: Conv | Pool) -> Program:
    return Program(
        name="p",
        rounding=Rounding.HALF_UP,
        inputs=("x",),
        outputs=("y",),
        tensors={n: Tensor(name=n, dtype=DType.INT8, shape=(1, 1, 2, 2)) for n in "xcy"},
        constants={"w": np.ones((1, 1, 1, 1), np.int8), "t": np.zeros(256, np.int8)},
        operations=(first, FUNCTION),
    )


@pytest.mark.parametrize(
    ("first", "kind", "reason"),
    [
        (CONV, "HardSwish", None),
        (CONV, "Sigmoid", "the DPU has no Sigmoid"),
        (POOL, "HardSwish", "the DPU computes HardSwish behind a convolution only"),
        (POOL, None, None),
    ],
)
def test_functions(first: Conv | Pool, kind: str | None, reason: str | None) -> None:
    """A table of no node changes a position, which a convolution of 1 x 1 does."""
    limits = machine_limits({} if kind is None else {"act": kind})
    assert limits(FUNCTION, program(first)) == reason
    assert limits(first, program(first)) is None
