"""What a run says of the machine, by hand; `toy` is described in test_model.py."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from toolchain.accelerator.bounds import program_bound
from toolchain.accelerator.cycles.model import timeline
from toolchain.accelerator.cycles.operations import operation_times
from toolchain.accelerator.cycles.summary import operation_roofline, summarise
from toolchain.accelerator.isa.instructions import Multiply
from toolchain.accelerator.isa.operands import Engine, Queue, Rounding, Space, ToInteger, View, Wait
from toolchain.accelerator.transfers import Traffic
from toolchain.core.cost import Bound
from toolchain.core.dtypes import DType
from toolchain.core.machine import Machine
from toolchain.core.quant import Rounding as Rule
from toolchain.program.records import MatMul, Program, Requantize, Tensor

C0, T0, D0 = (Queue(0, e, 0) for e in (Engine.CONVOLUTION, Engine.TENSOR, Engine.TRANSFER))


def multiply(*waits: Wait, operation: int = 0) -> Multiply:
    """(16, 16) @ (16, 16): 4096 MACs, 4 * 2 * 1 = 8 steps of the array."""
    matrix = View(
        space=Space.MEMORY,
        offset=0,
        dtype=DType.INT8,
        shape=(1, 16, 16),
        strides=(256, 16, 1),
    )
    finish = ToInteger(
        rounding=Rounding.HALF_EVEN, exact=False, guard_bits=0, zero_point=0, low=-128, high=127
    )
    return Multiply(
        operation=operation, waits=waits, target=matrix, a=matrix, b=matrix, b_zero=None, bias=None,
        factor=matrix, a_zero=0, finish=finish,
    )  # fmt: skip


def code(micro: Any) -> Any:
    """Load 256 bytes to 128, multiply to 136, fill to 140, store 256 to 268."""
    return micro.code(
        {
            D0: [micro.load(4), micro.store(4, Wait(T0, 1), operation=1)],
            C0: [multiply(Wait(D0, 1))],
            T0: [micro.fill(4, Wait(C0, 1), operation=1)],
        }
    )


def test_operations_share_the_total(toy: Machine, micro: Any) -> None:
    """The first ends at 136, the second puts off the end by 132."""
    first, second = operation_times(timeline(code(micro), toy))
    assert (first.name, first.begin, first.end, first.cycles) == ("first", 0, 136, 136)
    assert (second.name, second.begin, second.end, second.cycles) == ("second", 136, 268, 132)
    assert dict(first.busy) == {
        Engine.CONVOLUTION: 8, Engine.TENSOR: 0, Engine.TRANSFER: 128, Engine.REARRANGEMENT: 0,
    }  # fmt: skip
    assert dict(second.busy)[Engine.TENSOR] == 4
    assert (first.macs, second.macs) == (4096, 0)
    assert (first.traffic, second.traffic) == (Traffic(256, 0), Traffic(0, 256))


def test_an_operation_behind_which_others_end_puts_nothing_off(toy: Machine, micro: Any) -> None:
    """The third ends at 3, the first at 10, the second, which began first, at 20."""
    found = timeline(
        micro.code(
            {
                Queue(0, Engine.TENSOR, 0): [micro.fill(20, operation=1)],
                Queue(0, Engine.TENSOR, 1): [micro.fill(10, operation=0)],
                Queue(0, Engine.TENSOR, 2): [micro.fill(3, operation=2)],
            }
        ),
        toy,
    )
    assert [each.cycles for each in operation_times(found)] == [7, 10, 3]


def test_a_summary(toy: Machine, micro: Any) -> None:
    found = summarise([timeline(code(micro), toy)], batch=2)
    assert found.cycles == 268
    # 100 MHz.
    assert found.latency_us == 2.68
    assert found.frames_per_second == pytest.approx(2 / 2.68e-6)
    assert (found.traffic_read, found.traffic_written) == (256, 256)
    uses = {use.engine: use for use in found.engines}
    # 2 cores: 4 arrays, 6 tensor engines, 2 transfer engines, 2 of rearrangement.
    assert [use.count for use in found.engines] == [4, 6, 2, 2]
    assert uses[Engine.CONVOLUTION].utilisation == 8 / (4 * 268)
    assert dict(uses[Engine.CONVOLUTION].stalled) == {Engine.TRANSFER: 128}
    assert dict(uses[Engine.TENSOR].stalled) == {Engine.CONVOLUTION: 136}
    # From 128 to 140, for the fill.
    assert dict(uses[Engine.TRANSFER].stalled) == {Engine.TENSOR: 12}
    assert uses[Engine.TRANSFER].busy == 256
    assert uses[Engine.TRANSFER].idle == 2 * 268 - 256 - 12
    assert uses[Engine.REARRANGEMENT].utilisation == 0
    # 2 cores of 2 arrays of 512.
    assert found.macs_utilisation == 4096 / (2048 * 268)
    assert found.gap is None
    assert "model" in found.note
    without = summarise([timeline(code(micro), replace(toy, rearrangement=None))], batch=1)
    assert [use.engine for use in without.engines] == list(Engine)[:3]


def test_what_sharing_costs(toy: Machine, micro: Any) -> None:
    """Both at 1.5 bytes per cycle: 43 cycles for 64 bytes, not 32."""
    both = micro.code({D0: [micro.load(1)], Queue(1, Engine.TRANSFER, 0): [micro.load(1)]})
    found = summarise([timeline(both, toy)], batch=1)
    (use,) = (use for use in found.engines if use.engine is Engine.TRANSFER)
    assert (use.busy, use.shared) == (86, 22)


def test_segments_are_added_up(toy: Machine, micro: Any) -> None:
    once = timeline(code(micro), toy)
    found = summarise([once, once], batch=1)
    assert found.cycles == 536
    assert [each.begin for each in found.operations] == [0, 136, 268, 404]
    assert found.roofline.macs == 8192
    assert found.engines[0].available == 4 * 536
    assert sum(each.cycles for each in found.operations) == 536


def test_the_roofline(toy: Machine, micro: Any) -> None:
    """2048 MACs and 3 bytes per cycle: below 682.7 MACs per byte the memory limits."""
    found = summarise([timeline(code(micro), toy)], batch=1)
    roof = found.roofline
    assert (roof.intensity, roof.bound) == (8, Bound.MEMORY)
    assert roof.ridge == pytest.approx(682.667, abs=1e-3)
    assert roof.least_cycles == Fraction(512, 3)
    assert roof.reached == pytest.approx(512 / 3 / 268)
    # 8 cycles of four arrays, 128 of two transfer engines, but 256 bytes at 3 per cycle.
    first = operation_roofline(found.operations[0], found)
    assert (first.macs, first.bytes, first.cycles, first.intensity) == (4096, 256, 86, 16)
    inside = replace(roof, macs=2048, bytes=0, cycles=4)
    assert (inside.intensity, inside.bound, inside.reached) == (None, Bound.COMPUTE, 0.25)


def test_the_gap_to_the_bound(toy: Machine, micro: Any) -> None:
    """x, w and f are 256 + 256 + 4, y is 256: 772 bytes at 3 per cycle."""
    product = Program(
        name="p",
        rounding=Rule.HALF_EVEN,
        inputs=("x",),
        outputs=("y",),
        tensors={n: Tensor(name=n, dtype=DType.INT8, shape=(16, 16)) for n in "xy"},
        constants={"w": np.zeros((16, 16), np.int8), "f": np.ones((), np.float32)},
        operations=(
            MatMul(
                name="m", inputs=("x",), outputs=("y",), b="w", b_zero_point=None, bias=None,
                a_zero_point=0,
                finish=Requantize(factor="f", zero_point=0, low=-128, high=127),
            ),
        ),
    )  # fmt: skip
    bound = program_bound(product, toy)
    found = summarise([timeline(code(micro), toy)], batch=1, bound=bound)
    # One product: 8 steps on 4 arrays.
    assert (found.compute_bound, found.transfer_bound, found.bound_cycles) == (2, 258, 258)
    assert found.gap == pytest.approx(268 / 258)
