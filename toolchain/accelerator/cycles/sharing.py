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

    def __init__(
        self, *, bandwidth: Fraction, width: int, transfers: int, limited: Fraction | None = None
    ) -> None:
        """Make an idle one.

        Args:
            bandwidth: Bytes per cycle of all transfers together.
            width: Bytes per cycle of one, at most.
            transfers: The most that are ever at work at a time.
            limited: Bytes per cycle of all limited transfers together; None: as the others.
        """
        parts = lcm(*range(1, max(1, transfers) + 1))
        below = bandwidth if limited is None else limited
        self._parts = parts * bandwidth.denominator * below.denominator
        self._total = int(self._parts * bandwidth)
        self._below = int(self._parts * below)
        self._width = self._parts * width
        self._now = 0
        self._left: dict[int, int] = {}
        self._limited: set[int] = set()

    def begin(self, transfer: int, size: int, *, limited: bool = False) -> None:
        """Let a transfer of `size` bytes begin now."""
        self._left[transfer] = size * self._parts
        if limited:
            self._limited.add(transfer)

    def next_end(self) -> int | None:
        """The cycle in which the next one ends if no other begins; None if none is at work."""
        if not self._left:
            return None
        return self._now + min(
            -(-left // self._rate(transfer)) for transfer, left in self._left.items()
        )

    def go_to(self, now: int) -> list[int]:
        """Let time go on, no further than the next end; the transfers that are done by then."""
        if self._left and now > self._now:
            for transfer in self._left:
                self._left[transfer] -= self._rate(transfer) * (now - self._now)
        self._now = now
        done = sorted(transfer for transfer, left in self._left.items() if left <= 0)
        for transfer in done:
            del self._left[transfer]
        self._limited.difference_update(done)
        return done

    def _rate(self, transfer: int) -> int:
        """Parts that it gets in a cycle; what limited ones leave over is nobody's."""
        rate = min(self._width, self._total // len(self._left))
        if transfer in self._limited:
            return min(rate, self._below // len(self._limited))
        return rate
