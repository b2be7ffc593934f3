"""Chunks, passes and their parameters, of one convolution, by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from toolchain.accelerator.compile.chunks import chunks
from toolchain.accelerator.compile.costs import Costs, Knobs
from toolchain.accelerator.compile.layout import orders
from toolchain.accelerator.compile.parameters import (
    Stored,
    held_parameters,
    parameter_loads,
)
from toolchain.accelerator.compile.passes import passes
from toolchain.accelerator.compile.plan import Work
from toolchain.accelerator.compile.rules import rule_of
from toolchain.accelerator.compile.rules.base import Facts, Rule
from toolchain.accelerator.compile.tasks import Access, Outside, Place
from toolchain.accelerator.isa.operands import EVERY_CORE, Engine, Space
from toolchain.core.dtypes import DType
from toolchain.core.machine import Machine
from toolchain.program.records import Program


@pytest.fixture
def conv(chain: Callable[..., Program]) -> Callable[..., tuple[Rule, Costs]]:
    """1 x 1, 8 channels to so many, 16 rows of 4: arrays of 4 x 8 x 16 take 16 cycles for each 16.

    A row is a step of the array, and 24 bytes are the parameters of a channel.
    """

    def make(machine: Machine, channels: int, rows: int = 16) -> tuple[Rule, Costs]:
        program = chain((1, 8, rows, 4), (channels,))
        facts = Facts(program=program, depthwise=Engine.CONVOLUTION, moving=Engine.REARRANGEMENT)
        rule = rule_of(program.operations[0], facts)
        return rule, Costs(facts=facts, machine=machine, orders=orders(program))

    return make


def whole(channels: int, rows: int = 16) -> tuple[tuple[int, int], ...]:
    return ((0, 1), (0, channels), (0, rows), (0, 4))


def test_cycles(conv: Callable[..., tuple[Rule, Costs]], toy: Machine) -> None:
    rule, costs = conv(toy, 32)
    assert costs.cycles(rule, whole(32)) == 16 * 2
    assert costs.cycles(rule, ((0, 1), (0, 16), (0, 3), (0, 4))) == 3
    assert costs.cycles(rule, ((0, 1), (8, 32), (3, 4), (1, 2))) == 2


def test_chunks_are_rows_of_equal_work(
    conv: Callable[..., tuple[Rule, Costs]], toy: Machine
) -> None:
    # 16 cycles for two engines; a chunk is worth 2 synchronisations of a cycle: 4 for each.
    rule, costs = conv(replace(toy, sync_cycles=1), 16)
    rows = [box[2] for box in chunks(rule, whole(16), costs)]
    assert rows == [(start, start + 2) for start in range(0, 16, 2)]
    few = replace(costs, knobs=Knobs(chunks=1))
    assert [box[2] for box in chunks(rule, whole(16), few)] == [(0, 8), (8, 16)]


def test_chunks_are_channels_where_there_are_no_rows(
    conv: Callable[..., tuple[Rule, Costs]], toy: Machine
) -> None:
    # One row of 4 positions: 8 cycles for 128 channels.
    rule, costs = conv(replace(toy, sync_cycles=1), 128, 1)
    assert [box[1] for box in chunks(rule, whole(128, 1), costs)] == [
        (0, 32), (32, 64), (64, 96), (96, 128),
    ]  # fmt: skip


def test_what_is_not_worth_a_synchronisation_is_one_chunk(
    conv: Callable[..., tuple[Rule, Costs]], toy: Machine
) -> None:
    rule, costs = conv(replace(toy, sync_cycles=5), 16)
    assert chunks(rule, whole(16), costs) == (whole(16),)


def test_few_parameters_are_one_pass(
    conv: Callable[..., tuple[Rule, Costs]], sized: Callable[..., Machine]
) -> None:
    rule, costs = conv(sized(1 << 20), 64)
    (only,) = passes(rule, Work(step=0, group=0, tile=0, own={0: whole(64)}), costs)
    assert only.rows == {0: ((0, 64),) * 3}


def test_passes_are_whole_steps_of_the_array(
    conv: Callable[..., tuple[Rule, Costs]], sized: Callable[..., Machine]
) -> None:
    # 100 channels of 8 + 4 + 4 bytes, a quarter of 2048 at a time: 4 passes of 16 or 32.
    rule, costs = conv(sized(2048), 100)
    assert costs.pass_bytes == 512
    found = list(passes(rule, Work(step=0, group=0, tile=0, own={0: whole(100)}), costs))
    assert [now.rows[0][0] for now in found] == [(0, 16), (16, 48), (48, 80), (80, 100)]
    for now in found:
        assert {box[1] for box in now.chunks[0]} == {now.rows[0][0]}
        rows = sorted(box[2] for box in now.chunks[0])
        assert (rows[0][0], rows[-1][1]) == (0, 16)


def test_cores_have_passes_of_their_own_rows(
    conv: Callable[..., tuple[Rule, Costs]], sized: Callable[..., Machine]
) -> None:
    rule, costs = conv(sized(2048, cores=2, link=8), 96)
    own = {core: ((0, 1), (48 * core, 48 * core + 48), (0, 16), (0, 4)) for core in (0, 1)}
    found = list(passes(rule, Work(step=0, group=0, tile=0, own=own), costs))
    assert [[now.rows[core][0] for core in (0, 1)] for now in found] == [
        [(0, 16), (48, 64)],
        [(16, 48), (64, 96)],
    ]


IMAGE = Place(space=Space.CONSTANTS, offset=0, dtype=DType.UINT8, shape=(9000,), order=(0,))


@pytest.mark.parametrize(("link", "core"), [(8, EVERY_CORE), (None, 0)])
def test_loads_of_parameters(
    link: int | None,
    core: int,
    conv: Callable[..., tuple[Rule, Costs]],
    sized: Callable[..., Machine],
) -> None:
    # Weights of 8 bytes a channel, bias and factors of 4: in the order of the parameters.
    rule, costs = conv(sized(65536, cores=2, link=link), 20)
    own = {each: ((0, 1), (4, 20), (8 * each, 8 * each + 8), (0, 4)) for each in (0, 1)}
    (now,) = passes(rule, Work(step=0, group=0, tile=0, own=own), costs)
    held = held_parameters(rule, now, costs)
    assert (held.buffer.size, held.offsets) == (256, (0, 128, 192))
    stored = Stored(place=IMAGE, offsets=(1000, 2000, 3000))
    found = list(parameter_loads(rule, now, held, stored, costs))
    first = [load for to, load in found if to == core]
    assert len(found) == len(first) * (1 if core == EVERY_CORE else 2)
    boxes = []
    for load in first:
        assert isinstance(load.source, Outside)
        assert isinstance(load.target, Access)
        boxes.append((load.source.box, load.target.box))
    assert boxes == [
        (((1032, 1160),), ((0, 128),)),
        (((2016, 2080),), ((128, 192),)),
        (((3016, 3080),), ((192, 256),)),
    ]


def test_parameters_come_in_pieces(
    conv: Callable[..., tuple[Rule, Costs]], sized: Callable[..., Machine]
) -> None:
    # Of at least 1024 bytes, where cores exchange results in between; 8 * 250 bytes of weights.
    rule, costs = conv(sized(1 << 20, cores=2, link=8), 250)
    (now,) = passes(rule, Work(step=0, group=0, tile=0, own={0: whole(250)}), costs)
    held = held_parameters(rule, now, costs)
    stored = Stored(place=IMAGE, offsets=(0, 2000, 3008))
    loads = [load for _, load in parameter_loads(rule, now, held, stored, costs)]
    assert [load.target.box for load in loads] == [
        ((0, 1024),),
        ((1024, 2000),),
        ((2000, 3000),),
        ((3008, 4008),),
    ]
