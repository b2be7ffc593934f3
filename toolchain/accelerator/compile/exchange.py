"""Which parts of a result go from the core that makes them to others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from toolchain.accelerator.compile.boxes import Box, common, without

if TYPE_CHECKING:
    from toolchain.accelerator.compile.tasks import Buffer


def given(
    box: Box, core: int, buffer: Buffer, made: Mapping[int, Sequence[Box]]
) -> Iterator[tuple[int, Box]]:
    """What other cores need of a part that a core makes, and do not make themselves.

    What several cores make is given by the first of them.

    Args:
        box: The part.
        core: Who makes it.
        buffer: The buffer of the result, with what every core has of it.
        made: What each core makes of it.

    Yields:
        Cores, each with a part that it is given.
    """
    for other, held in buffer.boxes.items():
        shared = None if other == core else common(box, held)
        if shared is None:
            continue
        rest: tuple[Box, ...] = (shared,)
        for maker in sorted({other, *(each for each in made if each < core)}):
            for own in made.get(maker, ()):
                rest = tuple(part for each in rest for part in without(each, own))
        for part in rest:
            yield other, part
