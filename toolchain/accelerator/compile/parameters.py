"""Buffers of parameters, the same places in every core, and the transfers that fill them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolchain.accelerator.compile.image import packed
from toolchain.accelerator.compile.tasks import Access, Buffer, Outside, Place, Transfer
from toolchain.accelerator.isa.operands import EVERY_CORE
from toolchain.core.dtypes import DType

if TYPE_CHECKING:
    from toolchain.accelerator.compile.costs import Costs
    from toolchain.accelerator.compile.passes import Pass
    from toolchain.accelerator.compile.rules.base import Parameter, Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """Parameters of a step in the DDR.

    Attributes:
        place: The region of constants, as a tensor of bytes.
        offsets: Where in it each of them begins.
    """

    place: Place
    offsets: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Parameters on the chip.

    Attributes:
        buffer: What holds them.
        offsets: Where in it each of them begins.
    """

    buffer: Buffer
    offsets: tuple[int, ...]


def held_parameters(rule: Rule, now: Pass, costs: Costs) -> Held:
    """A buffer for the parameters of a pass, as large as the core wants it that needs most."""
    lengths = (
        [
            row_bytes(parameter) * (stop - start)
            for parameter, (start, stop) in zip(rule.parameters, rows, strict=True)
        ]
        for rows in now.rows.values()
    )
    offsets, end = packed([max(of) for of in zip(*lengths, strict=True)])
    buffer = Buffer(
        name=f"{rule.name} parameters",
        size=end,
        space=costs.parameter_space,
        boxes=dict.fromkeys(now.rows, ((0, end),)),
        dtype=DType.UINT8,
        order=(0,),
        loaded=True,
    )
    return Held(buffer=buffer, offsets=offsets)


def parameter_loads(
    rule: Rule, now: Pass, held: Held, stored: Stored, costs: Costs
) -> Iterator[tuple[int, Transfer]]:
    """Transfers of the rows of every core; of `EVERY_CORE` at once, where all need the same."""
    machine = costs.machine
    every, *others = now.rows.values()
    together = (
        machine.interconnect is not None
        and len(now.rows) == machine.cores > 1
        and all(rows == every for rows in others)
    )
    targets = {EVERY_CORE: every} if together else now.rows
    for core, rows in targets.items():
        for index, (parameter, (start, stop)) in enumerate(zip(rule.parameters, rows, strict=True)):
            length = row_bytes(parameter)
            begin = stored.offsets[index] + start * length
            for first, last in _pieces((stop - start) * length, costs.piece_bytes):
                source = Outside(stored.place, ((begin + first, begin + last),))
                box = ((held.offsets[index] + first, held.offsets[index] + last),)
                yield core, Transfer(source, Access(held.buffer, core, box))


def _pieces(length: int, most: int) -> Iterator[tuple[int, int]]:
    for start in range(0, length, most):
        yield start, min(start + most, length)


def row_bytes(parameter: Parameter) -> int:
    """Bytes of one row of a parameter."""
    rows: int = parameter.array.shape[0]
    return parameter.array.nbytes // rows
