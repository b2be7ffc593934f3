"""How a segment is compiled, where users have a say."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Modes:
    """What the compiler may do, and how long it looks for something better.

    Attributes:
        ddr_limit: Bytes of a second that the DDR may be asked for at most; None: all it has.
        tiles: Several steps may run through tiles of rows together.
        slices: Several steps may run through slices of channels together.
        deep: Try everything that there is to try, however long it takes.
    """

    ddr_limit: int | None = None
    tiles: bool = True
    slices: bool = True
    deep: bool = False


AUTOMATIC = Modes()
"""Whatever the compiler thinks quickest, within a few tries."""
