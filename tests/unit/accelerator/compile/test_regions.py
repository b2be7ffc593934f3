"""Where tensors lie in the DDR, by hand."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from toolchain.accelerator.compile.costs import Costs
from toolchain.accelerator.compile.layout import orders
from toolchain.accelerator.compile.plan import Plan, Residence
from toolchain.accelerator.compile.regions import regions_of
from toolchain.accelerator.compile.rules.base import Facts
from toolchain.accelerator.compile.rules.steps import steps_of
from toolchain.accelerator.isa.operands import Engine, Space
from toolchain.core.machine import Machine
from toolchain.program.records import Program


@pytest.mark.parametrize("inner", [Residence.DDR, Residence.CHIP])
def test_tensors_lie_behind_each_other_at_multiples_of_64(
    inner: Residence, chain: Callable[..., Program], toy: Machine
) -> None:
    program = chain((1, 3, 5, 7), (4,), (5,), (6,))
    facts = Facts(program=program, depthwise=Engine.CONVOLUTION, moving=Engine.TENSOR)
    costs = Costs(facts=facts, machine=toy, orders=orders(program))
    residence = {"x": Residence.DDR, "t0": inner, "t1": inner, "t2": Residence.DDR}
    plan = Plan(steps=steps_of(facts, costs.orders), works=(), residence=residence)
    regions = regions_of(plan, costs, 999)
    # 3, 4, 5 and 6 channels of 35 elements: 105, 140, 175 and 210 bytes.
    outside = {"x": (Space.INPUT, 0), "t2": (Space.OUTPUT, 0)}
    sizes = {Space.INPUT: 128, Space.OUTPUT: 256, Space.CONSTANTS: 999}
    if inner is Residence.DDR:
        outside |= {"t0": (Space.WORK, 0), "t1": (Space.WORK, 192)}
        sizes[Space.WORK] = 192 + 192
    assert {name: (at.space, at.offset) for name, at in regions.tensors.items()} == outside
    assert regions.sizes == sizes
    assert regions.constants.shape == (999,)
    assert all(at.order == (0, 2, 3, 1) for at in regions.tensors.values())
