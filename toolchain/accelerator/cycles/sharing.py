"""The DDR as transfers share it: every one at work gets the same, and no more than its width."""

from __future__ import annotations

from fractions import Fraction
from math import lcm


class SharedBandwidth:
    """Transfers at work, and what each has left, exactly.

    Shares are set anew in every cycle in which a transfer begins or ends; one that ends within a
    cycle occupies its share until the end of that cycle. Bytes are counted in parts so small that
    the share of any number of transfers is a whole number of them.
    """

    def __init__(self, *, bandwidth: Fraction, width: int, transfers: int) -> None:
        """Make an idle one.

        Args:
            bandwidth: Bytes per cycle of all transfers together.
            width: Bytes per cycle of one, at most.
            transfers: The most that are ever at work at a time.
        """
        parts = lcm(*range(1, max(1, transfers) + 1))
        self._parts = parts * bandwidth.denominator
        self._total = parts * bandwidth.numerator
        self._width = self._parts * width
        self._now = 0
        self._left: dict[int, int] = {}

    def begin(self, transfer: int, size: int) -> None:
        """Let a transfer of `size` bytes begin now."""
        self._left[transfer] = size * self._parts

    def next_end(self) -> int | None:
        """The cycle in which the next one ends if no other begins; None if none is at work."""
        if not self._left:
            return None
        return self._now - (-min(self._left.values()) // self._rate())

    def go_to(self, now: int) -> list[int]:
        """Let time go on, no further than the next end; the transfers that are done by then."""
        if self._left and now > self._now:
            moved = self._rate() * (now - self._now)
            for transfer in self._left:
                self._left[transfer] -= moved
        self._now = now
        done = sorted(transfer for transfer, left in self._left.items() if left <= 0)
        for transfer in done:
            del self._left[transfer]
        return done

    def _rate(self) -> int:
        """Parts that each of them gets in a cycle."""
        return min(self._width, self._total // len(self._left))
