"""Bytes of pieces against a count of every run by itself."""

from __future__ import annotations

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from toolchain.accelerator.isa.instructions import Copy, Fill
from toolchain.accelerator.isa.operands import Space, View
from toolchain.accelerator.transfers import Traffic, ddr_traffic, elements_bytes, piece_bytes
from toolchain.core.dtypes import DType
from toolchain.core.machine import TransferEngine

TRANSFER = TransferEngine(count=1, bytes_per_cycle=2, burst_bytes=64, alignment=16)


def view(offset: int, shape: tuple[int, ...], strides: tuple[int, ...], space: Space) -> View:
    return View(space=space, offset=offset, dtype=DType.INT16, shape=shape, strides=strides)


@given(
    offset=st.integers(0, 500),
    run=st.integers(1, 90),
    axes=st.lists(st.tuples(st.integers(2, 70), st.integers(100, 400)), max_size=2),
    piece=st.sampled_from((16, 64, 256)),
)
def test_every_run_takes_the_pieces_that_it_touches(
    offset: int, run: int, axes: list[tuple[int, int]], piece: int
) -> None:
    """Runs of `run` elements of 2 bytes, which no stride of more than 180 continues."""
    strides = [2 * stride for _, stride in axes]
    shape = (*(extent for extent, _ in axes), run)
    found = piece_bytes(view(2 * offset, shape, (*strides, 2), Space.WORK), piece)
    pieces = 0
    for indices in product(*(range(extent) for extent, _ in axes)):
        first = 2 * offset + sum(i * s for i, s in zip(indices, strides, strict=True))
        pieces += (first + 2 * run - 1) // piece - first // piece + 1
    assert found == pieces * piece


def test_a_transposed_view_is_one_run() -> None:
    packed = view(0, (8, 4, 16), (2, 256, 16), Space.WORK)
    assert piece_bytes(packed, 64) == 1024 == elements_bytes(packed)


def test_an_axis_between_that_is_cut_out_makes_runs() -> None:
    """3 of 4 rows of 32 bytes, 5 times: 96 bytes every 128, two bursts each."""
    assert piece_bytes(view(0, (5, 3, 16), (128, 32, 2), Space.WORK), 64) == 5 * 128


def test_directions() -> None:
    inside = view(0, (32,), (2,), Space.MEMORY)
    outside = view(0, (32,), (2,), Space.WORK)
    source = view(0, (32,), (2,), Space.INPUT)
    load = Copy(operation=0, target=inside, source=source)
    store = Copy(operation=0, target=outside, source=inside)
    through = Copy(operation=0, target=outside, source=source)
    assert ddr_traffic(load, TRANSFER) == Traffic(64, 0)
    assert ddr_traffic(store, TRANSFER) == Traffic(0, 64)
    assert ddr_traffic(through, TRANSFER) == Traffic(64, 64)
    assert ddr_traffic(Fill(operation=0, target=outside, value=1), TRANSFER) == Traffic(0, 64)
    assert ddr_traffic(Copy(operation=0, target=inside, source=inside), TRANSFER).bytes == 0
