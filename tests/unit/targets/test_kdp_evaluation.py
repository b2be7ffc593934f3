"""A model of two operations, timed by hand: 100 MHz, 2 bytes per cycle of one transfer."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tc_target_kdp.evaluation import Evaluation, Kind, Limits, Unit, evaluate
from tc_target_kdp.evaluation_text import evaluation_fields, evaluation_text
from toolchain.accelerator.container.records import HostSegment, MachineSegment
from toolchain.accelerator.isa.code import Code
from toolchain.accelerator.isa.instructions import Copy, Fill, Multiply
from toolchain.accelerator.isa.operands import Engine, Queue, Space, ToInteger, View, Wait
from toolchain.core.dtypes import DType
from toolchain.core.machine import (
    ConvolutionEngine,
    Ddr,
    MacArray,
    Machine,
    OnChipMemory,
    TensorEngine,
    TransferEngine,
)
from toolchain.core.quant import Rounding
from toolchain.program.records import FloatOp, MatMul, Program, Requantize, Slope, Tensor

TRANSFER, ARRAY, LANES = (
    Queue(0, engine, 0) for engine in (Engine.TRANSFER, Engine.CONVOLUTION, Engine.TENSOR)
)
MACHINE = Machine(
    name="kl0",
    summary="KL0-like",
    cores=1,
    clock_mhz=100,
    convolution=ConvolutionEngine(
        count=1, array=MacArray(pixels=4, inputs=8, outputs=16), passes={8: 1}
    ),
    tensor=TensorEngine(count=1, lanes=5),
    transfer=TransferEngine(count=1, bytes_per_cycle=2, burst_bytes=64, alignment=16),
    memory=OnChipMemory(bytes=4096, banks=4, ports=1),
    ddr=Ddr(megabytes_per_second=300, latency_cycles=0),
    sync_cycles=0,
)


def view(*shape: int, space: Space = Space.MEMORY) -> View:
    strides = tuple(int(np.prod(shape[at + 1 :])) for at in range(len(shape)))
    return View(space=space, offset=0, dtype=DType.INT8, shape=shape, strides=strides)


def program() -> Program:
    """A product, something by element that has its name only, and a float operation behind it."""
    names = {"x": (8, 16), "p": (8, 32), "y": (8, 32), "z": (8, 32)}
    product = MatMul(
        name="product", inputs=("x",), outputs=("p",), b="w", bias=None, a_zero_point=0,
        b_zero_point=None, finish=Requantize(factor="f", zero_point=0, low=-128, high=127),
    )  # fmt: skip
    slope = Slope(
        name="slope", inputs=("p",), outputs=("y",), x_zero_point=0, factor=1.0, negative="f",
        zero_point=0,
    )  # fmt: skip
    odd = FloatOp(
        name="odd", inputs=("y",), outputs=("z",), op_type="CumSum", attributes={}, constants={}
    )
    return Program(
        name="m",
        rounding=Rounding.HALF_AWAY,
        inputs=("x",),
        outputs=("z",),
        tensors={n: Tensor(name=n, dtype=DType.INT8, shape=s) for n, s in names.items()},
        constants={"w": np.ones((16, 32), np.int8), "f": np.ones((), np.float32)},
        operations=(product, slope, odd),
    )


def evaluated(**limits: float) -> Evaluation:
    """Weights 128 bytes, then the product on the array, 50 lanes, 64 bytes out; odd on the CPU."""
    finish = ToInteger(
        rounding=Rounding.HALF_AWAY, exact=False, guard_bits=0, zero_point=0, low=-128, high=127
    )
    load = Copy(operation=0, waits=(), target=view(128), source=view(128, space=Space.CONSTANTS))
    product = Multiply(
        operation=0, waits=(Wait(TRANSFER, 1),), target=view(1, 8, 32), a=view(1, 8, 16),
        b=view(1, 16, 32), b_zero=None, bias=None, factor=view(1, 1, 1), a_zero=0, finish=finish,
    )  # fmt: skip
    element = Fill(operation=1, waits=(Wait(ARRAY, 1),), target=view(50), value=0)
    store = Copy(
        operation=1, waits=(Wait(LANES, 1),), target=view(64, space=Space.OUTPUT), source=view(64)
    )
    code = Code(
        machine="kl0",
        operations=("product", "slope"),
        queues={TRANSFER: (load, store), ARRAY: (product,), LANES: (element,)},
        sizes={Space.MEMORY: 4096},
    )
    whole = program()
    segments = (
        MachineSegment(code=code, inputs=(), outputs=()),
        HostSegment(program=whole, reasons={"odd": "CumSum is computed in float"}),
    )
    return evaluate(segments, whole, MACHINE, Limits(**limits))


def test_cycles_by_unit() -> None:
    found = evaluated()
    # 128 bytes by twos; 2 x 2 x 2 steps of the array; 50 elements by fives; 64 bytes by twos.
    assert found.cycles == 64 + 8 + 10 + 32
    product, slope, odd = found.nodes
    assert {unit: n for unit, n in product.cycles.items() if n} == {Unit.GETW: 64, Unit.MAC: 8}
    assert {unit: n for unit, n in slope.cycles.items() if n} == {Unit.CFUNC: 10, Unit.WDMA: 32}
    assert product.amounts == {Unit.RDMA: 0, Unit.WDMA: 0, Unit.GETW: 128}
    assert slope.amounts == {Unit.RDMA: 0, Unit.WDMA: 64, Unit.GETW: 0}
    assert (product.macs, found.theoretical_cycles) == (8 * 16 * 32, 8)
    # The product ends at 72, the rest 42 later.
    assert [node.synchronised for node in found.nodes] == [72, 42, 0]
    assert [node.kind for node in found.nodes] == [Kind.NPU, Kind.NPU, Kind.CPU]
    assert odd.reason == "CumSum is computed in float"


def test_fields() -> None:
    fields = evaluation_fields(evaluated())
    assert fields["fps"] == pytest.approx(1e8 / 114)
    assert fields["ITC"] == fields["total_time"] == pytest.approx(0.00114)
    assert (fields["RV"], fields["WV"], fields["GETW"]) == (0, 64, 128)
    assert fields["GETW_bandwidth"] == pytest.approx(0.0128 / 0.114)
    assert fields["cpu_node"] == [
        {"node": "odd", "type": "CumSum", "reason": "CumSum is computed in float"}
    ]
    product = fields["nodes"][0]
    assert (product["MAC_cycle"], product["bw_weight"], product["bw_out"]) == (8, 8, 8)
    assert product["runtime"] == pytest.approx(0.00072)
    assert product["GETW_runtime"] == pytest.approx(0.00064)
    json.dumps(fields, allow_nan=False)


def test_text_as_the_evaluator_prints_it() -> None:
    assert evaluation_text(evaluated()).splitlines()[-7:] == [
        "estimate FPS float = 877193",
        "total time = 0.00114 ms",
        "total theoretical covolution time = 8e-05 ms",
        "average DRAM bandwidth = 0.168421 GB/s",
        "MAC efficiency to total time = 7.01754 %",
        "MAC idle time = 0.00106 ms",
        "MAC running time = 8e-05 ms",
    ]
    assert "CPU ops types: CumSum." in evaluation_text(evaluated())


def test_bandwidths_in_gigabits_per_second() -> None:
    # 100 MB/s are a byte in a cycle: 128 and 64 cycles, or only weights at that rate.
    assert evaluated(dma_bandwidth=0.8).cycles == 128 + 8 + 10 + 64
    assert evaluated(weight_bandwidth=0.8).cycles == 128 + 8 + 10 + 32


def test_a_model_for_the_cpu_alone() -> None:
    whole = program()
    host = HostSegment(program=whole, reasons={"odd": "CumSum is computed in float"})
    found = evaluate((host,), whole, MACHINE, Limits())
    assert evaluation_fields(found)["fps"] == 0
    assert "estimate FPS float = 0" in evaluation_text(found)
