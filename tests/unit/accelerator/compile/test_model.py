"""Whole models: which batches are compiled, and what variants share."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from toolchain.accelerator.compile import model
from toolchain.accelerator.compile.model import Batches, compile_model
from toolchain.accelerator.compile.modes import Modes
from toolchain.accelerator.container.records import Container, MachineSegment, Variant
from toolchain.accelerator.cycles.model import timeline
from toolchain.core.machine import Machine
from toolchain.program.records import Program


def cycles(variant: Variant, machine: Machine) -> int:
    segments = [each for each in variant.segments if isinstance(each, MachineSegment)]
    return sum(timeline(each.code, machine).cycles for each in segments)


@pytest.fixture
def small(chain: Callable[..., Program]) -> Program:
    return chain((1, 8, 8, 8), (16, 3), (8, 1))


def test_exactly_the_batches_that_are_asked_for(
    small: Program, sized: Callable[..., Machine]
) -> None:
    found = compile_model([small], sized(8192), name="m", batches=Batches(sizes=(3, 1)))
    assert [(variant.group, variant.batch) for variant in found.variants] == [(0, 1), (0, 3)]
    assert found.name == "m"
    assert found.machine == "toy-2"


@pytest.mark.parametrize(
    ("per_batch", "expected"),
    [
        ({1: 100, 2: 150, 4: 290, 8: 600}, [1, 2, 4]),
        ({1: 100, 2: 200}, [1]),
        ({1: 100, 2: 199, 4: 397, 8: 780}, [1, 2, 4, 8]),
    ],
)
def test_batches_stop_where_they_do_not_pay(
    per_batch: dict[int, int],
    expected: list[int],
    small: Program,
    sized: Callable[..., Machine],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(model._Builder, "_cycles", lambda _, variant: per_batch[variant.batch])
    found = compile_model([small], sized(65536), name="m", batches=Batches(maximum=8))
    assert [variant.batch for variant in found.variants] == expected


def test_batches_are_weighed_by_their_cycles(small: Program, sized: Callable[..., Machine]) -> None:
    machine = sized(65536)
    found = compile_model([small], machine, name="m", batches=Batches(maximum=2))
    one, two = (
        compile_model([small], machine, name="m", batches=Batches(sizes=(size,))).variants[0]
        for size in (1, 2)
    )
    pays = cycles(two, machine) < 2 * cycles(one, machine)
    assert [variant.batch for variant in found.variants] == ([1, 2] if pays else [1])
    assert pays, "two samples share the latency of one"


def test_groups_and_batches_share_the_constants(
    small: Program, chain: Callable[..., Program], sized: Callable[..., Machine]
) -> None:
    wider = chain((1, 8, 8, 12), (16, 3), (8, 1))
    for name in small.constants:
        np.testing.assert_array_equal(small.constants[name], wider.constants[name])
    alone = compile_model([small], sized(8192), name="m", batches=Batches())
    found = compile_model([small, wider], sized(8192), name="m", batches=Batches(sizes=(1, 2)))
    assert [(v.group, v.batch) for v in found.variants] == [(0, 1), (0, 2), (1, 1), (1, 2)]
    assert found.constants == alone.constants
    # 16 * (72 + 4 + 4) bytes are a multiple of 64; 8 * (16 + 4 + 4) follow.
    assert len(found.constants) == 1280 + 192


def test_a_limited_ddr_takes_longer(small: Program, sized: Callable[..., Machine]) -> None:
    machine = sized(8192)
    found: list[Container] = [
        compile_model([small], machine, name="m", batches=Batches(), modes=Modes(ddr_limit=limit))
        for limit in (None, 50_000_000)
    ]
    fast, slow = (
        timeline(each.variants[0].segments[0].code, machine, ddr_limit=limit).cycles
        for each, limit in zip(found, (None, 50_000_000), strict=True)
        if isinstance(each.variants[0].segments[0], MachineSegment)
    )
    assert slow > fast
