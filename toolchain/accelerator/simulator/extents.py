"""Which bytes a view covers, exactly."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from toolchain.accelerator.isa.operands import View


@dataclass(frozen=True, kw_only=True)
class Extent:
    """Runs of neighbouring bytes, at equal distances along any number of axes.

    Attributes:
        first: First byte of all.
        run: Bytes of a run.
        axes: Distance and count of runs along every axis, large distances first.
    """

    first: int
    run: int
    axes: tuple[tuple[int, int], ...]

    @property
    def behind(self) -> int:
        """The byte behind the last."""
        return self.first + sum((n - 1) * step for step, n in self.axes) + self.run

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """First bytes of all runs, rising; equal ones can occur."""
        found = np.asarray([self.first], np.int64)
        for step, n in self.axes:
            found = (found[:, None] + np.arange(n, dtype=np.int64) * step).ravel()
        found.sort()
        return found

    def of(self, flags: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """The flags of all bytes, where one flag stands for each byte of the memory."""
        shape = (*(n for _, n in self.axes), self.run)
        return as_strided(flags[self.first :], shape, (*(step for step, _ in self.axes), 1))


def extent(view: View) -> Extent:
    """The bytes of a view; repeated elements once, neighbours joined."""
    steps = sorted(
        (abs(s), n) for n, s in zip(view.shape, view.strides, strict=True) if n > 1 and s != 0
    )
    run = view.itemsize
    axes: list[tuple[int, int]] = []
    for step, n in steps:
        inner, many = axes[-1] if axes else (0, 0)
        if not axes and step <= run:
            run += (n - 1) * step
        elif axes and step % inner == 0 and step <= inner * many:
            axes[-1] = inner, many + (n - 1) * step // inner
        else:
            axes.append((step, n))
    return Extent(first=view.span[0], run=run, axes=tuple(reversed(axes)))


def common_byte(a: Extent, b: Extent) -> int | None:
    """A byte that both cover, or None."""
    if a.first >= b.behind or b.first >= a.behind or _apart(a, b):
        return None
    at = np.searchsorted(b.starts, a.starts - b.run, side="right")
    candidates = b.starts[np.minimum(at, len(b.starts) - 1)]
    meets = (candidates < a.starts + a.run) & (candidates > a.starts - b.run)
    hits = np.flatnonzero(meets)
    if not len(hits):
        return None
    return int(max(a.starts[hits[0]], candidates[hits[0]]))


def _apart(a: Extent, b: Extent) -> bool:
    """True if all runs of both lie in different parts of the common period of all distances."""
    period = math.gcd(*(step for step, _ in (*a.axes, *b.axes)))
    if period == 0:
        return False
    distance = (b.first - a.first) % period
    return distance >= a.run and distance + b.run <= period
