"""Which batch sizes a program is compiled for, and how others run as several of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

from toolchain.errors import Code, DataError


def dynamic_batches(maximum: int, cycles_of: Callable[[int], int]) -> tuple[int, ...]:
    """1, 2, 4 and so on up to `maximum`, as long as the cycles per sample fall.

    `cycles_of` estimates a batch; it is asked for one batch after the other, and no further than
    for the first that does not pay, which is left out (Pulsar2, dynamic multi-batch mode).
    """
    found: list[int] = []
    best: Fraction | None = None
    size = 1
    while size <= maximum:
        per_sample = Fraction(cycles_of(size), size)
        if best is not None and per_sample >= best:
            break
        found.append(size)
        best = per_sample
        size *= 2
    return tuple(found)


def composed(count: int, sizes: Sequence[int]) -> tuple[int, ...]:
    """`count` samples as runs of `sizes`, the largest first: 3 of (1, 2, 4) is (2, 1).

    Of all ways the one that begins with the largest runs, which is the greedy one where that comes
    out even (Pulsar2, inference of a multi-batch model).

    Raises:
        DataError: DATA_MISMATCH where no runs of these sizes make up the count.
    """
    ordered = sorted(set(sizes), reverse=True)
    # The largest size that a way to make up so many samples can begin with.
    first: dict[int, int] = {}
    for total in range(1, count + 1):
        for size in ordered:
            if size == total or (total - size) in first:
                first[total] = size
                break
    if count not in first:
        raise DataError(
            Code.DATA_MISMATCH,
            f"{count} samples cannot be made up of the batches that the program is compiled for",
            got=count,
            allowed=f"sums of {', '.join(map(str, reversed(ordered)))}",
            hint="compile for batch 1 as well, which makes up every number",
        )
    runs = []
    while count:
        runs.append(first[count])
        count -= first[count]
    return tuple(runs)
