"""What is decided before anything has an address: tiles, cores, and what stays on the chip."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from toolchain.accelerator.compile.boxes import Box
from toolchain.accelerator.compile.rules.base import Rule


class Residence(StrEnum):
    """Where a tensor is between the operation that makes it and those that read it."""

    CHIP = "chip"
    """In the memories of the cores, from its first element to its last use."""
    TILE = "tile"
    """On the chip, tile by tile: a tile of it is gone when the next one is made."""
    DDR = "ddr"
    """Outside: stored behind the operation that makes it, loaded before each that reads it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One step on one tile.

    Attributes:
        step: Number of the step.
        group: Number of the group of steps that run through tiles together.
        tile: Number of the tile in its group.
        own: The part of the result that each core makes.
    """

    step: int
    group: int
    tile: int
    own: Mapping[int, Box]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What every core does, in order.

    Attributes:
        steps: The rules of all results in the order of the program.
        works: All work, in an order in which everything is made before it is read.
        residence: Where every tensor is.
    """

    steps: tuple[Rule, ...]
    works: tuple[Work, ...]
    residence: Mapping[str, Residence]
