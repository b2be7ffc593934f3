"""Transposed convolutions by phases, against the interpreter, which scatters."""

from __future__ import annotations

import numpy as np
import pytest

from toolchain.accelerator.compile.rules.transposed import phases
from toolchain.accelerator.compile.rules.windows import Axis
from toolchain.core.dtypes import DType
from toolchain.core.machine import Machine
from toolchain.core.quant import Rounding
from toolchain.program.interpreter import Interpreter
from toolchain.program.records import ConvTranspose, Program, Requantize, Tensor
from toolchain.testing.machines import refused, run_on_machine
from toolchain.testing.parts import run_in_parts


def program(
    kernel: tuple[int, ...],
    strides: tuple[int, ...],
    dilations: tuple[int, ...],
    pads: tuple[int, ...],
    groups: int,
) -> Program:
    rng = np.random.default_rng(sum(kernel) + groups)
    rank, channels, per_group = len(kernel), 4, 3
    source = (2, channels, *(5, 4)[:rank])
    result = (
        2,
        per_group * groups,
        *(
            (n - 1) * s + (k - 1) * d + 1 - pads[axis] - pads[rank + axis]
            for axis, (n, s, k, d) in enumerate(
                zip(source[2:], strides, kernel, dilations, strict=True)
            )
        ),
    )
    op = ConvTranspose(
        name="op", inputs=("x",), outputs=("y",), weight="w", weight_zero_point="z", bias="b",
        x_zero_point=5, strides=strides, pads=pads, dilations=dilations, groups=groups,
        finish=Requantize(factor="f", zero_point=-3, low=-128, high=127),
    )  # fmt: skip
    return Program(
        name="transposed",
        rounding=Rounding.HALF_EVEN,
        inputs=("x",),
        outputs=("y",),
        tensors={
            "x": Tensor(name="x", dtype=DType.UINT8, shape=source),
            "y": Tensor(name="y", dtype=DType.INT8, shape=result),
        },
        constants={
            "w": rng.integers(-128, 128, (channels, per_group, *kernel)).astype(np.int8),
            "z": rng.integers(-9, 9, per_group).astype(np.int32),
            "b": rng.integers(-999, 999, per_group * groups).astype(np.int32),
            "f": np.float32(0.003).reshape(()),
        },
        operations=(op,),
    )


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize(
    ("kernel", "strides", "dilations", "pads"),
    [
        ((3, 3), (2, 2), (1, 1), (1, 1, 1, 1)),
        ((4, 2), (2, 3), (1, 1), (1, 0, 2, 0)),
        ((2, 3), (4, 2), (1, 2), (0, 1, 0, 0)),
        ((3, 2), (1, 6), (2, 4), (0, 0, 3, 1)),
        ((3,), (2,), (3,), (2, 0)),
    ],
)
def test_phases_make_what_scattering_makes(
    kernel: tuple[int, ...],
    strides: tuple[int, ...],
    dilations: tuple[int, ...],
    pads: tuple[int, ...],
    groups: int,
    some_machine: Machine,
) -> None:
    single = program(kernel, strides, dilations, pads, groups)
    shape = single.tensors["x"].shape
    x = np.random.default_rng(3).integers(0, 256, shape).astype(np.uint8)
    expected = Interpreter(single).run({"x": x})["y"]
    assert refused(single, some_machine) is None
    for found in (
        run_in_parts(single, {"x": x}, seed=1),
        run_on_machine(single, {"x": x}, some_machine),
    ):
        np.testing.assert_array_equal(found["y"], expected)


def test_phases_of_an_axis() -> None:
    # Elements 0, 2 land on even positions, 1 and 3 on odd ones, one position further each.
    even, odd = phases(Axis(extent=5, kernel=4, stride=2))
    assert (even.taps, even.dilation, even.back) == ((2, 0), 1, 1)
    assert (odd.taps, odd.dilation, odd.back) == ((3, 1), 1, 1)
    # Elements 0, 2, 4: nothing lands on odd positions.
    even, odd = phases(Axis(extent=5, kernel=3, stride=2, dilation=2))
    assert (even.taps, even.dilation, even.back) == ((2, 1, 0), 1, 2)
    assert odd.taps == ()
