"""Totals of a program, and what a model makes of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from toolchain.core.cost import Bound, OperationEstimate
from toolchain.core.dtypes import DType
from toolchain.core.quant import Rounding
from toolchain.core.registry import CostModelDef
from toolchain.program.cost import cost_report
from toolchain.program.records import Conv, Program, Requantize, Tensor

CONSTANTS = {
    "w": np.zeros((6, 4, 3, 3), np.int8),
    "bias": np.zeros(6, np.int32),
    "f": np.ones((), np.float32),
}
CONV = Conv(
    name="first",
    inputs=("x",),
    outputs=("y",),
    weight="w",
    weight_zero_point=None,
    bias="bias",
    x_zero_point=0,
    strides=(1, 1),
    pads=(0, 0, 0, 0),
    dilations=(1, 1),
    groups=1,
    finish=Requantize(factor="f", zero_point=0, low=-128, high=127),
)


def two_convolutions() -> Program:
    """Two that share weight and bias."""
    shapes = {"x": (1, 4, 5, 5), "z": (1, 4, 3, 3), "y": (1, 6, 3, 3), "v": (1, 6, 1, 1)}
    return Program(
        name="two",
        rounding=Rounding.HALF_EVEN,
        inputs=("x", "z"),
        outputs=("y", "v"),
        tensors={n: Tensor(name=n, dtype=DType.INT8, shape=s) for n, s in shapes.items()},
        constants=CONSTANTS,
        operations=(
            CONV,
            replace(CONV, name="second", inputs=("z",), outputs=("v",)),
        ),
    )


def test_totals_count_shared_constants_once() -> None:
    report = cost_report(two_convolutions(), arena_bytes=320, bound_bytes=256)
    assert [each.macs for each in report.operations] == [9 * 36 * 6, 36 * 6]
    assert report.macs == 2160
    assert [each.weight_bytes for each in report.operations] == [244, 244]
    assert report.weight_bytes == 244
    assert (report.input_bytes, report.output_bytes) == (100 + 36, 54 + 6)
    assert (report.arena_bytes, report.bound_bytes) == (320, 256)
    assert (report.model, report.estimates, report.sources, report.notes) == (None, (), (), ())


def test_a_model_is_asked_for_every_number_of_cores() -> None:
    model = CostModelDef(
        name="board",
        summary="one MAC per microsecond and core",
        target="board",
        platforms=("b1",),
        function=lambda operations, cores: tuple(
            OperationEstimate(name=o.name, latency_us=o.macs / cores, bound=Bound.COMPUTE)
            for o in operations
        ),
        sources=("somewhere",),
        notes=("a guess",),
    )
    report = cost_report(two_convolutions(), model=model, cores=(1, 2))
    assert [(each.cores, each.latency_us) for each in report.estimates] == [(1, 2160), (2, 1080)]
    assert [each.latency_us for each in report.estimates[1].operations] == [972, 108]
    assert report.model == "board: one MAC per microsecond and core"
    assert (report.sources, report.notes) == (("somewhere",), ("a guess",))
