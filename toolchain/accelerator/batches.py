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
    out even (Pulsar2, inference of a multi-batch model): 4 of (2, 3) is (2, 2).

    Raises:
        DataError: DATA_MISMATCH where no runs of these sizes make up the count, which must be at
            least 1.
    """
    possible = [True] + [False] * count
    for total in range(1, count + 1):
        possible[total] = any(size <= total and possible[total - size] for size in sizes)
    if count < 1 or not possible[count]:
        raise _not_composed(count, sorted(set(sizes)), possible)
    runs: list[int] = []
    rest = count
    for size in sorted(set(sizes), reverse=True):
        while rest >= size and possible[rest - size]:
            runs.append(size)
            rest -= size
    return tuple(runs)


def _not_composed(count: int, sizes: Sequence[int], possible: Sequence[bool]) -> DataError:
    fewer = [total for total in range(1, count) if possible[total]][-1:]
    nearest = f"as {fewer[0]}" if fewer else f"from {sizes[0]} on"
    return DataError(
        Code.DATA_MISMATCH,
        "No sum of the batches that the model was compiled for is this number of samples",
        got=count,
        allowed=f"sums of {', '.join(map(str, sizes))}, {nearest}"
        if len(sizes) > 1
        else f"multiples of {sizes[0]}",
        hint="feed another number of samples, or build with 1 among the batches",
    )
