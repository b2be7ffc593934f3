"""Plans: which steps run through tiles together, and which core makes what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolchain.accelerator.compile.plan import Plan, Residence, Work
from toolchain.accelerator.compile.sharing import shares

if TYPE_CHECKING:
    from toolchain.accelerator.compile.costs import Costs
    from toolchain.accelerator.compile.rules.base import Rule


def resident_plan(steps: tuple[Rule, ...], costs: Costs) -> Plan:
    """Everything on the chip, step by step."""
    facts = costs.facts
    works = tuple(
        Work(step=number, group=0, tile=0, own=own)
        for number, own in enumerate(shares(steps, costs))
    )
    outside = {*facts.program.inputs, *facts.program.outputs}
    residence = {
        name: Residence.DDR if name in outside else Residence.CHIP for name in facts.program.tensors
    }
    return Plan(steps=steps, works=works, residence=residence)
