"""Plans: what they promise, whatever they decide."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from toolchain.accelerator.compile.boxes import Box, whole, without
from toolchain.accelerator.compile.costs import Costs
from toolchain.accelerator.compile.layout import orders
from toolchain.accelerator.compile.plan import Plan, Residence
from toolchain.accelerator.compile.planning import plans
from toolchain.accelerator.compile.rules.base import Facts
from toolchain.accelerator.compile.rules.steps import steps_of
from toolchain.accelerator.isa.operands import Engine
from toolchain.core.machine import Machine
from toolchain.program.records import Program

LAYERS = ((16, 3), (16, 3, 1, True), (24, 1), (24, 3, 2), (8, 1))


@pytest.fixture
def plans_of() -> Callable[[Program, Machine], list[Plan]]:
    def make(program: Program, machine: Machine) -> list[Plan]:
        facts = Facts(program=program, depthwise=Engine.CONVOLUTION, moving=Engine.TENSOR)
        costs = Costs(facts=facts, machine=machine, orders=orders(program))
        steps = steps_of(facts, costs.orders)
        return list(islice(plans(steps, costs), 6))

    return make


def left(box: Box, parts: list[Box]) -> tuple[Box, ...]:
    """What no part has of a box."""
    rest: tuple[Box, ...] = (box,)
    for part in parts:
        rest = tuple(piece for each in rest for piece in without(each, part))
    return rest


@pytest.mark.parametrize("cores", [1, 2, 3])
@pytest.mark.parametrize("memory", [65536, 6144])
def test_everything_is_made_before_it_is_read(
    memory: int,
    cores: int,
    chain: Callable[..., Program],
    sized: Callable[..., Machine],
    plans_of: Callable[[Program, Machine], list[Plan]],
) -> None:
    program = chain((1, 8, 20, 16), *LAYERS)
    link = None if cores == 1 else 8
    for plan in plans_of(program, sized(memory, cores=cores, link=link)):
        # Tiles know of each other's results only where these are outside, or kept on the chip.
        made: dict[str, list[Box]] = defaultdict(list)
        within: dict[tuple[str, int, int], list[Box]] = defaultdict(list)
        groups = {work.step: work.group for work in plan.works}
        for work in plan.works:
            rule = plan.steps[work.step]
            assert work.own
            assert set(work.own) <= set(range(cores))
            for core, own in work.own.items():
                for name, need in zip(rule.inputs, rule.needs(own), strict=True):
                    assert need is not None
                    if name == "x":
                        continue
                    tile = (name, work.group, work.tile)
                    local = plan.residence[name] is Residence.TILE
                    assert not left(need, within[tile] if local else made[name]), (core, name)
            for own in work.own.values():
                made[rule.output].append(own)
                within[rule.output, work.group, work.tile].append(own)
        for number, rule in enumerate(plan.steps):
            shape = program.tensors[rule.output].shape
            assert not left(whole(shape), made[rule.output]), "not all of it is made"
            if plan.residence[rule.output] is Residence.TILE:
                assert groups[number] == groups[number + 1]
        assert plan.residence["x"] is plan.residence["t4"] is Residence.DDR


def test_with_one_tile_nothing_is_made_twice(
    chain: Callable[..., Program],
    sized: Callable[..., Machine],
    plans_of: Callable[[Program, Machine], list[Plan]],
) -> None:
    program = chain((1, 8, 20, 16), *LAYERS)
    (first, *_) = plans_of(program, sized(65536))
    assert [work.own for work in first.works] == [
        {0: whole(program.tensors[f"t{number}"].shape)} for number in range(5)
    ]
    assert set(first.residence.values()) == {Residence.CHIP, Residence.DDR}


def as_json(plan: Plan) -> dict[str, Any]:
    return {
        "residence": {name: str(residence) for name, residence in sorted(plan.residence.items())},
        "works": [
            {
                "step": plan.steps[work.step].name,
                "group": work.group,
                "tile": work.tile,
                "own": {
                    str(core): " ".join(f"{a}:{b}" for a, b in box)
                    for core, box in work.own.items()
                },
            }
            for work in plan.works
        ],
    }


def test_golden_plan(
    chain: Callable[..., Program],
    sized: Callable[..., Machine],
    plans_of: Callable[[Program, Machine], list[Plan]],
) -> None:
    """Set TC_UPDATE_GOLDEN to write the file anew, and review the difference."""
    program = chain((1, 8, 20, 16), *LAYERS)
    plan = plans_of(program, sized(6144, cores=2, link=8))[2]
    path = Path(__file__).parent / "plan.golden.json"
    found = json.dumps(as_json(plan), indent=1) + "\n"
    if os.environ.get("TC_UPDATE_GOLDEN"):
        path.write_text(found, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == found
