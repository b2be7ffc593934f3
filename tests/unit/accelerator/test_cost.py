"""Every number here was computed by hand from the figures of the fixture `toy`."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tc_target_dpu.facts import SPEC as DPU
from toolchain.accelerator.cost import machine_cost_model, machine_cost_models
from toolchain.core.cost import Bound, MatrixShape, OperationCost, OperationEstimate
from toolchain.core.dtypes import DType
from toolchain.core.machine import Ddr, Machine
from toolchain.core.target import Platform

CONV = OperationCost(
    name="conv", kind="Conv", dtype=DType.INT8, macs=18432,
    products=MatrixShape(count=1, rows=16, depth=72, columns=16, window=9),
    element_steps=0, weight_bytes=1156, input_bytes=128, output_bytes=256,
)  # fmt: skip
ADD = OperationCost(
    name="add", kind="Binary add", dtype=DType.INT8, macs=0, products=None,
    element_steps=256, weight_bytes=0, input_bytes=256, output_bytes=256,
)  # fmt: skip
FEW = replace(ADD, name="few", element_steps=5)
ISLAND = replace(ADD, name="odd", kind="float CumSum")
IMAGE = replace(ADD, name="image", kind="Quantize")
MOVE = replace(ADD, name="move", kind="Move transpose", element_steps=0)


@pytest.fixture
def slow(toy: Machine) -> Machine:
    """The toy with times to wait: 20 cycles to the first byte, 5 from engine to engine."""
    return replace(toy, sync_cycles=5, ddr=Ddr(megabytes_per_second=300, latency_cycles=20))


def estimated(*machines: Machine, cores: int) -> tuple[OperationEstimate, ...]:
    model = machine_cost_model("toy", Platform(name="a", summary="", machines=machines))
    return model.function((IMAGE, CONV, ADD, FEW, MOVE, ISLAND), cores)


def test_cycles_of_the_machine_as_time(slow: Machine) -> None:
    found = estimated(slow, cores=2)
    # Constants, 3 bytes in a cycle: 386 and 25 cycles of waits. 52 steps by fives on 6 engines: 9
    # and a wait. 1 step and a wait. At 100 MHz.
    assert [each.latency_us for each in found] == pytest.approx([0, 4.11, 0.14, 0.06, 0, 0])
    assert [each.bound for each in found[1:4]] == [Bound.MEMORY, Bound.COMPUTE, Bound.OVERHEAD]


def test_the_machine_of_so_many_cores(slow: Machine) -> None:
    one = replace(slow, name="toy-1", cores=1)
    # 52 steps on 3 engines instead of 6: 18 cycles and a wait.
    assert estimated(one, slow, cores=1)[2].latency_us == pytest.approx(0.23)
    assert estimated(one, slow, cores=2)[2].latency_us == pytest.approx(0.14)
    assert estimated(one, slow, cores=3)[2].latency_us == pytest.approx(0.14)


def test_a_model_for_every_chip_with_machines() -> None:
    assert [each.platforms for each in machine_cost_models(DPU)] == [
        (platform.name,) for platform in DPU.platforms
    ]
    bare = replace(DPU, platforms=tuple(replace(p, machines=()) for p in DPU.platforms))
    assert machine_cost_models(bare) == []
