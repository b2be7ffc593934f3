"""Processors on machines: compiled, simulated, and equal to the reference."""

from __future__ import annotations

import numpy as np
import pytest

from tc_target_dpu.facts import SPEC as DPU
from tc_target_kdp.facts import SPEC as KDP
from tc_target_npu.facts import SPEC as NPU
from toolchain.accelerator.compile.image import ConstantImage
from toolchain.accelerator.compile.rules import unsupported
from toolchain.accelerator.compile.segment import compile_segment
from toolchain.accelerator.container.flow import read_port, write_port
from toolchain.accelerator.simulator.execute import Simulator
from toolchain.core.dtypes import DType
from toolchain.core.machine import Machine
from toolchain.core.options import (
    Color,
    CompileOptions,
    InputOptions,
    InputProcessor,
    Layout,
    Source,
    YuvRange,
)
from toolchain.core.target import TargetSpec
from toolchain.program.interpreter import Interpreter
from toolchain.program.processors import settle
from toolchain.program.records import Program, Quantize, Tensor

MACHINES: dict[str, tuple[TargetSpec, Machine]] = {
    machine.name: (spec, machine)
    for spec in (NPU, KDP, DPU)
    for chip in spec.platforms
    for machine in chip.machines
}
SHAPE = (1, 3, 24, 32)


def fed(spec: TargetSpec, source: Source) -> Program:
    """A program that stores pixels, normalized channel by channel."""
    yuv = source in (Source.NV12, Source.NV21, Source.YUYV, Source.UYVY)
    processor = InputProcessor(
        format=source,
        color=Color.RGB,
        layout=None if yuv else Layout.NHWC,
        range=YuvRange.LIMITED if yuv else None,
        mean=(123.0, 116.0, 103.0),
        std=(58.0, 57.0, 57.5),
    )
    tensors = (
        Tensor(name="x", dtype=DType.FLOAT32, shape=SHAPE),
        Tensor(name="q", dtype=DType.INT8, shape=SHAPE, scale=0.0173, zero_point=11),
    )
    storing = Program(
        name="storing",
        rounding=spec.rounding,
        requantization=spec.requantization,
        wide_accumulator=spec.wide_accumulator,
        inputs=("x",),
        outputs=("q",),
        tensors={tensor.name: tensor for tensor in tensors},
        constants={},
        operations=(Quantize(name="quantize", inputs=("x",), outputs=("q",)),),
    )
    options = CompileOptions(input_processors=(processor,))
    return settle(options, {"x": InputOptions()}, ("q",)).apply(storing)


@pytest.mark.parametrize("source", [Source.BGR, Source.NV21, Source.UYVY])
@pytest.mark.parametrize("name", ["ax650-npu1", "ax650-npu3", "kl730", "b4096-1"])
def test_a_machine_computes_what_the_reference_does(name: str, source: Source) -> None:
    spec, machine = MACHINES[name]
    program = fed(spec, source)
    reasons = [unsupported(op, program, machine) for op in program.operations]
    if spec is DPU and source is not Source.BGR:
        # 16-bit factors of colours: that operation goes to a CPU.
        assert [each for each in reasons if each] == ["its arrays multiply no operands of 16 bits"]
        return
    assert not any(reasons)
    image = ConstantImage()
    segment = compile_segment(program, machine, image)
    pixels = np.random.default_rng(0).integers(0, 256, program.tensors["x"].shape, np.uint8)
    (given,), (written,) = segment.inputs, segment.outputs
    region = np.zeros(pixels.size, np.uint8)
    write_port(region, given, pixels)
    found = Simulator(segment.code, machine, image.content()).run(region)
    expected = Interpreter(program).run({"x": pixels})["q"]
    np.testing.assert_array_equal(read_port(found, written), expected, strict=True)
