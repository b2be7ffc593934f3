"""No compiled program is faster than what no schedule can beat."""

from __future__ import annotations

import numpy as np
import pytest

from tc_target_dpu.facts import SPEC as DPU
from tc_target_kdp.facts import SPEC as KDP
from tc_target_npu.facts import SPEC as NPU
from toolchain.accelerator.bounds import program_bound
from toolchain.accelerator.compile.image import ConstantImage
from toolchain.accelerator.compile.segment import compile_segment
from toolchain.accelerator.cycles.model import timeline
from toolchain.accelerator.cycles.summary import summarise
from toolchain.core.dtypes import DType
from toolchain.core.machine import Machine
from toolchain.core.quant import Rounding
from toolchain.program.records import Conv, Program, Requantize, Tensor

MACHINES = {
    machine.name: machine
    for spec in (NPU, KDP, DPU)
    for chip in spec.platforms
    for machine in chip.machines
}


def program() -> Program:
    """Three convolutions in a row: 3 x 3, depthwise, 1 x 1."""
    shapes = {"w0": (32, 16, 3, 3), "w1": (32, 1, 3, 3), "w2": (48, 32, 1, 1)}
    channels = {"x": 16, "a": 32, "b": 32, "y": 48}
    names = list(channels)
    return Program(
        name="p",
        rounding=Rounding.HALF_EVEN,
        inputs=("x",),
        outputs=("y",),
        tensors={
            name: Tensor(name=name, dtype=DType.INT8, shape=(1, count, 24, 24))
            for name, count in channels.items()
        },
        constants={
            **{name: np.ones(shape, np.int8) for name, shape in shapes.items()},
            "f": np.ones((), np.float32),
        },
        operations=tuple(
            Conv(
                name=f"conv{i}", inputs=(names[i],), outputs=(names[i + 1],), weight=f"w{i}",
                weight_zero_point=None, bias=None, strides=(1, 1),
                pads=(0, 0, 0, 0) if i == 2 else (1, 1, 1, 1), dilations=(1, 1),
                groups=32 if i == 1 else 1, x_zero_point=0,
                finish=Requantize(factor="f", zero_point=0, low=-128, high=127),
            )
            for i in range(3)
        ),
    )  # fmt: skip


@pytest.mark.parametrize("name", ["ax650-npu1", "ax650-npu3", "kl520", "b4096-1"])
def test_compiled_code_takes_longer_than_the_bound(name: str) -> None:
    machine: Machine = MACHINES[name]
    whole = program()
    bound = program_bound(whole, machine)
    code = compile_segment(whole, machine, ConstantImage()).code
    found = summarise([timeline(code, machine)], batch=1, bound=bound)
    assert found.cycles >= bound.cycles > 0
    assert found.traffic_read + found.traffic_written >= bound.transfer_bytes
    assert found.roofline.macs >= bound.macs == 576 * (32 * 144 + 32 * 9 + 48 * 32)
